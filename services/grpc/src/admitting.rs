//! From readings that wait to an acknowledgement that is due: the one way in for both calls.

use crate::caller::Caller;
use crate::chunk::{self, Judged, refusal};
use crate::fault::{DUPLICATE, Fault};
use crate::hub::Hub;
use crate::intake::{Declined, Offer, Receipt, Sender, Taken};
use crate::outstanding::Due;
use crate::pace::Cost;
use crate::positions::{Held, note_entry};
use crate::state::Key;
use crate::v1::{Reading, ReadingBatch};
use std::collections::VecDeque;
use std::time::Duration;
use tidegate_kernel_journal::{Entry, Level};
use tokio::time::Instant;

const STREAM_BYTES_MAX: usize = 128;

/// Readings on their way in, of one caller and perhaps of one stream.
#[derive(Debug)]
pub(crate) struct Admitting {
    pub(crate) caller: Caller,
    key: Option<Key>,
    waiting: VecDeque<Reading>,
    /// What is not paid for of it.
    cost: Cost,
}

/// What became of a chunk.
#[derive(Debug)]
pub(crate) enum Step {
    Due {
        due: Due,
        accepted: u64,
    },
    /// No room: the chunk still waits.
    Busy,
}

impl Admitting {
    pub(crate) fn new(caller: Caller) -> Admitting {
        Admitting { caller, key: None, waiting: VecDeque::new(), cost: Cost::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives up what waits: it was not counted and is not acknowledged.
    pub(crate) fn drop_waiting(&mut self) {
        self.waiting.clear();
        self.cost = Cost::default();
    }

    pub(crate) fn has_stream(&self) -> bool {
        self.key.is_some()
    }

    /// Puts a batch behind what waits.
    pub(crate) fn push(&mut self, batch: ReadingBatch) {
        let bytes: usize = batch.readings.iter().map(chunk::size).sum();
        self.cost.messages += batch.readings.len() as u64;
        self.cost.bytes += bytes as u64;
        self.waiting.extend(batch.readings);
    }

    /// Pays for what waits, or says how long to wait before that can be tried again.
    pub(crate) fn pay(&mut self, now: Instant) -> Result<(), Duration> {
        self.caller.place.pay(&mut self.cost, now)
    }

    /// Takes the stream's name from a batch: the first one gives it, later ones may repeat it.
    pub(crate) fn name(&mut self, stream: &str) -> Result<(), Fault> {
        match &self.key {
            Some(key) if stream.is_empty() || stream == key.stream => return Ok(()),
            Some(_) => return Err(Fault::Stream { why: "it changed within a call" }),
            None => {}
        }
        let fits = (1..=STREAM_BYTES_MAX).contains(&stream.len()) && !stream.chars().any(char::is_control);
        if !fits {
            return Err(Fault::Stream { why: "it must be 1 to 128 bytes without control characters" });
        }
        let principal = self.caller.principal.name.clone();
        self.key = Some(Key { principal, stream: stream.to_owned() });
        Ok(())
    }

    /// The acknowledgement that says how far the stream is.
    pub(crate) fn greeting(&self, hub: &Hub) -> Due {
        let Some(key) = &self.key else { return Due::default() };
        let held = hub.positions.hold(key);
        Due { through: held.position().through, receipt: held.position().receipt(), ..Due::default() }
    }

    /// Deals with the next chunk of what waits.
    pub(crate) fn step(&mut self, hub: &Hub) -> Result<Step, Fault> {
        let many = chunk::length(&self.waiting);
        let mut held = self.key.as_ref().map(|key| hub.positions.hold(key));
        let last = held.as_ref().map(|held| held.position().through);
        let judged = Judged::of(self.waiting.iter().take(many), last, &self.caller)?;
        let taken = match judged.offers.is_empty() {
            true => None,
            false => match self.offer(hub, held.as_ref(), &judged.offers, judged.through) {
                Ok(taken) => Some(taken),
                Err(Declined::Busy) => return Ok(Step::Busy),
                Err(Declined::Refused { code }) => return Err(Fault::Refused { code }),
            },
        };
        let before = held.as_ref().and_then(|held| held.position().receipt());
        if let Some(held) = &mut held {
            held.advance(judged.through, taken.as_ref().map(|taken| taken.receipt.ticket.clone()));
        }
        drop(held);
        self.waiting.drain(..many);
        Ok(account(hub, judged, taken, before, many))
    }

    fn offer(
        &self,
        hub: &Hub,
        held: Option<&Held<'_>>,
        offers: &[Offer],
        through: u64,
    ) -> Result<Taken, Declined> {
        let stream = self.key.as_ref().map_or("", |key| key.stream.as_str());
        let sender = Sender { principal: &self.caller.principal, stream };
        let payload = held.map(|held| held.note(through));
        let note: Option<Entry<'_>> = payload.as_deref().map(note_entry);
        hub.intake.offer(sender, offers, note)
    }
}

/// Counts what was not offered, and says what is due. What was repeated waits for whatever of its stream came before it.
fn account(
    hub: &Hub,
    judged: Judged,
    taken: Option<Taken>,
    before: Option<Receipt>,
    readings: usize,
) -> Step {
    for (code, _) in &judged.unfit {
        hub.intake.refuse(code);
    }
    (0..judged.duplicates).for_each(|_| hub.intake.refuse(DUPLICATE));
    hub.counters.readings(readings as u64, judged.duplicates);
    let mut refusals: Vec<_> = judged.unfit.into_iter().map(|(_, refusal)| refusal).collect();
    let refused = taken.as_ref().map_or(&[][..], |taken| &taken.refused);
    refusals.extend(refused.iter().map(|refused| {
        let sequence = judged.offers[refused.at].sequence;
        refusal(sequence, refused.code, format!("the node refused it with {}", refused.code))
    }));
    refusals.sort_by_key(|refusal| refusal.sequence);
    let accepted = (judged.offers.len() - refused.len()) as u64;
    let receipt = match taken {
        Some(Taken { receipt, .. }) if judged.duplicates > 0 => {
            Some(Receipt { level: Level::Disk, ..receipt })
        }
        Some(Taken { receipt, .. }) => Some(receipt),
        None => before,
    };
    let due = Due { through: judged.through, receipt, refusals, duplicates: judged.duplicates, readings };
    Step::Due { due, accepted }
}
