//! Verifies the books of a data folder, or of a copy of one: for an auditor who trusts nobody's server. Reads files in the calling thread;
//! takes no lock, writes and makes nothing, needs no node and no secret key.
//!
//! ```text
//!   journal `books`, every byte ── facts ── Reckoning: balances are the sums of their entries
//!                              └── records ── Recount: roots are those that were signed
//! ```
//!
//! Of books that are in a database the folder has the trees; their facts come from there.

mod database;
mod fault;
mod trust;

pub use database::Database;
pub use fault::Fault;
pub use trust::Trust;

use crate::embedded::{REGISTER, edition_in};
use crate::ledger::trees_folder;
use crate::mark;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tidegate_engine_book::{Fact, Reckoning};
use tidegate_kernel_audit::{AuditError, Profile, Recount, Recounted};
use tidegate_kernel_journal::{JournalReport, OpenError, Record, Registers, examine_books};
use trust::Signed;

/// What was found in a folder.
#[derive(Debug)]
pub struct Verification {
    pub journal: JournalReport,
    pub books: Vec<Verified>,
    /// Of the folder as a whole.
    faults: Vec<Fault>,
}

/// What was found of one book.
#[derive(Debug)]
pub struct Verified {
    pub book: String,
    pub reckoning: Reckoning,
    /// Numbers of the first and the last fact; nothing where there is none.
    pub seqs: Option<(u64, u64)>,
    /// Not where the facts are in a database that was not at hand.
    pub is_read: bool,
    pub trees: Vec<Tree>,
    faults: Vec<Fault>,
}

/// One tree of a book.
#[derive(Debug)]
pub struct Tree {
    pub counted: Recounted,
    /// Whether all that was signed of it was signed by a key that is trusted; nothing where no key was given.
    pub is_trusted: Option<bool>,
}

/// Reads the whole folder.
pub fn verify(data: &Path, trust: &Trust) -> Result<Verification, OpenError> {
    verify_with(data, trust, None)
}

/// The same, and reads the facts that the folder says are in a database.
pub fn verify_with(
    data: &Path,
    trust: &Trust,
    database: Option<&mut dyn Database>,
) -> Result<Verification, OpenError> {
    let mut open: BTreeMap<u16, Result<Book, String>> = BTreeMap::new();
    let journal = examine_books(data, &mut |record, registers| {
        let stream = record.head.stream;
        if stream >= crate::STREAM_MIN {
            if !open.contains_key(&stream) {
                let named = name_of(registers, stream).ok_or_else(|| format!("stream {stream}"));
                if let Ok(name) = &named {
                    // A book that was moved to another gear and back goes on in another stream; what it left is not the book any more.
                    open.retain(|_, other| !matches!(other, Ok(other) if other.name == *name));
                }
                open.insert(stream, named.map(|name| Book::on_journal(data, name, registers, trust)));
            }
            if let Some(Ok(book)) = open.get_mut(&stream) {
                book.take(record);
            }
        }
    })?;
    let elsewhere = mark::gear_elsewhere(&journal.registers);
    if elsewhere.is_some() {
        // What a book had here before it moved is not the book any more.
        open.clear();
    }
    let nameless = open.values().filter_map(|book| book.as_ref().err().cloned());
    let mut faults: Vec<Fault> = nameless.map(|book| Fault::Nameless { book }).collect();
    let mut books: Vec<Book> = open.into_values().filter_map(Result::ok).collect();
    let seen: BTreeSet<String> = books.iter().map(|book| book.name.clone()).collect();
    let known = known(data, &journal.registers);
    books.extend(known.difference(&seen).map(|name| {
        let log = match &elsewhere {
            Some(_) => mark::log_elsewhere(&journal.registers, name),
            None => name.clone(),
        };
        Book::of(data, name.clone(), &log, trust)
    }));
    books.sort_by(|one, other| one.name.cmp(&other.name));
    if books.is_empty() && faults.is_empty() {
        faults.push(Fault::NoBook { data: data.to_owned() });
    }
    match (&elsewhere, database) {
        (Some(_), Some(database)) => database::take(&mut books, &journal.registers, database),
        (Some(_), None) => database::take_trees(&mut books),
        (None, _) => {}
    }
    let bad = journal.findings.iter().find(|finding| finding.fatal);
    faults.extend(bad.map(|finding| Fault::Damaged(finding.clone())));
    let end = elsewhere.is_none().then_some(journal.head_seq);
    let books = books.into_iter().map(|book| book.finish(end)).collect();
    Ok(Verification { journal, books, faults })
}

/// Every book that the journal names, and every one that trees were grown over.
fn known(data: &Path, registers: &Registers) -> BTreeSet<String> {
    let named = registers.keys().filter_map(|name| book_of(name)).map(str::to_owned);
    let above = trees_folder(data, "");
    let folders = fs::read_dir(above).into_iter().flatten().filter_map(Result::ok);
    let folders = folders.filter(|entry| entry.path().is_dir());
    let logs = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // Behind a dot is which log of the book it is.
    named.chain(logs.map(|log| log.split('.').next().unwrap_or_default().to_owned())).collect()
}

fn name_of(registers: &Registers, stream: u16) -> Option<String> {
    let is_its = |value: &[u8]| value.first_chunk().copied().map(u16::from_le_bytes) == Some(stream);
    let mut named = registers.iter().filter(|(_, value)| is_its(value));
    named.find_map(|(name, _)| book_of(name)).map(str::to_owned)
}

/// The register of the last stream has a name that no book has.
fn book_of(register: &str) -> Option<&str> {
    register.strip_prefix(REGISTER).filter(|name| !name.contains('.'))
}

/// A book while its records are read.
struct Book {
    name: String,
    reckoning: Reckoning,
    seqs: Option<(u64, u64)>,
    is_read: bool,
    trees: Vec<(Recount, Option<bool>)>,
    /// Nothing more of it is taken in behind the first.
    contradiction: Option<Fault>,
    faults: Vec<Fault>,
}

impl Book {
    fn on_journal(data: &Path, name: String, registers: &Registers, trust: &Trust) -> Book {
        let register = registers.get(&format!("{REGISTER}{name}"));
        let log = mark::log_named(&name, register.map_or(1, |register| edition_in(register)));
        Book::of(data, name, &log, trust)
    }

    fn of(data: &Path, name: String, log: &str, trust: &Trust) -> Book {
        let (mut trees, mut faults) = (Vec::new(), Vec::new());
        for profile in Profile::ALL {
            let path = trees_folder(data, log).join(profile.name());
            match trust.signed(&path, log, profile) {
                Ok(Signed { published, claims, is_trusted }) => {
                    trees.push((Recount::beside(&path, profile, published, claims), is_trusted));
                }
                Err(why) => faults.push(Fault::Checkpoint { book: name.clone(), tree: profile.name(), why }),
            }
        }
        let (reckoning, contradiction) = (Reckoning::default(), None);
        Book { name, reckoning, seqs: None, is_read: true, trees, contradiction, faults }
    }

    fn take(&mut self, record: &Record) {
        self.take_with(record, Recount::push);
    }

    fn take_with(&mut self, record: &Record, push: fn(&mut Recount, &Record) -> Result<(), AuditError>) {
        let seq = record.head.seq;
        self.seqs = Some((self.seqs.map_or(seq, |(first, _)| first), seq));
        if self.contradiction.is_none() {
            self.contradiction = self.reckon(seq, record).err();
        }
        for (tree, _) in &mut self.trees {
            if let Err(why) = push(tree, record) {
                self.faults.push(unread(&self.name, why));
            }
        }
    }

    fn reckon(&mut self, seq: u64, record: &Record) -> Result<(), Fault> {
        let book = || self.name.clone();
        let fact = Fact::decode(&record.payload);
        let fact = fact.map_err(|why| Fault::NotAFact { book: book(), seq, why })?;
        let taken = self.reckoning.take(seq, &fact);
        taken.map_err(|why| Fault::Contradiction { book: self.name.clone(), seq, why })
    }

    /// `end` is the number of the last record there is; without one, that of the book's last.
    fn finish(mut self, end: Option<u64>) -> Verified {
        let book = self.name;
        let next_seq = end.or(self.seqs.map(|(_, last)| last)).unwrap_or(0) + 1;
        if self.contradiction.is_none()
            && let Err((seq, why)) = self.reckoning.close()
        {
            self.contradiction = Some(Fault::Contradiction { book: book.clone(), seq, why });
        }
        let counted = |(tree, is_trusted): (Recount, _)| Tree { counted: tree.finish(), is_trusted };
        let trees: Vec<_> = self.trees.into_iter().map(counted).collect();
        let roots = trees.iter().flat_map(|tree| Fault::of_roots(&book, &tree.counted, next_seq));
        let faults = self.contradiction.into_iter().chain(self.faults).chain(roots).collect();
        Verified { book, reckoning: self.reckoning, seqs: self.seqs, is_read: self.is_read, trees, faults }
    }
}

fn unread(book: &str, why: AuditError) -> Fault {
    Fault::Checkpoint { book: book.to_owned(), tree: "files", why }
}

impl Verification {
    /// What speaks against the books: what names a record first, then what only says that something is missing.
    pub fn faults(&self) -> Vec<&Fault> {
        let mut faults: Vec<&Fault> =
            self.faults.iter().chain(self.books.iter().flat_map(|book| &book.faults)).collect();
        faults.sort_by_key(|fault| fault.rank());
        faults
    }

    /// Whether nothing speaks against the books but that the facts of some were not read.
    pub fn is_unread(&self) -> bool {
        let faults = self.faults();
        !faults.is_empty() && faults.iter().all(|fault| matches!(fault, Fault::Unread { .. }))
    }

    /// What a person should know and what speaks against nothing.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.journal.unfinished_bytes > 0 {
            notes.push(format!(
                "the last batch was cut off: {} bytes of it are no part of the books",
                self.journal.unfinished_bytes
            ));
        }
        let harmless = self.journal.findings.iter().filter(|finding| !finding.fatal);
        notes.extend(harmless.map(|finding| {
            let (file, offset, what) = (&finding.file, finding.offset, &finding.what);
            format!("books/{file}, byte {offset}: {what}")
        }));
        notes.extend(self.books.iter().flat_map(Verified::notes));
        notes
    }
}

impl Verified {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for Tree { counted, is_trusted } in &self.trees {
            let tree = format!("ledger/{}/{}", self.book, counted.profile.name());
            if let Some(file) = counted.damaged.as_ref().filter(|_| counted.broken.is_none()) {
                notes.push(format!("{tree}/{file} is not what the records come to; a node makes it again"));
            }
            match (counted.held, is_trusted) {
                (None, _) if counted.size == 0 => {}
                (None, _) => notes.push(format!("{tree}: no checkpoint says what was there")),
                (Some(_), None) => notes.push(format!("{tree}: nobody's signature was checked; give --key")),
                (Some(held), _) if held < counted.size => {
                    let rest = counted.size - held;
                    notes.push(format!("{tree}: the last {rest} records are covered by no checkpoint"));
                }
                _ => {}
            }
        }
        notes
    }
}
