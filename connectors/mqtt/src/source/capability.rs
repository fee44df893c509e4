//! A link as the node holds it: its counts as metrics, ready while it is connected, drained before the pipeline is.

use super::Link;
use std::time::Instant;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};

/// All links of a node: one capability, since a metric's family stands on the page once.
#[derive(Debug)]
pub struct Links(pub Vec<std::sync::Arc<Link>>);

impl Capability for Links {
    fn name(&self) -> &'static str {
        "external"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        if self.0.is_empty() {
            return Vec::new();
        }
        families(&self.0)
    }

    fn readiness(&self) -> Readiness {
        let unready = self.0.iter().find_map(|link| {
            let counts = link.snapshot();
            match (counts.connected, counts.filters_refused) {
                (true, 0) => None,
                (true, many) => Some(format!("broker {} refuses {many} subscriptions", link.name())),
                (false, _) => Some(format!("not connected to broker {}", link.name())),
            }
        });
        unready.map_or(Readiness::Ready, Readiness::Unready)
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let mut leftovers = Vec::new();
            for link in &self.0 {
                let count = link.stop(deadline.into()).await;
                let (part, what) = (
                    format!("broker {}", link.name()),
                    "publications not acknowledged; the broker sends them again",
                );
                leftovers.extend((count > 0).then_some(Leftover { part, count, what }));
            }
            leftovers
        })
    }
}

fn families(links: &[std::sync::Arc<Link>]) -> Vec<Family> {
    let mut connected =
        Family::gauge("tidegate_external_connected_state", "1 while the broker is connected to.");
    let mut connections =
        Family::counter("tidegate_external_connections_total", "Connections the broker accepted.");
    let mut publications =
        Family::counter("tidegate_external_publications_total", "Publications that arrived.");
    let mut acks =
        Family::counter("tidegate_external_acks_total", "Publications acknowledged to the broker.");
    let mut repeats = Family::counter(
        "tidegate_external_repeats_total",
        "Publications of QoS 2 that the broker released and sent again all the same; taken again, marked.",
    );
    let mut holds =
        Family::counter("tidegate_external_holds_total", "Times nothing was read because there was no room.");
    let mut unanswered = Family::counter(
        "tidegate_external_unanswered_publications_total",
        "Taken on a connection that ended before their acknowledgement; the broker sends them again.",
    );
    let mut lost = Family::counter(
        "tidegate_external_lost_sessions_total",
        "Connections at which the broker had forgotten the session.",
    );
    let mut setbacks =
        Family::counter("tidegate_external_setbacks_total", "Connections that failed or ended, by code.");
    for link in links {
        let (counts, broker) = (link.snapshot(), ("broker", link.name()));
        connected.push(&[broker], u64::from(counts.connected));
        connections.push(&[broker], counts.connections);
        for ((qos, dup), count) in &counts.publications {
            publications.push(&[broker, ("qos", &qos.to_string()), ("dup", &dup.to_string())], *count);
        }
        acks.push(&[broker], counts.acks);
        repeats.push(&[broker], counts.repeats);
        holds.push(&[broker], counts.holds);
        unanswered.push(&[broker], counts.unanswered);
        lost.push(&[broker], counts.sessions_lost);
        for (code, count) in &counts.setbacks {
            setbacks.push(&[broker, ("code", code)], *count);
        }
    }
    vec![connected, connections, publications, acks, repeats, holds, unanswered, lost, setbacks]
}
