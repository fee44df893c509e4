//! The broker as the node holds it: its counts as metrics, its end as the first step of a drain.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tidegate_codec_mqtt::Kind;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tidegate_service_broker::{Broker, Drained, Handle, Snapshot};

/// The MQTT listener and everyone connected to it.
#[derive(Debug)]
pub(crate) struct Mqtt {
    handle: Handle,
    serves: AtomicBool,
}

impl Mqtt {
    pub(crate) fn new(broker: &Broker) -> Mqtt {
        Mqtt { handle: broker.handle(), serves: AtomicBool::new(true) }
    }

    /// Connections that are open now.
    pub(crate) fn connections(&self) -> u64 {
        self.handle.snapshot().connections_open
    }

    /// Serves until it is drained, and is unready from then on; after a panic it can be called again.
    pub(crate) async fn serve(&self, broker: &Broker) {
        struct Ended<'a>(&'a AtomicBool);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }
        self.serves.store(true, Ordering::SeqCst);
        let _ended = Ended(&self.serves);
        broker.serve().await;
    }
}

impl Capability for Mqtt {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        let snapshot = self.handle.snapshot();
        let mut families = connections(&snapshot);
        families.extend(packets(&snapshot));
        families.extend(publications(&snapshot));
        families.extend(messages(&snapshot));
        families
    }

    fn readiness(&self) -> Readiness {
        match self.serves.load(Ordering::SeqCst) {
            true => Readiness::Ready,
            false => Readiness::Unready("the MQTT listener does not serve".to_owned()),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            self.serves.store(false, Ordering::SeqCst);
            leftovers(&self.handle.drain(deadline.into()).await)
        })
    }
}

fn leftovers(drained: &Drained) -> Vec<Leftover> {
    let left = |part: &str, count, what| Leftover { part: part.to_owned(), count, what };
    let both = [
        left("mqtt", drained.connections, "connections cut before everything on them was acknowledged"),
        left("mqtt", drained.unacknowledged, "publications not acknowledged; their clients send them again"),
    ];
    both.into_iter().filter(|leftover| leftover.count > 0).collect()
}

fn connections(snapshot: &Snapshot) -> Vec<Family> {
    let total = |name, help, count: u64| Family::counter(name, help).with(&[], count);
    let mut closed =
        Family::counter("tidegate_broker_closed_connections_total", "Connections that ended, by reason.");
    for (reason, count) in &snapshot.closed {
        closed.push(&[("reason", reason.name()), ("code", reason.code().unwrap_or_default())], *count);
    }
    vec![
        Family::gauge("tidegate_broker_open_connections", "Connections open now.")
            .with(&[], snapshot.connections_open),
        total("tidegate_broker_connections_total", "Connections accepted.", snapshot.connections_total),
        total(
            "tidegate_broker_refused_connections_total",
            "Connections closed at once because too many were open.",
            snapshot.connections_refused,
        ),
        total(
            "tidegate_broker_accept_errors_total",
            "Connections the operating system would not hand over.",
            snapshot.accept_errors,
        ),
        closed,
    ]
}

fn packets(snapshot: &Snapshot) -> Vec<Family> {
    let mut packets =
        Family::counter("tidegate_broker_packets_total", "MQTT packets, by direction and type.");
    let mut count = |direction, counts: &[(Kind, u64)]| {
        for (kind, count) in counts.iter().filter(|(_, count)| *count > 0) {
            let kind = format!("{kind:?}").to_ascii_uppercase();
            packets.push(&[("direction", direction), ("type", &kind)], *count);
        }
    };
    count("in", &snapshot.packets_in);
    count("out", &snapshot.packets_out);
    vec![packets]
}

fn publications(snapshot: &Snapshot) -> Vec<Family> {
    let mut published = Family::counter("tidegate_broker_publications_total", "Publications that arrived.");
    for way in &snapshot.publications {
        let (qos, dup) = ((way.qos as u8).to_string(), way.dup.to_string());
        published.push(&[("qos", &qos), ("dup", &dup)], way.count);
    }
    let total = |name, help, count: u64| Family::counter(name, help).with(&[], count);
    vec![
        published,
        total("tidegate_broker_wills_total", "Last wills that were offered.", snapshot.wills),
        total("tidegate_broker_acks_total", "PUBACKs written to a socket.", snapshot.acks),
        total(
            "tidegate_broker_receipts_total",
            "PUBRECs, of publications that were taken, written to a socket.",
            snapshot.receipts,
        ),
        total(
            "tidegate_broker_unanswered_publications_total",
            "Taken above QoS 0 on a connection that ended before its acknowledgement.",
            snapshot.unanswered,
        ),
        Family::gauge(
            "tidegate_broker_unacknowledged_publications",
            "Taken above QoS 0 and not acknowledged yet.",
        )
        .with(&[], snapshot.unacknowledged),
        total(
            "tidegate_broker_holds_total",
            "Times a connection was not read from because there was no room.",
            snapshot.holds,
        ),
        Family::counter("tidegate_broker_held_back_seconds_total", "How long, added up.")
            .with(&[], snapshot.held_back.as_secs_f64()),
    ]
}

fn messages(snapshot: &Snapshot) -> Vec<Family> {
    let mut sent = Family::counter("tidegate_broker_sent_messages_total", "Messages sent to subscribers.");
    for (qos, count) in snapshot.sent.iter().enumerate() {
        sent.push(&[("qos", &qos.to_string())], *count);
    }
    let mut dropped = Family::counter(
        "tidegate_broker_dropped_messages_total",
        "Messages that did not reach a subscriber, or were not retained, by reason.",
    );
    for (reason, count) in &snapshot.shed {
        dropped.push(&[("reason", reason.name())], *count);
    }
    let gauge = |name, help, count: u64| Family::gauge(name, help).with(&[], count);
    vec![
        sent,
        dropped,
        Family::counter(
            "tidegate_broker_denied_total",
            "Publications and subscriptions that were not allowed.",
        )
        .with(&[], snapshot.denied),
        gauge("tidegate_broker_sessions", "Sessions, of connected and of absent clients.", snapshot.sessions),
        gauge("tidegate_broker_subscriptions", "Filters that are subscribed to.", snapshot.subscriptions),
        gauge("tidegate_broker_retained_messages", "Topics with a retained message.", snapshot.retained),
        gauge(
            "tidegate_broker_queued_bytes",
            "Memory of messages that wait for a client or are retained.",
            snapshot.queued_bytes,
        ),
    ]
}
