//! A key is rotated, rewrapped and its minimum raised while others write and read.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::field::{Keyring, Place};

const ROUNDS: u32 = 12;
const ROWS: u64 = 200;

/// A table as a database is one: each statement by itself, nothing locked between them.
#[derive(Default)]
struct Table {
    rows: Mutex<BTreeMap<u64, String>>,
    written: AtomicU64,
    read: AtomicU64,
}

impl Table {
    fn get(&self, row: u64) -> Option<String> {
        self.rows.lock().unwrap().get(&row).cloned()
    }

    fn replace(&self, row: u64, old: &str, new: String) {
        let mut rows = self.rows.lock().unwrap();
        if let Some(text) = rows.get_mut(&row).filter(|text| *text == old) {
            *text = new;
        }
    }

    fn texts(&self) -> Vec<(u64, String)> {
        self.rows.lock().unwrap().iter().map(|(row, text)| (*row, text.clone())).collect()
    }
}

fn with_place<T>(row: u64, then: impl FnOnce(Place) -> T) -> T {
    then(Place { table: "t", column: "c", row: &row.to_string() })
}

fn write(ring: &Keyring, table: &Table, row: u64) {
    let writer = ring.writer("k").unwrap();
    let text = with_place(row, |place| writer.seal(place, &row.to_le_bytes())).unwrap();
    table.rows.lock().unwrap().insert(row, text);
    table.written.fetch_add(1, SeqCst);
}

/// A text read before the minimum was raised may be below it by now; then the table has a newer one.
fn read(ring: &Keyring, table: &Table, row: u64) {
    while let Some(text) = table.get(row) {
        match with_place(row, |place| ring.open(&text, place)) {
            Ok(plain) => assert_eq!(plain.as_slice(), row.to_le_bytes()),
            Err(SmError::BelowMinimum { .. }) if table.get(row).as_ref() != Some(&text) => continue,
            Err(error) => panic!("row {row} cannot be read any more: {error}"),
        }
        table.read.fetch_add(1, SeqCst);
        break;
    }
}

/// Rewraps all and proves it, as often as somebody got in between.
fn renew(ring: &Keyring, table: &Table) -> u32 {
    ring.rotate("k").unwrap();
    loop {
        for (row, text) in table.texts() {
            let writer = ring.writer("k").unwrap();
            if let Some(new) = with_place(row, |place| ring.rewrap(&writer, &text, place)).unwrap() {
                table.replace(row, &text, new);
            }
        }
        let Ok(mut scan) = ring.scan("k") else { continue };
        table.texts().iter().for_each(|(_, text)| scan.see(text).unwrap());
        if let Ok(raised) = scan.finish(ring) {
            return raised.minimum;
        }
    }
}

/// Ends the writers also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_key_is_renewed_a_dozen_times_under_load_and_every_field_stays_readable() {
    let (ring, table, over) = (Keyring::default(), Table::default(), AtomicBool::new(false));
    ring.create("k").unwrap();
    thread::scope(|scope| {
        let _over = Over(&over);
        let others: Vec<_> = (0..3)
            .map(|seed| {
                let (ring, table, over) = (&ring, &table, &over);
                scope.spawn(move || {
                    for row in (0_u64..).map(|n| (n * 7 + seed) % ROWS).take_while(|_| !over.load(SeqCst)) {
                        write(ring, table, row);
                        read(ring, table, (row * 31) % ROWS);
                    }
                })
            })
            .collect();
        while table.read.load(SeqCst) < ROWS {
            assert!(!others.iter().any(|other| other.is_finished()), "nobody reads any more");
            thread::yield_now();
        }
        for round in 0..ROUNDS {
            assert_eq!(renew(&ring, &table), round + 2);
        }
    });
    assert!(table.texts().len() as u64 == ROWS && table.written.load(SeqCst) > ROWS);
    for (row, text) in table.texts() {
        assert!(text.starts_with(&format!("sm4g:v{}:k:", ROUNDS + 1)), "{text}");
        read(&ring, &table, row);
    }
}
