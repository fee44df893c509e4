//! Moves the books of a folder from one gear to another, while no node runs: all facts, in their order; then both sides are replayed and
//! compared; and only when every book is the same is it written down that the other gear has them.
//!
//! Cut off before that, nothing has changed for whoever starts next, and a second move begins anew. Afterwards what the first gear has is
//! left where it is, and served by nobody.

use crate::config::BookConfig;
use crate::embedded::known_stream;
use crate::error::OpenError;
use crate::mark::{self, Origin};
use crate::replay::seed;
use crate::store::{AT_ONCE, Gear, Store};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use tidegate_engine_book::{Account, BookLimit, Currency, Fact, Link, Name, State, Trial};
use tidegate_kernel_journal::{Journal, Level, Refusal, Unknown};

/// Facts of one step of a move.
const STEP: usize = 1024;

/// A book on its way in, beside whatever is served.
pub trait Arrival: Send {
    /// Keeps these behind those before. Numbers may become others; links then lead to the same facts. Blocks.
    fn keep(&mut self, facts: &[(u64, Fact)]) -> Result<(), OpenError>;

    /// What is kept by now, to be read.
    fn store(&self) -> &dyn Store;
}

/// What a book comes to; the same on both sides of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub facts: u64,
    /// Of all postings.
    pub amounts: i128,
    pub trials: BTreeMap<Currency, Trial>,
    pub reservations: usize,
    pub ids: usize,
    /// Without the numbers of facts.
    accounts: Vec<(Option<Name>, Account)>,
    /// Of the facts without their links.
    digest: u64,
}

/// A book that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub book: String,
    pub tally: Tally,
}

/// Moves them; what each of them comes to, or nothing where they were moved before. Blocks; within a tokio runtime.
pub fn move_books(
    journal: &Journal,
    from: &dyn Gear,
    to: &dyn Gear,
    books: &[BookConfig],
) -> Result<Vec<Moved>, OpenError> {
    if mark::gear_of(journal).as_deref() == Some(to.name()) {
        // Done before, but perhaps not to its very end.
        books.iter().try_for_each(|book| from.leave(&book.name))?;
        return Ok(Vec::new());
    }
    mark::require(journal, from.name())?;
    let mut arrived = Vec::new();
    for BookConfig { name, limit } in books {
        // Held until the mark is set, so that nobody else takes it over meanwhile.
        let (source, mut arrival) = (from.open(name)?, to.arrival(name)?);
        carry(&*source, &mut *arrival)?;
        let (there, here) = (Tally::of(name, arrival.store(), *limit)?, Tally::of(name, &*source, *limit)?);
        if let Some(what) = here.difference(&there) {
            return Err(OpenError::Differs { book: name.clone(), what });
        }
        if let Some(stream) = known_stream(journal, name).filter(|_| to.is_remote()) {
            let (through, edition) = (source.kept_seq(), mark::edition(journal, name));
            let origin = Origin { stream, through, edition };
            mark::set_moved_from(journal, name, origin).map_err(|source| OpenError::Mark { source })?;
        }
        arrived.push((source, Moved { book: name.clone(), tally: here }));
    }
    let marked = mark::set_gear(journal, to.name());
    let marked = marked.and_then(|ticket| ticket.wait(Level::Disk).map_err(|Unknown| Refusal::Stopped));
    marked.map_err(|source| OpenError::Mark { source })?;
    let moved: Vec<Moved> = arrived.into_iter().map(|(_, moved)| moved).collect();
    moved.iter().try_for_each(|moved| from.leave(&moved.book))?;
    Ok(moved)
}

fn carry(source: &dyn Store, arrival: &mut dyn Arrival) -> Result<(), OpenError> {
    let (mut through, kept) = (0, source.kept_seq());
    while through < kept {
        let (facts, looked_at) = source.facts(through, STEP)?;
        if !facts.is_empty() {
            arrival.keep(&facts)?;
        }
        through = looked_at;
    }
    Ok(())
}

impl Tally {
    /// Replays all facts.
    fn of(book: &str, store: &dyn Store, limit: BookLimit) -> Result<Tally, OpenError> {
        let (mut state, mut digest) = (State::new(limit, seed()), DefaultHasher::new());
        let (mut facts, mut amounts, mut through, kept) = (0, 0, 0, store.kept_seq());
        while through < kept {
            let (page, looked_at) = store.facts(through, AT_ONCE)?;
            for (seq, fact) in &page {
                state.apply(*seq, fact);
                facts += 1;
                if let Fact::Posting(posting) = fact {
                    amounts += i128::from(posting.amount);
                }
                digest.write(&unlinked(fact));
            }
            through = looked_at;
        }
        if state.strays() > 0 {
            return Err(OpenError::Strays { book: book.to_owned(), strays: state.strays() });
        }
        let account = |(number, account): (u32, &Account)| {
            (state.name(number).cloned(), Account { last_seq: 0, ..*account })
        };
        Ok(Tally {
            facts,
            amounts,
            trials: state.trial(),
            reservations: state.reservations(),
            ids: state.remembered().0,
            accounts: (0..).zip(state.accounts()).map(account).collect(),
            digest: digest.finish(),
        })
    }

    /// What first differs, in words.
    fn difference(&self, there: &Tally) -> Option<String> {
        let counts = |tally: &Tally| [tally.facts, tally.reservations as u64, tally.ids as u64];
        let named =
            ["facts", "reservations", "ids"].into_iter().zip(counts(self).into_iter().zip(counts(there)));
        for (what, (here, there)) in named {
            if here != there {
                return Some(format!("{here} {what} here, {there} there"));
            }
        }
        if self.amounts != there.amounts {
            return Some(format!("amounts come to {} here, {} there", self.amounts, there.amounts));
        }
        let same = self.trials == there.trials && self.accounts == there.accounts;
        match (same, self.digest == there.digest) {
            (false, _) => Some("the balances of an account".to_owned()),
            (true, false) => Some("what a fact says".to_owned()),
            (true, true) => None,
        }
    }
}

/// A fact's bytes with its links left out: those follow from its place.
fn unlinked(fact: &Fact) -> Vec<u8> {
    let none = Link::At(0);
    let mut fact = fact.clone();
    match &mut fact {
        Fact::Opened { .. } => {}
        Fact::Limited { link, .. } => *link = none,
        Fact::Posting(posting) => posting.links = [none; 2],
    }
    let mut bytes = Vec::with_capacity(160);
    fact.encode(&mut bytes);
    bytes
}
