//! Whether a world kept its promises: what was acknowledged is there once, nothing is there that nobody sent or that was refused, every
//! balance adds up, the tree over it all is the one that is signed, and the order of facts is one that those who waited for answers could have seen.

use super::World;
use crate::config::Shared;
use crate::port::Port;
use crate::scrub::Scrubber;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_engine_book::{Fact, Id};

/// Something that is not so, put before the judge, who has to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// An acknowledged order is not there.
    Lost,
    /// A fact is there that nobody sent.
    Invented,
    /// A fact is there that was refused.
    Refused,
    /// A fact comes behind one that was sent after it was told.
    Reordered,
    /// One unit is in an account that the journal does not have.
    Drift,
    /// A record is another one than the tree was made of.
    Forged,
}

impl World {
    pub(super) async fn judge(&self, plant: Plant) -> Result<(), String> {
        self.disk.clear_faults();
        let (book, journal, threads) = self.open(Shared::default())?.ok_or("a sound disk does not open")?;
        let mut found = self.facts(&*book).await?;
        self.put(plant, &mut found);
        self.is_kept(&found)?;
        self.is_serializable(&found)?;
        if plant == Plant::Drift {
            book.plant(super::super::scrub::one_unit()).await;
        }
        let scrubbed = Scrubber::new(book.clone(), Arc::default()).scrub().await;
        scrubbed.map_err(|setback| setback.to_string())?.map_err(|drift| drift.to_string())?;
        let told = self.sent.iter().filter_map(|sent| Some((sent.acknowledged?.0, sent.order.id.0)));
        self.trees.judge(&journal, &told.collect(), plant == Plant::Forged)?;
        drop((book, journal, threads));
        Ok(())
    }

    async fn facts(&self, book: &dyn Port) -> Result<BTreeMap<Id, u64>, String> {
        let (mut found, mut after) = (BTreeMap::new(), 0);
        loop {
            let page = book.postings(after, 1000).await.map_err(|setback| setback.to_string())?;
            if page.facts.is_empty() {
                return Ok(found);
            }
            for recorded in page.facts {
                let Fact::Posting(posting) = recorded.fact else { continue };
                if found.insert(posting.id, recorded.seq).is_some() {
                    return Err(format!("{} is there twice", posting.id));
                }
            }
            after = page.next.unwrap_or(u64::MAX);
        }
    }

    fn put(&self, plant: Plant, found: &mut BTreeMap<Id, u64>) {
        match plant {
            Plant::Nothing | Plant::Drift | Plant::Forged => {}
            Plant::Lost => {
                let first = self.sent.iter().find(|sent| sent.acknowledged.is_some());
                first.and_then(|sent| found.remove(&sent.order.id));
            }
            Plant::Invented => {
                found.insert(Id([7; 16]), 1);
            }
            Plant::Refused => {
                let refused = self.sent.iter().find(|sent| sent.refused);
                found.extend(refused.map(|sent| (sent.order.id, 1)));
            }
            Plant::Reordered => {
                let last = self.sent.iter().rev().find(|sent| found.contains_key(&sent.order.id));
                found.extend(last.map(|sent| (sent.order.id, 0)));
            }
        }
    }

    fn is_kept(&self, found: &BTreeMap<Id, u64>) -> Result<(), String> {
        let known: BTreeSet<Id> = self.sent.iter().map(|sent| sent.order.id).collect();
        if let Some(id) = found.keys().find(|id| !known.contains(id)) {
            return Err(format!("{id} is there, and nobody sent it"));
        }
        for sent in &self.sent {
            let there = found.get(&sent.order.id);
            if sent.acknowledged.is_some() && there.is_none() {
                return Err(format!("acknowledged and gone: {sent:?}"));
            }
            if sent.refused && there.is_some() {
                return Err(format!("refused and there: {sent:?}"));
            }
        }
        Ok(())
    }

    /// What was acknowledged before another one was sent comes before it.
    fn is_serializable(&self, found: &BTreeMap<Id, u64>) -> Result<(), String> {
        for first in &self.sent {
            let Some((seq, told_at)) = first.acknowledged else { continue };
            let later = self.sent.iter().filter(|second| second.sent_at > told_at);
            for second in later {
                if found.get(&second.order.id).is_some_and(|other| *other <= seq) {
                    return Err(format!(
                        "{first:?} was told before {second:?} was sent, and comes behind it"
                    ));
                }
            }
        }
        Ok(())
    }
}
