//! Trees of any size and any two places in them, against RFC 6962 §2.1 written down as it stands there.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use tidegate_kernel_audit::{
    Hash, Nodes, Profile, consistency, consistency_holds, inclusion, inclusion_holds, root,
};

/// MTH of §2.1.
fn naive_root(profile: Profile, leaves: &[Hash]) -> Hash {
    match leaves {
        [] => profile.hash(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            profile.node(&naive_root(profile, left), &naive_root(profile, right))
        }
    }
}

/// PATH of §2.1.1.
fn naive_path(profile: Profile, index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, beside) = match index.checked_sub(left.len()) {
        None => (naive_path(profile, index, left), right),
        Some(index) => (naive_path(profile, index, right), left),
    };
    path.push(naive_root(profile, beside));
    path
}

/// SUBPROOF of §2.1.2.
fn naive_growth(profile: Profile, old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { Vec::new() } else { vec![naive_root(profile, leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, beside) = match old.checked_sub(left.len()) {
        None | Some(0) => (naive_growth(profile, old, left, is_known), right),
        Some(old) => (naive_growth(profile, old, right, false), left),
    };
    path.push(naive_root(profile, beside));
    path
}

struct Leaves<'a>(Profile, &'a [Hash], BTreeMap<(u32, u64), Hash>);

impl Nodes for Leaves<'_> {
    type Error = Infallible;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let first = (index as usize) << level;
        let leaves = &self.1[first..first + (1 << level)];
        Ok(*self.2.entry((level, index)).or_insert_with(|| naive_root(self.0, leaves)))
    }
}

fn leaves(profile: Profile, count: usize) -> Vec<Hash> {
    (0..count).map(|leaf| profile.leaf(&leaf.to_le_bytes())).collect()
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(Profile::Sha256), Just(Profile::Sm3)]
}

#[test]
fn hashes_are_those_of_the_rfc() {
    let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let profile = Profile::Sha256;
    // Of an empty tree and of a leaf without content, as in the tests of Certificate Transparency.
    assert_eq!(hex(profile.empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(hex(profile.leaf(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let leaves = [&b""[..], &[0], &[0x10], &[0x20, 0x21], &[0x30, 0x31], &[0x40, 0x41, 0x42, 0x43]];
    let leaves: Vec<_> = leaves.iter().map(|leaf| profile.leaf(leaf)).collect();
    let all = root(profile, &mut Leaves(profile, &leaves, BTreeMap::new()), 6).unwrap();
    assert_eq!(hex(all), "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef");
}

#[test]
fn every_pair_of_a_small_tree_is_proven_as_the_rfc_says() {
    for profile in Profile::ALL {
        let leaves = leaves(profile, 40);
        let mut nodes = Leaves(profile, &leaves, BTreeMap::new());
        for size in 1..=leaves.len() {
            let tree = (size as u64, naive_root(profile, &leaves[..size]));
            assert_eq!(root(profile, &mut nodes, tree.0).unwrap(), tree.1);
            for low in 0..size {
                let path = inclusion(profile, &mut nodes, low as u64, tree.0).unwrap();
                assert_eq!(path, naive_path(profile, low, &leaves[..size]));
                assert!(inclusion_holds(profile, (low as u64, leaves[low]), tree, &path));
            }
            for old in 1..=size {
                let path = consistency(profile, &mut nodes, old as u64, tree.0).unwrap();
                assert_eq!(path, naive_growth(profile, old, &leaves[..size], true));
                let old = (old as u64, naive_root(profile, &leaves[..old]));
                assert!(consistency_holds(profile, old, tree, &path));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_leaf_of_any_tree_is_proven_and_no_other_leaf_place_root_or_path(
        profile in any_profile(), size in 1_usize..1500, at: prop::sample::Index, other: prop::sample::Index, flip: prop::sample::Index,
    ) {
        let (leaves, index) = (leaves(profile, size), at.index(size));
        let path = inclusion(profile, &mut Leaves(profile, &leaves, BTreeMap::new()), index as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_path(profile, index, &leaves));
        let (leaf, tree) = ((index as u64, leaves[index]), (size as u64, naive_root(profile, &leaves)));
        prop_assert!(inclusion_holds(profile, leaf, tree, &path));
        let other = other.index(size);
        prop_assert_eq!(inclusion_holds(profile, (leaf.0, leaves[other]), tree, &path), other == index);
        prop_assert_eq!(inclusion_holds(profile, (other as u64, leaf.1), tree, &path), other == index);
        prop_assert!(!inclusion_holds(profile, (tree.0, leaf.1), tree, &path));
        let mut long = path.clone();
        long.push(leaf.1);
        prop_assert!(!inclusion_holds(profile, leaf, tree, &long));
        if !path.is_empty() {
            prop_assert!(!inclusion_holds(profile, leaf, tree, &path[1..]));
            let mut changed = path.clone();
            changed[flip.index(path.len())][0] ^= 1;
            prop_assert!(!inclusion_holds(profile, leaf, tree, &changed));
        }
        let mut elsewhere = tree;
        elsewhere.1[31] ^= 1;
        prop_assert!(!inclusion_holds(profile, leaf, elsewhere, &path));
    }

    #[test]
    fn any_tree_grows_out_of_any_earlier_one_and_out_of_no_other(
        profile in any_profile(), size in 2_usize..1500, at: prop::sample::Index, changed: prop::sample::Index, flip: prop::sample::Index,
    ) {
        let (leaves, old) = (leaves(profile, size), 1 + at.index(size - 1));
        let path = consistency(profile, &mut Leaves(profile, &leaves, BTreeMap::new()), old as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_growth(profile, old, &leaves, true));
        let of = |leaves: &[Hash]| (leaves.len() as u64, naive_root(profile, leaves));
        prop_assert!(consistency_holds(profile, of(&leaves[..old]), of(&leaves), &path));
        // History written over: the proof made of the new leaves does not connect to the old root.
        let mut forged = leaves.clone();
        forged[changed.index(old)][0] ^= 1;
        let of_forged = consistency(profile, &mut Leaves(profile, &forged, BTreeMap::new()), old as u64, size as u64).unwrap();
        for path in [&path, &of_forged] {
            prop_assert!(!consistency_holds(profile, of(&leaves[..old]), of(&forged), path));
        }
        let mut broken = path.clone();
        broken[flip.index(path.len())][5] ^= 1;
        prop_assert!(!consistency_holds(profile, of(&leaves[..old]), of(&leaves), &broken));
        prop_assert!(!consistency_holds(profile, of(&leaves[..old]), of(&leaves), &path[1..]));
        prop_assert!(!consistency_holds(profile, of(&leaves), of(&leaves[..old]), &path));
    }
}
