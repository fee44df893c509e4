//! Cursors that are split at the head, read beside each other, and joined again.

use super::*;

/// Reads and settles what a cursor has, and gives the payloads.
fn take(cursor: &mut tidegate_kernel_journal::Cursor) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        let batch = cursor.read(LIMIT).unwrap();
        let texts =
            batch.deliveries.iter().map(|one| String::from_utf8(one.record.payload.to_vec()).unwrap());
        taken.extend(texts);
        let delivered = batch
            .deliveries
            .iter()
            .fold(Counts::default(), |sum, one| sum + Counts::one(one.record.head.flags.critical));
        if batch.deliveries.is_empty() {
            return taken;
        }
        patiently(|| cursor.commit(batch.through, Tally { delivered, ..Tally::default() }));
    }
}

/// Routed and settled of all cursors.
fn sums(journal: &Journal) -> (u64, u64) {
    let accounts = journal.status().accounts;
    let settled = accounts.iter().map(|account| account.tally.settled().total());
    (accounts.iter().map(|account| account.routed.total()).sum(), settled.sum())
}

#[test]
fn a_cursor_that_is_split_gives_each_record_once_and_its_sums_are_those_of_one() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let mut old = folder.queues().cursor("influx", 16).unwrap();
    append(folder.queues(), b"1");
    append(folder.queues(), b"2");
    let mut live = patiently(|| old.split("influx.rest"));
    append(folder.queues(), b"3");
    assert_eq!((old.name(), live.name()), ("influx.rest", "influx"));
    assert_eq!(take(&mut live), ["3"]);
    assert!(!live.join(&old).unwrap(), "the rest has something left");
    assert_eq!(sums(folder.queues()), (3, 1));
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    let (mut old, mut live) =
        (folder.queues().cursor("influx.rest", 16).unwrap(), folder.queues().cursor("influx", 16).unwrap());
    append(folder.queues(), b"4");
    assert_eq!(
        (take(&mut old), take(&mut live)),
        (vec!["1".to_owned(), "2".to_owned()], vec!["4".to_owned()])
    );
    assert!(patiently(|| live.join(&old)));
    let accounts = folder.queues().status().accounts;
    let of = |name: &str| accounts.iter().find(|account| account.cursor == name).unwrap();
    assert_eq!((of("influx").routed.total(), of("influx").tally.delivered.total()), (4, 4));
    assert_eq!((of("influx.rest").routed.total(), of("influx.rest").tally.settled().total()), (0, 0));
    let again = patiently(|| live.split("influx.rest"));
    assert_eq!((again.name(), sums(folder.queues())), ("influx", (4, 4)));
}

#[test]
fn over_quota_a_split_cursor_is_shed_once_and_its_critical_records_are_carried_behind_its_end() {
    let disk = SimDisk::default();
    let (journal, _threads) = small(&disk, 8 * 4096);
    let mut old = journal.cursor("influx", 16).unwrap();
    let critical =
        Entry { stream: 16, kind: 1, version: 1, critical: true, payload: b"alarm", ..Entry::default() };
    patiently(|| journal.append(critical)).wait(Level::Disk).unwrap();
    append(&journal, b"process");
    let mut live = patiently(|| old.split("influx.rest"));
    let filler = vec![b'x'; 500];
    let mut behind = 0;
    while journal.status().tallies.records_carried == 0 {
        append(&journal, &filler);
        behind += take(&mut live).len();
    }
    // The copy is counted when it is queued and read when it is durable, as it is once a record behind it is.
    append(&journal, &filler);
    assert_eq!(take(&mut old), ["alarm"]);
    behind += take(&mut live).len();
    assert!(patiently(|| live.join(&old)));
    let account = &journal.status().accounts.into_iter().find(|account| account.cursor == "influx").unwrap();
    assert_eq!((account.tally.shed.total(), account.lag.total()), (1, 0));
    assert_eq!(account.routed.total(), 2 + behind as u64);
}

#[test]
fn what_a_settling_came_to_is_appended_with_it() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let mut cursor = folder.queues().cursor("file", 16).unwrap();
    append(folder.queues(), b"one");
    let batch = cursor.read(LIMIT).unwrap();
    let letter = Entry { stream: 15, kind: 1, version: 1, payload: b"why", ..Entry::default() };
    let tally = Tally { dead_lettered: ONE, ..Tally::default() };
    cursor.commit_with(batch.through, tally, &[letter]).unwrap();
    cursor.commit_with(batch.through, tally, &[letter]).unwrap().wait(Level::Disk).unwrap();
    let (records, _) = folder.queues().read(15, 0, LIMIT).unwrap();
    let account = &folder.queues().status().accounts[0];
    assert_eq!((records.len(), account.tally.dead_lettered, account.lag), (1, ONE, Counts::default()));
}

#[test]
fn joining_again_after_a_restart_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let mut rest = folder.queues().cursor("a", 16).unwrap();
    append(folder.queues(), b"old");
    let mut live = patiently(|| rest.split("a.rest"));
    append(folder.queues(), b"new");
    assert_eq!((take(&mut rest), take(&mut live)), (vec!["old".to_owned()], vec!["new".to_owned()]));
    assert!(patiently(|| live.join(&rest)));
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    let (live, rest) =
        (folder.queues().cursor("a", 16).unwrap(), folder.queues().cursor("a.rest", 16).unwrap());
    assert!(patiently(|| live.join(&rest)));
    assert_eq!(sums(folder.queues()), (2, 2));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(12))]

    /// 0 append, 1 read and settle the live one, 2 the rest, 3 split, 4 join, 5 reopen.
    #[test]
    fn every_record_is_read_once_over_any_history_of_splits_and_joins(steps in proptest::collection::vec(0..6_u8, 1..60)) {
        let dir = TempDir::new().unwrap();
        let mut folder = DataFolder::open(dir.path()).unwrap();
        let mut live = folder.queues().cursor("a", 16).unwrap();
        let (mut rest, mut sent, mut read) = (None, 0, Vec::new());
        for step in steps {
            match step {
                0 => { append(folder.queues(), sent.to_string().as_bytes()); sent += 1 }
                1 => read.extend(take(&mut live)),
                2 => if let Some(rest) = &mut rest { read.extend(take(rest)) },
                3 if rest.is_none() => {
                    let next = patiently(|| live.split("a.rest"));
                    rest = Some(std::mem::replace(&mut live, next));
                }
                4 => rest = rest.take_if(|rest| !patiently(|| live.join(rest))),
                5 => {
                    folder.close();
                    folder = DataFolder::open(dir.path()).unwrap();
                    live = folder.queues().cursor("a", 16).unwrap();
                    rest = rest.map(|_| folder.queues().cursor("a.rest", 16).unwrap());
                }
                _ => {}
            }
            proptest::prop_assert_eq!(sums(folder.queues()), (sent, read.len() as u64));
        }
        if let Some(rest) = &mut rest { read.extend(take(rest)) }
        read.extend(take(&mut live));
        let mut numbers: Vec<u64> = read.iter().map(|text| text.parse().unwrap()).collect();
        numbers.sort_unstable();
        proptest::prop_assert!(numbers.into_iter().eq(0..sent));
    }
}
