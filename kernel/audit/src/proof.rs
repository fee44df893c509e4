//! Proofs: that a leaf is in a tree, and that a tree is the beginning of another one (RFC 6962 §2.1.1, §2.1.2), and whether they hold (RFC
//! 9162 §2.1.3.2, §2.1.4.2). Pure.

use crate::profile::{Hash, Profile};

/// The nodes of a tree whose leaves are all there.
pub trait Nodes {
    type Error;

    /// The root of the 2^`level` leaves from `index` times as many on.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

pub fn root<N: Nodes>(profile: Profile, nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    range(profile, nodes, 0, size)
}

/// The way from leaf `index` to the root of the first `size` leaves, the leaf's neighbour first. `index` is below `size`.
pub fn inclusion<N: Nodes>(
    profile: Profile,
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    let (mut low, mut high, mut path) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(profile, nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range(profile, nodes, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// What shows that the first `old` leaves are the beginning of the first `new` ones. `old` is not above `new`; nothing is needed where it
/// is zero or equal.
pub fn consistency<N: Nodes>(
    profile: Profile,
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, N::Error> {
    let (mut low, mut high, mut path) = (0, new, Vec::new());
    if old == 0 {
        return Ok(path);
    }
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(profile, nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range(profile, nodes, low, middle)?);
            low = middle;
        }
    }
    // From leaf 0 on, the old root itself is the start, which whoever checks has.
    if low > 0 {
        path.push(range(profile, nodes, low, high)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below a number of leaves that is at least 2.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root of the leaves from `low` to before `high`. `low` is a multiple of the largest power of two in their number.
fn range<N: Nodes>(profile: Profile, nodes: &mut N, low: u64, high: u64) -> Result<Hash, N::Error> {
    let (mut at, mut peaks) = (low, Vec::new());
    while at < high {
        let level = (high - at).ilog2();
        peaks.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(profile.fold(&peaks).unwrap_or_else(|| profile.empty()))
}

/// Whether the path leads from the leaf's hash to the root of `size` leaves.
pub fn inclusion_holds(
    profile: Profile,
    (index, leaf): (u64, Hash),
    (size, root): (u64, Hash),
    path: &[Hash],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = profile.node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = profile.node(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether the path shows that the old tree is the beginning of the new one. Each is a size and a root.
pub fn consistency_holds(
    profile: Profile,
    (old, old_root): (u64, Hash),
    (new, new_root): (u64, Hash),
    path: &[Hash],
) -> bool {
    match old {
        0 => return path.is_empty() && old_root == profile.empty(),
        _ if old == new => return path.is_empty() && old_root == new_root,
        _ if old > new => return false,
        _ => {}
    }
    // A whole tree is its own start, and is not in the path.
    let whole = if old.is_power_of_two() { Some(&old_root) } else { None };
    let mut path = whole.into_iter().chain(path);
    let Some(start) = path.next() else { return false };
    let up = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> up, (new - 1) >> up);
    let (mut of_old, mut of_new) = (*start, *start);
    for beside in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            (of_old, of_new) = (profile.node(beside, &of_old), profile.node(beside, &of_new));
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            of_new = profile.node(&of_new, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && of_old == old_root && of_new == new_root
}
