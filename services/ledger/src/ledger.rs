//! The books of a node, as a capability: opened together, measured, ready while all of them take orders.

use crate::book::Book;
use crate::config::Config;
use crate::embedded::Embedded;
use crate::error::{OpenError, Setback};
use crate::leaves::{self, Elsewhere};
use crate::mark;
use crate::port::{Guarantees, Port};
use crate::scrub::Findings;
use crate::seat::{Opening, Seat};
use crate::store::Gear;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tidegate_kernel_audit::Source;
use tidegate_kernel_journal::{Clock, Journal};
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tokio::time::timeout_at;

/// Streams of books in the journal begin here.
pub const STREAM_MIN: u16 = 1024;

/// What there is to tell of a book beside what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Condition {
    /// Why it takes no orders.
    pub(crate) closed: Option<String>,
    /// What its gear promises, once it is open.
    pub(crate) guarantees: Option<Guarantees>,
    pub(crate) durable_seq: u64,
    /// Facts that are decided and wait for the disk.
    pub(crate) settling: u64,
    /// Up to where the scrubber found it right, how often it looked, and what it found.
    pub(crate) sound_seq: u64,
    pub(crate) scrubs: u64,
    pub(crate) differences: u64,
}

/// All books of a node.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    gear: Arc<dyn Gear>,
    seats: BTreeMap<String, Arc<Seat>>,
}

impl Ledger {
    /// The books on the journal of the node; reads them back and starts them. Reads the disk; within a tokio runtime.
    pub fn open(journal: &Journal, clock: &Arc<dyn Clock>, config: &Config) -> Result<Ledger, OpenError> {
        Ledger::on(journal, Arc::new(Embedded(journal.clone())), clock, config)
    }

    /// The books of a gear, which has to be that of the node's journal. Those of one that may be away are opened behind the start.
    pub fn on(
        journal: &Journal,
        gear: Arc<dyn Gear>,
        clock: &Arc<dyn Clock>,
        config: &Config,
    ) -> Result<Ledger, OpenError> {
        mark::require(journal, gear.name())?;
        let mut seats = BTreeMap::new();
        for book in config.books.clone() {
            let (seat, name) = (Arc::new(Seat::default()), book.name.clone());
            let (gear, clock, shared) = (gear.clone(), clock.clone(), config.shared);
            let opening = Opening { gear, clock, book, shared };
            if opening.gear.is_remote() {
                tokio::spawn(seat.clone().wait(opening));
            } else {
                seat.take(&opening)?;
            }
            seats.insert(name, seat);
        }
        Ok(Ledger { journal: journal.clone(), gear, seats })
    }

    /// A book that is open.
    pub fn book(&self, name: &str) -> Result<Arc<dyn Port>, Setback> {
        let seat = self.seats.get(name).ok_or_else(|| Setback::NoBook(name.to_owned()))?;
        let book: Arc<dyn Port> = seat.port()?;
        Ok(book)
    }

    /// What trees over a book are grown over; nothing while the book is not open, or never was.
    pub fn leaves(&self, name: &str) -> Option<Box<dyn Source>> {
        if !self.gear.is_remote() {
            return leaves::on_journal(&self.journal, name);
        }
        let (book, _) = self.seats.get(name)?.book()?;
        Some(Box::new(Elsewhere::new(&self.journal, name, book.store.clone())))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.seats.keys().map(String::as_str)
    }

    /// How a book is; nothing of one that is not there.
    pub(crate) fn condition(&self, name: &str) -> Option<Condition> {
        let seat = self.seats.get(name)?;
        let closed = seat.trouble();
        let Some((book, findings)) = seat.book() else {
            return Some(Condition { closed, ..Condition::default() });
        };
        Some(Condition {
            closed,
            guarantees: Some(book.guarantees()),
            durable_seq: now(&book.counts().durable_seq),
            settling: now(&book.counts().settling),
            sound_seq: now(&findings.sound_seq),
            scrubs: now(&findings.scrubs),
            differences: now(&findings.differences),
        })
    }

    /// Somebody has looked at the clock: reservations end by time again.
    pub fn accept_clock(&self) {
        self.open_books().for_each(|(_, book, _)| book.accept_clock());
    }

    fn open_books(&self) -> impl Iterator<Item = (&str, &Arc<Book>, &Findings)> {
        self.seats.iter().filter_map(|(name, seat)| {
            let (book, findings) = seat.book()?;
            Some((name.as_str(), book, findings))
        })
    }
}

/// Where the audit trees over a log of a book lie.
pub fn trees_folder(data: &Path, log: &str) -> PathBuf {
    data.join("ledger").join(log)
}

impl Capability for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        MEASURES.iter().map(|measure| measure.family(self)).collect()
    }

    fn readiness(&self) -> Readiness {
        let troubled = self.seats.iter().find_map(|(name, seat)| Some((name, seat.trouble()?)));
        if let Some((name, why)) = troubled {
            return Readiness::Unready(format!("the book {name} takes no orders: {why}"));
        }
        match self.open_books().find(|(_, book, _)| book.doubt.stands()) {
            Some((name, ..)) => {
                Readiness::Unready(format!("the book {name} waits for somebody to accept the clock"))
            }
            None => Readiness::Ready,
        }
    }

    /// What was taken is done: behind the last order of each book nothing is left to answer.
    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let mut left = Vec::new();
            for (name, book, _) in self.open_books() {
                book.stop.stop("the node is stopping");
                let answered = timeout_at(deadline.into(), book.look(|_| ())).await.is_ok();
                let unkept = now(&book.store.counts().unkept);
                if !answered || unkept > 0 {
                    let what =
                        "books with orders that were not answered; they are done, or the same ids tell";
                    left.push(Leftover { part: format!("book {name}"), count: unkept.max(1), what });
                }
            }
            left
        })
    }
}

/// One family with a series for each book.
struct Measure {
    name: &'static str,
    help: &'static str,
    of: fn(&Book, &Findings) -> u64,
}

impl Measure {
    fn family(&self, ledger: &Ledger) -> Family {
        let make = if self.name.ends_with("_total") { Family::counter } else { Family::gauge };
        let mut family = make(self.name, self.help);
        for (name, book, findings) in ledger.open_books() {
            family.push(&[("book", name)], (self.of)(book, findings));
        }
        family
    }
}

fn now(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

const MEASURES: &[Measure] = &[
    Measure {
        name: "tidegate_ledger_postings_total",
        help: "Transfers, reservations and their ends that are on the disk, since the start.",
        of: |book, _| now(&book.counts().postings),
    },
    Measure {
        name: "tidegate_ledger_known_orders_total",
        help: "Orders that had been done before and were answered as then, since the start.",
        of: |book, _| now(&book.counts().known),
    },
    Measure {
        name: "tidegate_ledger_refused_orders_total",
        help: "Orders that were refused, since the start.",
        of: |book, _| now(&book.counts().refused),
    },
    Measure {
        name: "tidegate_ledger_busy_requests_total",
        help: "Requests that found too many others before them, since the start.",
        of: |book, _| now(&book.counts().busy),
    },
    Measure {
        name: "tidegate_ledger_unknown_outcomes_total",
        help: "Requests and orders whose outcome could not be told in time, since the start.",
        of: |book, _| now(&book.counts().unknown),
    },
    Measure {
        name: "tidegate_ledger_away_orders_total",
        help: "Orders that were refused because what keeps the book could not be reached, since the start.",
        of: |book, _| now(&book.counts().away),
    },
    Measure {
        name: "tidegate_ledger_away_state",
        help: "1 while what keeps the book cannot be reached.",
        of: |book, _| u64::from(book.store.check().is_err()),
    },
    Measure {
        name: "tidegate_ledger_store_returns_total",
        help: "How often what keeps the book was reached again after it could not be, since the start.",
        of: |book, _| now(&book.store.counts().returns),
    },
    Measure {
        name: "tidegate_ledger_unkept_facts",
        help: "Facts that a database does not have yet: decided, and without their place in the order of leaves.",
        of: |book, _| now(&book.store.counts().unkept),
    },
    Measure {
        name: "tidegate_ledger_open_accounts",
        help: "Accounts of the book.",
        of: |book, _| book.public.directory.len() as u64,
    },
    Measure {
        name: "tidegate_ledger_durable_seq",
        help: "Number of the last fact that is on the disk and shown to readers.",
        of: |book, _| now(&book.counts().durable_seq),
    },
    Measure {
        name: "tidegate_ledger_settling_facts",
        help: "Facts that are decided and wait for the disk.",
        of: |book, _| now(&book.counts().settling),
    },
    Measure {
        name: "tidegate_ledger_scrubs_total",
        help: "How often all balances were added up again, since the start.",
        of: |_, findings| now(&findings.scrubs),
    },
    Measure {
        name: "tidegate_ledger_sound_seq",
        help: "Number up to which the scrubber found every balance right.",
        of: |_, findings| now(&findings.sound_seq),
    },
    Measure {
        name: "tidegate_ledger_differences_total",
        help: "Differences the scrubber found; the book is stopped at the first one.",
        of: |_, findings| now(&findings.differences),
    },
    Measure {
        name: "tidegate_ledger_snapshot_seq",
        help: "Number up to which the next start need not read, as far as it was written since the start.",
        of: |_, findings| now(&findings.snapshot_seq),
    },
    Measure {
        name: "tidegate_ledger_panics_total",
        help: "Panics of the book's tasks, each of which was started again unless there were too many.",
        of: |book, findings| now(&book.counts().panics) + now(&findings.panics),
    },
];
