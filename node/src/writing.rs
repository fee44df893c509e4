//! Writing to devices: who may is the way's matter; what may, in which form, once for each id and written down, is decided here.
//!
//! ```text
//!   HTTP ──┐            model: writable, type, range, scale
//!   MQTT ──┼── Desk ──┬── audit: the write, synced ── plant ── device ── audit: what came of it ── answer
//!   rule ──┘          └── audit: known by its id ──────────────────────────────────────────────── the same answer
//! ```
//! Each command ends in exactly one count. Whoever stops waiting does not stop it. Takes tokio's clock, and the wall clock for ids.

mod answer;
mod counts;
mod http;
mod panel;
mod rules;
mod topics;

pub(crate) use answer::Answer;
pub(crate) use counts::Origin;
pub(crate) use http::{Wish, routes};
pub(crate) use panel::Panel;
pub(crate) use rules::judge as judge_rules;
pub(crate) use topics::WriteTopics;

use crate::audit::{Audit, Begun, WriteAct, WriteEnd};
use axum::http::StatusCode;
use counts::Counts;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Refusal, Stage};
use tidegate_service_ingest::{CommandFault, Ingest, Plan, Value};
use tidegate_service_plant::{Fate, Order, Plant, Written};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

/// How long a command may wait for its bus where it does not say.
pub(crate) const WAIT_DEFAULT: Duration = Duration::from_secs(5);
/// Commands under way at once; one more is refused.
const UNDER_WAY_MAX: usize = 256;

/// Takes commands for devices.
pub(crate) struct Desk {
    ingest: Arc<Ingest>,
    plant: Arc<Plant>,
    audit: Audit,
    counts: Counts,
    under_way: Mutex<BTreeSet<Id>>,
}

/// A value that somebody wants a tag to have, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    /// The same for the same wish: it is carried out once.
    pub(crate) id: Option<Id>,
    pub(crate) device: String,
    pub(crate) tag: String,
    pub(crate) value: Value,
    /// It is not begun later than after so long.
    pub(crate) wait: Duration,
    pub(crate) origin: Origin,
    pub(crate) who: String,
    /// The address it came from, or the rule.
    pub(crate) from: String,
    /// Of a request; empty elsewhere.
    pub(crate) request: String,
}

impl Desk {
    pub(crate) fn new(ingest: Arc<Ingest>, plant: Arc<Plant>, audit: Audit) -> Desk {
        Desk { ingest, plant, audit, counts: Counts::default(), under_way: Mutex::default() }
    }

    /// Carries a command out in a task of its own, and waits for it.
    pub(crate) async fn give(self: &Arc<Self>, command: Command) -> Result<Answer, Refusal> {
        let desk = self.clone();
        let task = tokio::spawn(async move { desk.see_to(command).await }.in_current_span());
        task.await.unwrap_or_else(|_| Err(Refusal::no_room("the command was not seen to")))
    }

    async fn see_to(&self, command: Command) -> Result<Answer, Refusal> {
        let counting = self.counts.begin(command.origin);
        let outcome = self.decide(command).await;
        counting.end(&outcome);
        outcome
    }

    async fn decide(&self, command: Command) -> Result<Answer, Refusal> {
        let deadline = Instant::now() + command.wait;
        let Command { device, tag, value, who, from, request, .. } = command;
        let plan = self.ingest.plan_of(&device).ok_or_else(|| unknown_device(&device))?;
        let stands = plan.command(&tag, &value).map_err(|fault| unfit(&fault))?;
        let id = command.id.unwrap_or_else(|| Id::v7(wall_ms()));
        let _hold = Hold::of(self, id)?;
        let value = answer::text(&value);
        let act = WriteAct { who, device, tag, value, from, request };
        match self.audit.begin_write(id, &act).await? {
            Begun::New(number) => {
                let order = Order {
                    device: act.device.as_str().into(),
                    tag: act.tag.as_str().into(),
                    value: stands,
                    deadline,
                };
                let end = shown(&plan, &act, self.plant.write(order).await);
                self.audit.end_write(number, &end).await;
                Ok(Answer { id, act, end, is_known: false })
            }
            Begun::Known(known, _) if !known.is_same(&act) => Err(used_for(&known)),
            Begun::Known(_, end) => {
                Ok(Answer { id, act, end: end.unwrap_or_else(forgotten), is_known: true })
            }
        }
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeSet<Id>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id whose command is under way.
struct Hold<'d> {
    desk: &'d Desk,
    id: Id,
}

impl Hold<'_> {
    fn of(desk: &Desk, id: Id) -> Result<Hold<'_>, Refusal> {
        let mut under_way = desk.under_way();
        if under_way.len() >= UNDER_WAY_MAX {
            let refusal = Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "TG-PL-042",
                "too many writes are under way",
                RETRY,
            );
            return Err(refusal.after(RETRY_AFTER));
        }
        match under_way.insert(id) {
            true => Ok(Hold { desk, id }),
            false => {
                let message = "a command with this id is under way";
                Err(Refusal::new(StatusCode::CONFLICT, "TG-PL-051", message, RETRY).after(RETRY_AFTER))
            }
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.desk.under_way().remove(&self.id);
    }
}

const RETRY: &str = "ask again in a moment, with the same id";
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What came of it, with values in the tag's unit.
fn shown(plan: &Plan, act: &WriteAct, written: Written) -> WriteEnd {
    let tag = plan.tag_named(&act.tag).expect("the command was judged by this plan");
    let text = |value: Option<&tidegate_service_ingest::Value>| {
        value.and_then(|value| tag.shown(value)).map_or_else(String::new, |value| answer::text(&value))
    };
    let (value, before, after) =
        (text(Some(&written.value)), text(written.before.as_ref()), text(written.after.as_ref()));
    let (code, message) =
        written.trouble.map_or_else(Default::default, |trouble| (trouble.code.to_owned(), trouble.message));
    WriteEnd { fate: written.fate, code, message, value, before, after }
}

/// It was written down that it would be done, and nothing since.
fn forgotten() -> WriteEnd {
    let none = String::new;
    let message = "the node ended in the middle of it, so nobody can say whether the device took the value";
    let (code, message) = ("TG-PL-045".to_owned(), message.to_owned());
    WriteEnd { fate: Fate::Unknown, code, message, value: none(), before: none(), after: none() }
}

fn unknown_device(device: &str) -> Refusal {
    let hint = "compare it with the devices under [ingest.devices]; one that is written to has a driver";
    Refusal::new(StatusCode::NOT_FOUND, "TG-PL-040", format!("there is no device {device:?}"), hint)
}

fn unfit(fault: &CommandFault) -> Refusal {
    let status = match fault {
        CommandFault::NoTag(_) => StatusCode::NOT_FOUND,
        CommandFault::ReadOnly => StatusCode::FORBIDDEN,
        CommandFault::Type { .. } | CommandFault::Range { .. } | CommandFault::Length { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    Refusal::new(status, fault.code(), fault.to_string(), fault.hint())
}

fn used_for(known: &WriteAct) -> Refusal {
    let WriteAct { who, device, tag, value, .. } = known;
    let message = format!("this id was used by {who} for {device}/{tag} = {value}");
    let hint = "a retry asks for exactly the same; give a new command a new id";
    Refusal::new(StatusCode::CONFLICT, "TG-PL-050", message, hint)
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Capability for Desk {
    fn name(&self) -> &'static str {
        "writes"
    }

    /// Behind the plant, which answers all that waits.
    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        self.counts.families()
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// What came of each is written down before the journal closes.
    fn drain(&self, deadline: std::time::Instant) -> Draining<'_> {
        Box::pin(async move {
            // Whether they ended in time or not, what is left says it.
            let _ = timeout_at(deadline.into(), self.counts.idle()).await;
            let (part, what) = ("commands".to_owned(), "writes to devices whose outcome is not written down");
            let count = self.counts.under_way();
            (count > 0).then_some(Leftover { part, count, what }).into_iter().collect()
        })
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("counts", &self.counts).finish_non_exhaustive()
    }
}
