//! The books of a node, as a capability: opened together, measured, ready while all of them take orders.

use crate::book::Book;
use crate::config::Config;
use crate::error::OpenError;
use crate::port::Port;
use crate::scrub::{self, Findings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tidegate_kernel_journal::{Clock, Journal, Refusal};
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tokio::time::timeout_at;

/// Streams of books in the journal begin here.
pub const STREAM_MIN: u16 = 1024;
/// A register of the journal for each book says which stream is its own.
pub(crate) const REGISTER: &str = "ledger.";

/// What there is to tell of a book beside what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Why it takes no orders.
    pub(crate) closed: Option<String>,
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
    books: BTreeMap<String, Arc<Book>>,
    findings: BTreeMap<String, Arc<Findings>>,
}

impl Ledger {
    /// Reads every book back and starts it. Reads the disk; within a tokio runtime.
    pub fn open(journal: &Journal, clock: &Arc<dyn Clock>, config: &Config) -> Result<Ledger, OpenError> {
        let (mut books, mut findings) = (BTreeMap::new(), BTreeMap::new());
        for one in &config.books {
            let stream = stream_of(journal, &one.name)
                .map_err(|source| OpenError::Place { book: one.name.clone(), source })?;
            let book = Book::open(journal.clone(), stream, clock.clone(), one.clone(), config.shared)?;
            let found = Arc::<Findings>::default();
            tokio::spawn(scrub::keep(book.clone(), found.clone()));
            findings.insert(one.name.clone(), found);
            books.insert(one.name.clone(), book);
        }
        Ok(Ledger { books, findings })
    }

    pub fn book(&self, name: &str) -> Option<Arc<dyn Port>> {
        let book: Arc<dyn Port> = self.books.get(name)?.clone();
        Some(book)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.books.keys().map(String::as_str)
    }

    /// How a book is; nothing of one that is not there.
    pub(crate) fn condition(&self, name: &str) -> Option<Condition> {
        let (book, findings) = (self.books.get(name)?, self.findings.get(name)?);
        Some(Condition {
            closed: book.stop.why(),
            durable_seq: now(&book.counts().durable_seq),
            settling: now(&book.counts().settling),
            sound_seq: now(&findings.sound_seq),
            scrubs: now(&findings.scrubs),
            differences: now(&findings.differences),
        })
    }

    /// Somebody has looked at the clock: reservations end by time again.
    pub fn accept_clock(&self) {
        self.books.values().for_each(|book| book.accept_clock());
    }
}

/// The stream a book has; nothing before it was opened for the first time.
pub fn known_stream(journal: &Journal, book: &str) -> Option<u16> {
    let bytes = journal.register(&format!("{REGISTER}{book}"))?;
    bytes.first_chunk().copied().map(u16::from_le_bytes)
}

/// Where the audit trees over a book lie.
pub fn trees_folder(data: &Path, book: &str) -> PathBuf {
    data.join("ledger").join(book)
}

/// The stream a book has, or the next one that no book has.
fn stream_of(journal: &Journal, book: &str) -> Result<u16, Refusal> {
    if let Some(stream) = known_stream(journal, book) {
        return Ok(stream);
    }
    let name = format!("{REGISTER}{book}");
    let last = format!("{REGISTER}.last");
    let known = journal.register(&last).and_then(|bytes| bytes.first_chunk().copied());
    let stream = known.map_or(STREAM_MIN, |bytes| u16::from_le_bytes(bytes) + 1);
    // In this order a crash between the two leaves a stream that nobody has.
    journal.set_register(&last, &stream.to_le_bytes())?;
    journal.set_register(&name, &stream.to_le_bytes())?;
    Ok(stream)
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
        for (name, book) in &self.books {
            if let Some(why) = book.stop.why() {
                return Readiness::Unready(format!("the book {name} takes no orders: {why}"));
            }
            if !book.public.serves.load(Ordering::SeqCst) {
                return Readiness::Unready(format!("the book {name} panicked and is read back (TG-LE-044)"));
            }
            if self.findings.get(name).is_some_and(|findings| findings.has_failed.load(Ordering::SeqCst)) {
                return Readiness::Unready(format!("the book {name} is not scrubbed any more (TG-LE-045)"));
            }
            if book.doubt.stands() {
                return Readiness::Unready(format!("the book {name} waits for somebody to accept the clock"));
            }
        }
        Readiness::Ready
    }

    /// What was taken is done: behind the last order of each book nothing is left to answer.
    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let mut left = Vec::new();
            for (name, book) in &self.books {
                book.stop.stop("the node is stopping");
                if timeout_at(deadline.into(), book.look(|_| ())).await.is_err() {
                    let what =
                        "books with orders that were not answered; they are done, or the same ids tell";
                    left.push(Leftover { part: format!("book {name}"), count: 1, what });
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
        for (name, book) in &ledger.books {
            if let Some(findings) = ledger.findings.get(name) {
                family.push(&[("book", name)], (self.of)(book, findings));
            }
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
