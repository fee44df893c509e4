//! The alarms of the rules as the channels follow them: one feed in the terms of the other.

use crate::failure::Failure;
use std::fmt::Display;
use std::sync::Arc;
use tidegate_engine_rules as rules;
use tidegate_kernel_journal::Id;
use tidegate_service_ingest::{AlarmEvent as Raised, Ingest};
use tidegate_service_notice::{AlarmChange, AlarmEvent, AlarmFeed, AlarmPage, Follower, Outbox, Severity};

/// The pipeline's alarms; there are none before there are rules.
struct Alarms(Arc<Ingest>);

impl AlarmFeed for Alarms {
    fn since(&self, offset: u64) -> Result<AlarmPage, String> {
        let Some(rules) = self.0.rules() else { return Ok(AlarmPage { events: Vec::new(), next: offset }) };
        let page = rules.alarms().since(offset).map_err(|error| error.to_string())?;
        Ok(AlarmPage { events: page.events.into_iter().map(event).collect(), next: page.next })
    }
}

/// Puts every change of an alarm into the outbox, from `head` on at the very first time.
pub(crate) async fn follow(ingest: &Arc<Ingest>, outbox: Outbox, head: u64) -> Result<(), Failure> {
    let feed = Alarms(ingest.clone());
    let follower = Follower::new(outbox, &feed, head).map_err(|error| unfollowed(&error))?;
    follower.run(&feed).await;
    Ok(())
}

fn unfollowed(error: &impl Display) -> Failure {
    let message = format!("the alarms cannot be followed: {error}");
    Failure::message("TG-NO-007", message, "look at the disk under the data folder")
}

fn event(raised: Raised) -> AlarmEvent {
    let Raised { offset, id, fact } = raised;
    AlarmEvent { offset, id: telling_of(id), key: fact.key.clone(), at_ms: fact.at, change: change(fact) }
}

/// The journal takes an id once, and that of the alarm's change is taken: this one is as much its own, and as easily made again.
fn telling_of(mut change: Id) -> Id {
    let last = change.0.len() - 1;
    change.0[last] = !change.0[last];
    change
}

fn change(fact: rules::AlarmFact) -> AlarmChange {
    match fact.change {
        rules::AlarmChange::Raised { severity, text } => {
            AlarmChange::Raised { severity: of(severity), text, origin: fact.key, value: String::new() }
        }
        rules::AlarmChange::Cleared => AlarmChange::Cleared,
        rules::AlarmChange::Acknowledged { by } => AlarmChange::Acknowledged { by },
        rules::AlarmChange::Shelved { .. } => AlarmChange::Shelved,
        rules::AlarmChange::Unshelved { .. } => AlarmChange::Unshelved,
    }
}

fn of(severity: rules::Severity) -> Severity {
    match severity {
        rules::Severity::Low => Severity::Low,
        rules::Severity::Medium => Severity::Medium,
        rules::Severity::High => Severity::High,
        rules::Severity::Critical => Severity::Critical,
    }
}
