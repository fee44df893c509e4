//! A book that moves onto the journal: a stream of its own, whose numbers the journal gives, so every link is made anew. The stream is the book's from the
//! beginning, for until the folder is marked nobody asks which one that is; a move that was cut off leaves one that the next move's takes the
//! place of.

use crate::embedded::Embedded;
use crate::error::{OpenError, Setback};
use crate::mark;
use crate::moving::Arrival;
use crate::replay::Place;
use crate::store::Store;
use std::collections::BTreeMap;
use tidegate_engine_book::{AccountNumber, Fact, Link};
use tidegate_kernel_journal::{Journal, Refusal};

pub(crate) struct Arriving {
    place: Place,
    /// What touched an account last: its number there, and here.
    last: BTreeMap<AccountNumber, (u64, Spot)>,
}

/// Where a fact has come to.
#[derive(Debug, Clone, Copy)]
enum Spot {
    At(u64),
    /// In the batch that is being made.
    Nth(u32),
}

impl Arriving {
    pub(crate) fn new(journal: Journal, book: &str) -> Result<Arriving, OpenError> {
        let gear = Embedded(journal.clone());
        // Its facts get other numbers here, so this is another log of it.
        let edition = mark::edition(&journal, book).saturating_add(1);
        let stream = gear.fresh_stream().and_then(|stream| gear.give(book, stream, edition).map(|()| stream));
        let stream = stream.map_err(|source| OpenError::Place { book: book.to_owned(), source })?;
        Ok(Arriving { place: Place::new(journal, stream, book), last: BTreeMap::new() })
    }

    /// The same fact with links that lead to where those facts are now.
    fn relinked(&mut self, nth: u32, seq: u64, fact: &Fact) -> Result<Fact, OpenError> {
        let mut fact = fact.clone();
        match &mut fact {
            Fact::Opened { account, .. } => {
                self.last.insert(*account, (seq, Spot::Nth(nth)));
            }
            Fact::Limited { account, link, .. } => *link = self.relink(nth, seq, *account, *link)?,
            Fact::Posting(posting) => {
                let sides = [posting.debit, posting.credit];
                for (account, link) in sides.into_iter().zip(&mut posting.links) {
                    *link = self.relink(nth, seq, account, *link)?;
                }
            }
        }
        Ok(fact)
    }

    fn relink(&mut self, nth: u32, seq: u64, account: AccountNumber, link: Link) -> Result<Link, OpenError> {
        let last = self.last.insert(account, (seq, Spot::Nth(nth)));
        match last {
            Some((there, spot)) if there == link.seq(seq) => Ok(match spot {
                Spot::At(here) => Link::At(here),
                Spot::Nth(before) => Link::Back(nth - before),
            }),
            _ => Err(OpenError::Strays { book: self.place.book.clone(), strays: 1 }),
        }
    }

    /// Waits for room, as a book does.
    fn append(&self, facts: &[Fact]) -> Result<u64, OpenError> {
        loop {
            let outcome = self.place.append(facts);
            let seq = match outcome {
                Err(Setback::Busy) => self.place.journal.settled_ticket().seq(),
                Err(_) => return Err(self.closed()),
                Ok(seq) => seq,
            };
            let kept = self.place.journal.synced().wait(seq);
            kept.map_err(|_| self.closed())?;
            if outcome.is_ok() {
                return Ok(seq);
            }
        }
    }

    fn closed(&self) -> OpenError {
        OpenError::Place { book: self.place.book.clone(), source: Refusal::Stopped }
    }
}

impl Arrival for Arriving {
    fn keep(&mut self, facts: &[(u64, Fact)]) -> Result<(), OpenError> {
        let here = (0..).zip(facts).map(|(nth, (seq, fact))| self.relinked(nth, *seq, fact));
        let here: Vec<Fact> = here.collect::<Result<_, _>>()?;
        let first = self.append(&here)? + 1 - here.len() as u64;
        for (_, spot) in self.last.values_mut() {
            if let Spot::Nth(nth) = *spot {
                *spot = Spot::At(first + u64::from(nth));
            }
        }
        Ok(())
    }

    fn store(&self) -> &dyn Store {
        &self.place
    }
}
