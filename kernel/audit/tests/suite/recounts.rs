//! A tree made again from its records by somebody who has no key: what holds, what does not, and which record it is.

use crate::site::{STREAMS, Site, signer};
use std::fs;
use tidegate_kernel_audit::{Checkpoint, Profile, Recount, Recounted, Tree, note_in};
use tidegate_kernel_journal::{ReadLimit, Record};

fn records(site: &Site) -> Vec<Record> {
    let limit = ReadLimit { records: 100_000, bytes: 1 << 30 };
    let read = |stream: u16| site.folder.books().read(stream, 0, limit).unwrap().0;
    let mut records: Vec<_> = STREAMS.into_iter().flat_map(read).collect();
    records.sort_by_key(|record| record.head.seq);
    records
}

fn recount(site: &Site, profile: Profile, records: &[Record], more: &[Checkpoint]) -> Recounted {
    let path = site.audit().join(profile.name());
    let note = note_in(&path).unwrap().unwrap();
    let own = Checkpoint::open(&note, &signer(profile).verifier()).unwrap();
    let claims = more.iter().cloned().chain([own.clone()]).collect();
    let mut recount = Recount::beside(&path, profile, own.size, claims);
    records.iter().for_each(|record| recount.push(record).unwrap());
    recount.finish()
}

#[test]
fn every_checkpoint_there_ever_was_holds_for_the_records_as_they_are() {
    let (mut site, mut seen) = (Site::new(), [Vec::new(), Vec::new()]);
    for count in [3, 300, 81, 384, 900] {
        site.append(count);
        for (seen, tree) in seen.iter_mut().zip(site.build()) {
            seen.push(tree.signed().unwrap().unwrap());
        }
    }
    for (profile, seen) in Profile::ALL.into_iter().zip(&seen) {
        let (last, counted) = (seen.last().unwrap(), recount(&site, profile, &records(&site), seen));
        assert_eq!((counted.size, counted.root, counted.held), (last.size, last.root, Some(last.size)));
        assert_eq!((counted.broken, counted.beyond, counted.damaged), (None, None, None));
    }
}

#[test]
fn a_record_that_was_changed_is_named_and_so_are_an_end_and_a_file_that_are_not_there() {
    let mut site = Site::new();
    site.append(1200);
    site.build();
    let records = records(&site);
    for at in [0, 255, 256, 700, 799] {
        let mut changed = records.clone();
        changed[at].head.stamp_ms ^= 1;
        let counted = recount(&site, Profile::Sm3, &changed, &[]);
        assert_eq!(counted.broken.map(|broken| broken.size), Some(800));
        assert_eq!(counted.first_other, Some(records[at].head.seq), "{at}");
    }
    let counted = recount(&site, Profile::Sm3, &records[..799], &[]);
    assert_eq!((counted.broken, counted.beyond.map(|beyond| beyond.size)), (None, Some(800)));
    for file in ["tile/0/001", "tile/1/000.p/3", "tile/entries/000", "tile/entries/003.p/32"] {
        let path = site.audit().join("sm3").join(file);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let counted = recount(&site, Profile::Sm3, &records, &[]);
        assert_eq!((counted.held, counted.damaged.as_deref()), (Some(800), Some(file)));
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn an_entry_is_found_by_its_id_also_where_the_id_is_of_a_later_time() {
    let mut site = Site::new();
    site.append(1200);
    let tree: &Tree = &site.build()[0];
    for record in records(&site).iter().step_by(37) {
        // Ids of the site are of 1970, so they are of an earlier time than their records.
        let found = tree.find_id(record.head.id).unwrap().unwrap();
        assert_eq!(found.seq, record.head.seq);
    }
    let ahead = site.append_ahead(60_000);
    site.append(600);
    let tree = &site.build()[0];
    assert_eq!(tree.find_id(ahead.head.id).unwrap().unwrap().seq, ahead.head.seq);
    assert_eq!(tree.find_id(tidegate_kernel_journal::Id::v7(7)).unwrap(), None);
}
