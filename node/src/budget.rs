//! How much memory the configuration allows, by who may hold it: every buffer, queue and table that what comes from outside can fill.
//! Pure.
//!
//! Beside it are what a process needs to be there at all (code, stacks, the allocator's slack) and what grows with the configuration
//! alone: models, rules, names. What another process runs (`node.only`) holds nothing here.

use crate::only::Only;
use crate::settings::Settings;
use crate::traces;
use tidegate_kernel_journal::Options;
use tidegate_service_ingest::{HEARD_BYTES_MAX, LETTERS_BYTES_MAX, SinkConfig};

/// An id that is remembered, with its place in two collections.
const REMEMBERED_BYTES: u64 = 128;
/// Of a journal: what is committed together, and what is gathered meanwhile.
const BATCHES_BYTES: u64 = 2 << 20;
/// Of a connection: one read and one write while packets are small.
const BUFFERS_BYTES: u64 = 16 << 10;

/// How many parts there are.
pub(crate) const PARTS: usize = 11;

/// Bytes by part.
pub(crate) fn parts(settings: &Settings) -> [(&'static str, u64); PARTS] {
    let Settings { mqtt, http, grpc, ingest, rules, history, ledger, .. } = settings;
    let of_ingest =
        ingest.telemetry_bytes_max + rules.limits.window_bytes_max + LETTERS_BYTES_MAX + HEARD_BYTES_MAX;
    let journals = [Options::books(), Options::queues()];
    let journal = journals.iter().map(|options| options.window.ids as u64 * REMEMBERED_BYTES + BATCHES_BYTES);
    let Only { broker, ingest: pipeline, history: past, ledger: books, .. } = settings.only;
    let here = |runs: bool, bytes: u64| if runs { bytes } else { 0 };
    let of_connections = |many: usize, bytes: u64| many as u64 * bytes;
    let packets = of_connections(mqtt.connections_max, mqtt.packet_bytes_max as u64 + BUFFERS_BYTES);
    let heads = of_connections(http.connections_max, http.requests.header_bytes_max as u64);
    // Read, and sent ahead of being read.
    let messages = of_connections(grpc.connections_max, 2 * grpc.message_bytes_max as u64);
    let served = settings.opcua.as_ref();
    let served = served.map(|opcua| opcua.bytes_max() + SinkConfig::of(ingest).memory_bytes_max());
    [
        ("journal", journal.sum()),
        ("mqtt", here(broker, mqtt.queued_bytes_total_max as u64 + packets)),
        ("http", here(pipeline || books, http.requests.bodies_bytes_max as u64 + heads)),
        ("grpc", here(pipeline, messages)),
        ("ingest", here(pipeline, of_ingest as u64)),
        ("plant", here(pipeline, settings.plant.bytes_max())),
        ("sinks", here(pipeline, settings.sinks.memory_bytes_max(ingest))),
        ("opcua", here(pipeline, served.unwrap_or(0))),
        ("history", here(past, history.bytes_max)),
        ("traces", settings.traces.as_ref().map_or(0, traces::Config::bytes_max)),
        ("ledger", here(books, ledger.bytes_max())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    /// The parts that may hold something.
    fn holders(file: &str) -> Vec<&'static str> {
        let none = |_: &_| Err("none here".to_owned());
        let source = Source { file: Some(file.as_bytes()), overrides: &[], secrets: &none };
        let (_, settings) = settings::read(&source).unwrap();
        parts(&settings).into_iter().filter(|(_, bytes)| *bytes > 0).map(|(part, _)| part).collect()
    }

    #[test]
    fn what_another_process_runs_holds_nothing_in_this_one() {
        let all = ["journal", "mqtt", "http", "grpc", "ingest", "sinks", "history", "ledger"];
        let books = "[ledger.books.main]\n";
        assert_eq!(holders(books), all);
        assert_eq!(holders(&format!("[node]\nonly = [\"broker\"]\n{books}")), ["journal", "mqtt"]);
        assert_eq!(holders(&format!("[node]\nonly = [\"ledger\"]\n{books}")), ["journal", "http", "ledger"]);
        let pipeline = "[node]\nonly = [\"ingest\"]\n";
        assert_eq!(holders(pipeline), ["journal", "http", "grpc", "ingest", "sinks"]);
        let served = "[opcua]\nenabled = true\n[node]\nonly = [\"ingest\"]\n";
        assert_eq!(holders(served), ["journal", "http", "grpc", "ingest", "sinks", "opcua"]);
    }
}
