//! Building over a real journal: going on after a crash anywhere, damage, and contradiction.

use crate::site::{STREAMS, Site, catch_up, signer};
use std::fs;
use std::path::{Path, PathBuf};
use tidegate_kernel_audit::{Builder, Checkpoint, Profile, Tree, consistency_holds};
use tidegate_kernel_journal::ReadLimit;

fn signed(trees: &[Tree]) -> Vec<Checkpoint> {
    trees.iter().map(|tree| tree.signed().unwrap().unwrap()).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let relative = |path: PathBuf| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
    let is_derived = |path: &PathBuf| path.file_name().unwrap() != "checkpoint";
    files(folder).into_iter().filter(is_derived).map(relative).collect()
}

#[test]
fn trees_hold_the_facts_of_their_streams_in_the_journals_order_and_nothing_else() {
    let mut site = Site::new();
    site.append(900);
    let trees = site.build();
    for (tree, signed) in trees.iter().zip(signed(&trees)) {
        assert_eq!(signed.size, 600);
        let entries: Vec<_> = (0..600).map(|index| tree.entry(index, 600).unwrap()).collect();
        assert!(entries.is_sorted_by(|one, next| one.seq < next.seq));
        assert!(entries.iter().all(|entry| STREAMS.contains(&entry.stream)));
        assert_eq!(entries[0].payload_hash, tree.profile().hash(b"fact 0"));
    }
    assert_ne!(signed(&trees)[0].root, signed(&trees)[1].root);
}

#[test]
fn a_builder_that_ends_anywhere_leaves_what_one_that_never_ended_makes() {
    let (mut site, mut often) = (Site::new(), 0);
    for count in [1, 2, 250, 3, 130, 400, 390, 3, 800] {
        site.append(count);
        let before = often;
        let (mut builder, opened) = site.open().unwrap();
        assert!(opened.iter().all(|opened| !opened.rebuilt && opened.size == before));
        builder.step().unwrap();
        // As a crash leaves it: tiles written, nothing signed.
        drop(builder);
        let trees = site.build();
        often = signed(&trees)[0].size;
    }
    let whole = site.dir.path().join("whole");
    let signers = Profile::ALL.map(signer).into();
    let (mut builder, _) = Builder::open(&whole, site.folder.books(), &STREAMS, signers).unwrap();
    catch_up(&mut builder);
    builder.sign().unwrap();
    let trees = site.open().unwrap().0.trees();
    assert_eq!(signed(&trees), signed(&builder.trees()));
    // Parts that were signed on the way stay until their tile is full.
    let made = contents(&site.audit());
    assert!(contents(&whole).iter().all(|file| made.contains(file)));
    let parts = |files: &[(PathBuf, Vec<u8>)]| {
        files.iter().filter(|(path, _)| path.to_string_lossy().contains("0/000.p")).count()
    };
    assert_eq!(parts(&made), 0, "a part of a full tile is left");
}

#[test]
fn lag_is_what_the_journal_has_and_the_trees_have_not() {
    let mut site = Site::new();
    site.append(30);
    let (mut builder, _) = site.open().unwrap();
    assert!(builder.lag().records >= 30 && builder.lag().size == 0);
    catch_up(&mut builder);
    assert_eq!((builder.lag().records, builder.lag().size), (0, 20));
    assert!(builder.sign().unwrap());
    assert!(!builder.sign().unwrap(), "nothing is signed twice");
}

#[test]
fn each_checkpoint_grows_out_of_all_before_it() {
    let (mut site, mut all) = (Site::new(), Vec::<Vec<Checkpoint>>::new());
    for count in [3, 300, 37, 5, 900] {
        site.append(count);
        let trees = site.build();
        all.push(signed(&trees));
        for (at, tree) in trees.iter().enumerate() {
            let new = &all.last().unwrap()[at];
            for old in &all {
                let path = tree.prove_growth(old[at].size, new.size).unwrap();
                let (old, new) = ((old[at].size, old[at].root), (new.size, new.root));
                assert!(consistency_holds(tree.profile(), old, new, &path));
            }
        }
    }
}

#[test]
fn files_that_are_lost_or_damaged_at_the_edge_are_made_again() {
    let mut site = Site::new();
    site.append(1200);
    let before = signed(&site.build());
    let whole = contents(&site.audit());
    for path in files(&site.audit()) {
        if path.file_name().unwrap() == "checkpoint" {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let (mut flipped, cut) = (bytes.clone(), &bytes[..bytes.len() - 1]);
        flipped[40] ^= 1;
        for damage in [Some(&flipped[..]), Some(cut), None] {
            match damage {
                Some(damage) => fs::write(&path, damage).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let (_, opened) = site.open().unwrap();
            let is_edge = path.to_string_lossy().contains(".p/");
            assert_eq!(opened.iter().any(|opened| opened.rebuilt), is_edge, "{}", path.display());
            if !is_edge {
                fs::write(&path, &bytes).unwrap();
            }
            assert_eq!(contents(&site.audit()), whole);
        }
    }
    assert_eq!(signed(&site.build()), before);
    fs::remove_dir_all(site.audit().join("sm3/tile")).unwrap();
    let rebuilt: Vec<_> = site.open().unwrap().1.iter().map(|opened| opened.rebuilt).collect();
    assert_eq!(rebuilt, [false, true]);
    assert_eq!(contents(&site.audit()), whole);
}

#[test]
fn no_proof_is_made_of_damaged_tiles_or_entries() {
    let mut site = Site::new();
    site.append(1200);
    let trees = site.build();
    let seq = trees[1].entry(7, 800).unwrap().seq;
    for file in ["tile/0/000", "tile/1/000.p/3", "tile/entries/000"] {
        let path = site.audit().join("sm3").join(file);
        let bytes = fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        flipped[7 * bytes.len() / 256 + 70] ^= 1;
        for damage in [&flipped[..], &bytes[..bytes.len() / 2], &[]] {
            fs::write(&path, damage).unwrap();
            assert_eq!(trees[1].prove(seq).unwrap_err().code(), "TG-AU-002", "{file}");
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert!(trees[1].prove(seq).unwrap().unwrap().check(trees[1].key()).is_ok());
}

#[test]
fn a_journal_that_does_not_lead_to_what_was_signed_stops_everything() {
    let (mut site, mut other) = (Site::new(), Site::new());
    site.append(30);
    site.build();
    // The same number of facts, made at another time under other stamps: history was written over.
    other.append(2);
    other.append(28);
    copy(&site.audit(), &other.audit());
    assert!(site.open().is_ok());
    assert_eq!(other.open().unwrap_err().code(), "TG-AU-003");
    let empty = Site::new();
    copy(&site.audit(), &empty.audit());
    assert_eq!(empty.open().unwrap_err().code(), "TG-AU-003");
    // Nothing was signed meanwhile.
    let note = |site: &Site| fs::read(site.audit().join("sm3/checkpoint")).unwrap();
    assert!(note(&site) == note(&other) && note(&site) == note(&empty));
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

#[test]
fn a_checkpoint_that_this_node_did_not_sign_is_refused_and_left_as_it_is() {
    let mut site = Site::new();
    site.append(30);
    site.build();
    let path = site.audit().join("sha256/checkpoint");
    let note = fs::read_to_string(&path).unwrap();
    for wrong in
        [note.replace("\n20\n", "\n19\n"), String::new(), note.replace("books/sha256", "books/other")]
    {
        fs::write(&path, &wrong).unwrap();
        assert_eq!(site.open().unwrap_err().code(), "TG-AU-001", "{wrong}");
        assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
    }
}

#[test]
fn a_fact_is_proven_by_its_number_and_what_is_no_entry_is_not() {
    let mut site = Site::new();
    site.append(30);
    let trees = site.build();
    let (records, _) = site.folder.books().read(10, 0, ReadLimit { records: 100, bytes: 1 << 20 }).unwrap();
    for tree in &trees {
        assert!(tree.prove(records[3].head.seq).unwrap().is_some());
        assert!(tree.prove(u64::MAX).unwrap().is_none());
        assert!(tree.prove(0).unwrap().is_none());
    }
}
