//! Pruning stopped at every write and every sync: each record is found whole, or pruned with what stands for it, and nothing else.

use super::rig::{Rig, STREAM, Session, settle_down};
use super::{SUBSETS, with_planted};
use crate::cursor::ReadLimit;
use crate::disk::Fault;
use crate::journal::Entry;
use crate::planted::Planted;
use crate::record::Record;
use tidegate_kernel_id::Id;

const RECORDS: u64 = 36;
/// One in the middle of a segment.
const THROUGH: u64 = 23;
const ALL: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

fn payload(nth: u64) -> Vec<u8> {
    vec![nth as u8; 90 + nth as usize * 9]
}

/// Some stand in less room than the payload, some in more.
fn stub(payload: &[u8]) -> Vec<u8> {
    let mut stub = vec![0xee; 160];
    stub[0] = payload[0];
    stub
}

/// A few segments of two streams, closed by a restart.
fn filled(rig: &Rig) -> Session {
    for _ in 0..2 {
        let session = rig.open().unwrap();
        for nth in 0..RECORDS / 2 {
            let payload = payload(nth);
            let stream = STREAM + (nth % 3 == 0) as u16;
            let entry =
                Entry { stream, kind: 7, version: 1, id: Id::v7(nth), payload: &payload, ..Entry::default() };
            session.journal.append(entry).unwrap();
            settle_down(&session.journal);
        }
    }
    rig.open().unwrap()
}

fn prune(session: &Session) -> bool {
    let through = facts(session)[THROUGH as usize].head.seq;
    let mut stubs = |record: &Record| (record.head.stream == STREAM).then(|| stub(&record.payload));
    session.journal.prune(through, &mut stubs).is_ok()
}

/// Of both streams, in their order.
fn facts(session: &Session) -> Vec<Record> {
    let read = |stream| session.journal.read(stream, 0, ALL).unwrap().0;
    let mut facts = [read(STREAM), read(STREAM + 1)].concat();
    facts.sort_by_key(|record| record.head.seq);
    facts
}

/// How many are pruned; an error where one is neither whole nor pruned, or a later one is pruned before an earlier one.
fn judge(before: &[Record], after: &[Record]) -> Result<usize, String> {
    if before.len() != after.len() {
        return Err(format!("{} records of {}", after.len(), before.len()));
    }
    let is_pruned = |record: &&Record| record.head.flags.pruned;
    for (was, is) in before.iter().zip(after) {
        let mut head = was.head;
        let expected = if is.head.flags.pruned { stub(&was.payload) } else { was.payload.to_vec() };
        head.flags.pruned = is.head.flags.pruned;
        if is.head != head || is.payload[..] != expected[..] {
            return Err(format!("{was:?} became {is:?}"));
        }
    }
    let of_stream = || after.iter().filter(|record| record.head.stream == STREAM);
    let pruned = after.iter().filter(is_pruned).count();
    if of_stream().take_while(is_pruned).count() == pruned { Ok(pruned) } else { Err("a hole".to_owned()) }
}

fn expected() -> usize {
    let rig = Rig::kept();
    let facts = facts(&filled(&rig));
    facts[..=THROUGH as usize].iter().filter(|record| record.head.stream == STREAM).count()
}

fn cut(operation: u64, subset: u64) -> Result<bool, String> {
    let rig = Rig::kept();
    let session = filled(&rig);
    let before = facts(&session);
    rig.disk.plan(Fault::PowerCut { operation: rig.disk.operations() + operation });
    let ended = prune(&session);
    drop(session);
    rig.disk.power_cycle(subset);
    let session = rig.open().map_err(|error| error.to_string())?;
    judge(&before, &facts(&session))?;
    if !prune(&session) {
        return Err("it cannot be gone on with".to_owned());
    }
    let pruned = judge(&before, &facts(&session))?;
    let all = expected();
    if pruned == all { Ok(ended) } else { Err(format!("{pruned} of {all} are pruned in the end")) }
}

fn exhaustive() -> Result<u64, String> {
    let mut cases = 0;
    for operation in 1.. {
        for subset in 0..SUBSETS {
            let ended = cut(operation, subset)
                .map_err(|why| format!("operation {operation}, subset {subset}: {why}"))?;
            cases += 1;
            if ended {
                return Ok(cases);
            }
        }
    }
    Ok(cases)
}

#[test]
fn wherever_pruning_is_cut_off_each_record_is_whole_or_pruned_and_the_next_one_goes_on() {
    let cases = exhaustive().unwrap();
    assert!(cases > 8 * SUBSETS, "only {cases} cases");
}

#[test]
fn a_segment_that_takes_its_name_before_it_is_synced_turns_the_suite_red() {
    assert!(with_planted(Planted::SwapBeforeSync, exhaustive).is_err());
}

#[test]
fn a_full_disk_leaves_every_record_as_it_was_and_no_draft() {
    let rig = Rig::kept();
    let session = filled(&rig);
    let before = facts(&session);
    rig.disk.plan(Fault::Full { bytes: 1 });
    assert!(!prune(&session));
    assert_eq!(judge(&before, &facts(&session)), Ok(0));
    let files = crate::disk::Disk::list(&rig.disk).unwrap();
    assert!(files.iter().all(|(name, _)| name.ends_with(".seg") || name.ends_with(".ready")), "{files:?}");
}

#[test]
fn readers_of_the_process_that_prunes_find_every_record_at_its_new_place() {
    let rig = Rig::kept();
    let session = filled(&rig);
    let before = facts(&session);
    assert!(prune(&session));
    assert_eq!(judge(&before, &facts(&session)), Ok(expected()));
    for record in &before {
        let (found, _) = session
            .journal
            .read(record.head.stream, record.head.seq - 1, ReadLimit { records: 1, ..ALL })
            .unwrap();
        assert_eq!(found[0].head.seq, record.head.seq);
    }
}
