//! `start.replay`: ten million records in the books, a snapshot at nine million, and how long it takes to be back.
//!
//! The state is small, so what is measured is the journal: opening it, reading a million records, checking each.

use super::memory::{Writer, entry};
use super::scratch::Scratch;
use super::{Report, Trouble};
use std::path::Path;
use std::time::{Duration, Instant};
use tidegate_kernel_journal::{DataFolder, Journal, ReadLimit, Record};
use tidegate_kernel_lab::{Row, thread_cpu};

const RECORDS: u64 = 10_000_000;
const SNAPSHOT_AT: u64 = 9_000_000;
const RECORD_BYTES: u64 = 256;
const PAYLOAD_BYTES: usize = 200;
/// Segments are zero-written ahead, and batches have commit records.
const ROOM_BYTES: u64 = RECORDS * RECORD_BYTES + (512 << 20);
const STREAM: u16 = 1;
const SNAPSHOT: &str = "bench";
const AT_ONCE: ReadLimit = ReadLimit { records: 16_384, bytes: 4 << 20 };

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let free = scratch.free_bytes()?;
    if free < ROOM_BYTES {
        let why = format!("{free} bytes are free and {ROOM_BYTES} are needed");
        report.print(Row { skipped: Some(why), ..row("total", Duration::ZERO) });
        return Ok(());
    }
    let path = scratch.inner("replay");
    build(&path)?;
    let began = Instant::now();
    let folder = DataFolder::open(&path)?;
    let opened = began.elapsed();
    let cpu_before = thread_cpu();
    let state = State::recover(folder.books())?;
    let (total, cpu) = (began.elapsed(), thread_cpu().saturating_sub(cpu_before));
    folder.close();
    scratch.clear("replay")?;
    if state != State::after(RECORDS) {
        return Err("the state read back is not the one that was written".into());
    }
    report.print(row("total", total));
    report.print(row("open", opened));
    let per_record = cpu.as_secs_f64() * 1e6 / (RECORDS - SNAPSHOT_AT) as f64;
    report.print(Row { cpu_us_per_op: Some(per_record), ..row("read", total.saturating_sub(opened)) });
    Ok(())
}

fn row(metric: &'static str, took: Duration) -> Row {
    let load = format!(
        "{RECORDS} records of {RECORD_BYTES} B in the books, snapshot at {SNAPSHOT_AT}, the rest read into a small state; \
         page cache as writing left it"
    );
    let value = took.as_secs_f64() * 1000.0;
    Row { scenario: "start.replay".to_owned(), metric, unit: "ms", value, load, ..Row::default() }
}

/// Counts and adds: as little as a state can do and still notice a record that is missing or read twice.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    records: u64,
    sum: u64,
}

impl State {
    fn after(records: u64) -> State {
        (0..records).fold(State::default(), State::with)
    }

    fn with(self, number: u64) -> State {
        State { records: self.records + 1, sum: self.sum.wrapping_add(number) }
    }

    fn encode(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.records.to_le_bytes());
        bytes[8..].copy_from_slice(&self.sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<State> {
        let (records, sum) = bytes.split_at_checked(8)?;
        Some(State { records: number_in(records)?, sum: number_in(sum)? })
    }

    fn recover(journal: &Journal) -> Result<State, Trouble> {
        let (mut through, bytes) = journal.snapshot(SNAPSHOT)?.ok_or("the snapshot is gone")?;
        let mut state = State::decode(&bytes).ok_or("the snapshot is not the one that was written")?;
        while through < journal.synced().value() {
            let (records, looked_at) = journal.read(STREAM, through, AT_ONCE)?;
            let numbers = records.iter().filter_map(|Record { payload, .. }| number_in(payload));
            state = numbers.fold(state, State::with);
            through = looked_at;
        }
        Ok(state)
    }
}

fn number_in(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.first_chunk()?))
}

fn build(path: &Path) -> Result<(), Trouble> {
    let folder = DataFolder::open(path)?;
    let mut writer = Writer::on(folder.books());
    let mut payload = [7; PAYLOAD_BYTES];
    for number in 0..RECORDS {
        payload[..8].copy_from_slice(&number.to_le_bytes());
        writer.append(entry(&payload))?;
        if number + 1 == SNAPSHOT_AT {
            let seq = writer.finish()?;
            folder.books().write_snapshot(SNAPSHOT, seq, &State::after(SNAPSHOT_AT).encode())?;
        }
    }
    writer.finish()?;
    folder.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_its_snapshot_and_notices_a_missing_record() {
        let state = State::after(5);
        assert_eq!(State::decode(&state.encode()), Some(State::after(5)));
        assert_ne!(state, State::after(4).with(5));
    }
}
