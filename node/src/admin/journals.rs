//! `GET /api/v1/journals`: what the two journals hold, how safe it is, how long that takes, and who reads how far.

use crate::storage::Storage;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use tidegate_kernel_journal::{Account, Durations, Retention, Status};
use tidegate_kernel_plug::{Need, Route, Routes};

#[derive(Debug, Serialize)]
struct Journals {
    journals: Vec<Told>,
}

/// One journal. Numbers of records rise by one from record to record.
#[derive(Debug, Serialize)]
struct Told {
    journal: &'static str,
    head_seq: u64,
    written_seq: u64,
    synced_seq: u64,
    oldest_seq: u64,
    /// Milliseconds since 1970.
    oldest_ms: u64,
    segments: usize,
    log_bytes: u64,
    /// Kept after every cursor has passed; nothing where everything is kept for good.
    keep_bytes: Option<u64>,
    /// Above this the oldest segment goes; nothing where there is no such limit.
    bytes_max: Option<u64>,
    pending_bytes: usize,
    cut_bytes: u64,
    stopped: Option<String>,
    read_only: Option<String>,
    /// By how much the clock jumped ahead, in milliseconds.
    clock_jump_ms: Option<u64>,
    committer_raised: bool,
    window_ids: usize,
    window_age_ms: u64,
    /// Since the start.
    batches: u64,
    synced_bytes: u64,
    segments_shed: u64,
    records_carried: u64,
    sync_us: Spread,
    until_written_us: Spread,
    until_synced_us: Spread,
    cursors: Vec<Place>,
}

/// Durations since the start, in microseconds, within the bounds they are counted by.
#[derive(Debug, Serialize)]
struct Spread {
    count: u64,
    mean: u64,
    p50: u64,
    p99: u64,
}

/// How far a reader is.
#[derive(Debug, Serialize)]
struct Place {
    cursor: String,
    stream: u16,
    position: u64,
    lag: u64,
    in_flight: u64,
}

pub(super) fn routes(storage: Arc<Storage>) -> Routes {
    let purpose = "What the journals hold, and who reads how far.";
    Routes::new().with(Route::get("/api/v1/journals", Need::Authenticated, purpose), list, storage)
}

async fn list(State(storage): State<Arc<Storage>>) -> Json<Journals> {
    let statuses = storage.statuses().into_iter();
    Json(Journals { journals: statuses.map(|(name, status)| told(name, status)).collect() })
}

fn told(journal: &'static str, status: Status) -> Told {
    let (keep_bytes, bytes_max) = match status.retention {
        Retention::Drain { keep_bytes, bytes_max } => (Some(keep_bytes), Some(bytes_max)),
        Retention::Keep => (None, None),
    };
    let tallies = status.tallies;
    Told {
        journal,
        head_seq: status.head_seq,
        written_seq: status.written_seq,
        synced_seq: status.synced_seq,
        oldest_seq: status.oldest_seq,
        oldest_ms: status.oldest_ms,
        segments: status.segments,
        log_bytes: status.log_bytes,
        keep_bytes,
        bytes_max,
        pending_bytes: status.pending_bytes,
        cut_bytes: status.cut_bytes,
        stopped: status.stopped,
        read_only: status.read_only,
        clock_jump_ms: status.clock_jump_ms,
        committer_raised: status.committer_raised,
        window_ids: status.window_ids,
        window_age_ms: status.window_age_ms,
        batches: tallies.batches,
        synced_bytes: tallies.synced_bytes,
        segments_shed: tallies.segments_shed,
        records_carried: tallies.records_carried,
        sync_us: spread(&tallies.sync),
        until_written_us: spread(&tallies.until_written),
        until_synced_us: spread(&tallies.until_synced),
        cursors: status.accounts.into_iter().map(place).collect(),
    }
}

fn place(account: Account) -> Place {
    Place {
        lag: account.lag.total(),
        in_flight: account.in_flight.total(),
        cursor: account.cursor,
        stream: account.stream,
        position: account.position,
    }
}

fn spread(durations: &Durations) -> Spread {
    let count: u64 = durations.counts().iter().sum();
    let micros = |share| durations.quantile(share).map_or(0, |duration| duration.as_micros() as u64);
    let mean = durations.sum().as_micros() as u64 / count.max(1);
    Spread { count, mean, p50: micros(0.5), p99: micros(0.99) }
}
