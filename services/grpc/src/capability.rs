//! The listener as the node holds it: its counts as metrics, its end as a first step of a drain.

use crate::counters::Snapshot;
use crate::server::{Drained, Handle};
use std::time::Instant;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};

impl Capability for Handle {
    fn name(&self) -> &'static str {
        "grpc"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        let snapshot = self.snapshot();
        let mut families = connections(&snapshot);
        families.extend(readings(&snapshot));
        families
    }

    fn readiness(&self) -> Readiness {
        match self.is_serving() {
            true => Readiness::Ready,
            false => Readiness::Unready("the gRPC listener does not serve".to_owned()),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move { leftovers(Handle::drain(self, deadline.into()).await) })
    }
}

fn leftovers(drained: Drained) -> Vec<Leftover> {
    let left = |count, what| Leftover { part: "grpc".to_owned(), count, what };
    let both = [
        left(drained.calls, "calls cut before everything they sent was acknowledged"),
        left(drained.unacknowledged, "readings not acknowledged; their clients send them again"),
    ];
    both.into_iter().filter(|leftover| leftover.count > 0).collect()
}

fn total(name: &'static str, help: &'static str, count: u64) -> Family {
    Family::counter(name, help).with(&[], count)
}

fn connections(snapshot: &Snapshot) -> Vec<Family> {
    let mut ended =
        Family::counter("tidegate_grpc_ended_calls_total", "Calls that ended, by code; none is OK.");
    for (code, count) in &snapshot.ended {
        ended.push(&[("code", code)], *count);
    }
    vec![
        Family::gauge("tidegate_grpc_open_connections", "Connections open now.")
            .with(&[], snapshot.connections_open),
        total("tidegate_grpc_connections_total", "Connections accepted.", snapshot.connections_total),
        total(
            "tidegate_grpc_refused_connections_total",
            "Connections closed at once because too many were open.",
            snapshot.connections_refused,
        ),
        total(
            "tidegate_grpc_accept_errors_total",
            "Connections the operating system would not hand over.",
            snapshot.accept_errors,
        ),
        Family::gauge("tidegate_grpc_open_calls", "Calls open now.").with(&[], snapshot.calls_open),
        total("tidegate_grpc_calls_total", "Calls that began.", snapshot.calls_total),
        ended,
    ]
}

fn readings(snapshot: &Snapshot) -> Vec<Family> {
    vec![
        total("tidegate_grpc_messages_total", "Batches that arrived.", snapshot.messages),
        total(
            "tidegate_grpc_readings_total",
            "Readings that arrived, repeated ones included.",
            snapshot.readings,
        ),
        total(
            "tidegate_grpc_duplicate_readings_total",
            "Readings dropped because the journal had them; ingest counts them as refused with TG-GR-011.",
            snapshot.duplicates,
        ),
        total("tidegate_grpc_acks_total", "Acks handed to a call's client.", snapshot.acks),
        total(
            "tidegate_grpc_unanswered_readings_total",
            "Readings of calls that ended before their Ack.",
            snapshot.unanswered,
        ),
        total(
            "tidegate_grpc_holds_total",
            "Times a call was not read from because there was no room.",
            snapshot.holds,
        ),
        Family::gauge("tidegate_grpc_known_streams", "Streams whose position is kept.")
            .with(&[], snapshot.streams),
        total(
            "tidegate_grpc_forgotten_streams_total",
            "Streams whose position was let go of because there were too many.",
            snapshot.streams_forgotten,
        ),
    ]
}
