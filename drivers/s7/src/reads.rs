//! The reads of one group, and what came of them, tag by tag.
//!
//! A refused address spoils all that shares its item. Those are read once more, each alone, and from then on only those that were
//! at fault: one wrong tag costs its neighbours nothing but that one round.

use crate::driver::{Address, carried};
use crate::fault::Fault;
use crate::session::{Read, Session};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_codec_s7::{ItemFault, Limits, Plan, PlannedRead, Refusal, Tag, Value, ValueError};
use tidegate_service_plant::{Found, Limit, Trouble};

/// Addresses of a group and how they are read now.
#[derive(Debug)]
pub struct Reads {
    tags: Vec<Tag>,
    texts: Vec<Arc<str>>,
    limits: Limits,
    plan: Mutex<Arc<Plan>>,
}

impl Reads {
    pub(crate) fn new(addresses: &[Address], limits: Limits) -> Reads {
        let tags: Vec<Tag> = addresses.iter().map(|address| address.tag).collect();
        let texts = addresses.iter().map(|address| address.text.clone()).collect();
        let plan = Mutex::new(Arc::new(Plan::new(&tags, limits, |_| false)));
        Reads { tags, texts, limits, plan }
    }

    /// One [`Found`] for each address.
    pub(crate) async fn read(&self, session: &mut Session, limit: Limit) -> Result<Vec<Found>, Trouble> {
        let plan = self.plan().clone();
        let round = self.round(session, &plan, limit).await?;
        if round.suspects.is_empty() {
            return round.found(self);
        }
        let apart = Plan::new(&self.tags, self.limits, |tag| round.suspects.contains(&tag));
        let round = self.round(session, &apart, limit).await?;
        let at_fault = Err(Fault::Value(ValueError::Item(ItemFault::Address)));
        let anew = Plan::new(&self.tags, self.limits, |tag| round.values[tag] == at_fault);
        *self.plan() = Arc::new(anew);
        round.found(self)
    }

    fn plan(&self) -> MutexGuard<'_, Arc<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn round(&self, session: &mut Session, plan: &Plan, limit: Limit) -> Result<Round, Trouble> {
        // What no read brings is what no PDU has room for.
        let values = vec![Err(Fault::Value(ValueError::TooLong)); self.tags.len()];
        let mut round = Round { values, suspects: BTreeSet::new(), answers: 0, refusal: None };
        session.read(&plan.reads, limit, |read, outcome| round.take(&self.tags, read, outcome)).await?;
        Ok(round)
    }
}

/// What came of reading all of a plan once.
#[derive(Debug)]
struct Round {
    values: Vec<Result<Value, Fault>>,
    suspects: BTreeSet<usize>,
    /// Jobs that were answered and not refused.
    answers: usize,
    refusal: Option<Refusal>,
}

impl Round {
    fn take(&mut self, tags: &[Tag], read: &PlannedRead, outcome: Read) {
        match outcome {
            Ok(outcomes) => {
                self.answers += 1;
                self.suspects.extend(read.suspects(&outcomes));
                for (tag, value) in read.values(tags, &outcomes) {
                    self.values[tag] = value.map_err(Fault::Value);
                }
            }
            Err(refusal) => {
                self.refusal = Some(refusal);
                read.members.iter().for_each(|member| self.values[member.tag] = Err(Fault::Refused(refusal)));
            }
        }
    }

    /// A station that refuses all there is has failed.
    fn found(self, reads: &Reads) -> Result<Vec<Found>, Trouble> {
        if let (0, Some(refusal)) = (self.answers, self.refusal) {
            return Err(Trouble::device(refusal.code(), format!("{refusal} ({})", refusal.hint())));
        }
        let found = |(value, text): (Result<Value, Fault>, &Arc<str>)| match value.and_then(carried) {
            Ok(value) => value.into(),
            Err(fault) => Found::Bad(fault.at(text)),
        };
        Ok(self.values.into_iter().zip(&reads.texts).map(found).collect())
    }
}
