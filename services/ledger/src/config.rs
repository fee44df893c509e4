//! What can be set, with its default and its limits.

use std::time::Duration;
use tidegate_engine_book::{BookLimit, WindowLimit};
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Section, Values};

/// Books of one node: each is a stream of the journal, an applier and a scrubber.
pub const BOOKS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 40;
/// Of an id, and of an account or a reservation with its places in tables: twice, for the scrubber has its own.
const ID_BYTES: u64 = 160;
const ENTRY_BYTES: u64 = 400;
/// Of a subject: its key, expanded, with its places in tables.
const SUBJECT_BYTES: u64 = 1024;

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "ledger",
    "Books with double entry. There are as many as are named; without one the capability is not there.",
    &[
        Field::new(
            "scrub",
            Kind::Duration { min_ms: 100, max_ms: 86_400_000 },
            "10 s",
            "How often every balance is added up again, from the journal and apart from what serves.",
        ),
        Field::new(
            "snapshot_facts",
            Kind::Integer { min: 1000, max: 1_000_000_000 },
            "1000000",
            "A book is written down after so many facts, so that a start need not read them again.",
        ),
        Field::new(
            "orders_max",
            Kind::Integer { min: 1, max: 10_000 },
            "1000",
            "Orders of one request.",
        ),
        Field::new(
            "waiting_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "1024",
            "Requests that wait for a book; beyond it they are refused as busy.",
        ),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: 10, max_ms: 600_000 },
            "5 s",
            "How long a request waits for its answer. Afterwards the outcome is unknown to whoever asked, and the same ids tell it.",
        ),
        Field::new(
            "subjects_max",
            Kind::Integer { min: 1, max: 1 << 20 },
            "16384",
            "Subjects that memos are of, those that were shredded among them; each takes about 1 KiB.",
        ),
    ],
)
.with(&[Group::many(
    "books",
    "One book.",
    Many { groups_max: BOOKS_MAX, reload: Reload::Restart },
    &[
        Field::new(
            "ids_max",
            Kind::Integer { min: 1024, max: 1 << 24 },
            "1048576",
            "Ids that are remembered, so that none is applied twice; each takes 160 bytes.",
        ),
        Field::new(
            "ids_age",
            Kind::Duration { min_ms: 60_000, max_ms: 31_536_000_000 },
            "1 d",
            "How long they are remembered, if there are not too many before.",
        ),
        Field::new(
            "accounts_max",
            Kind::Integer { min: 2, max: 1 << 24 },
            "131072",
            "Accounts of the book; each takes about 400 bytes.",
        ),
        Field::new(
            "reservations_max",
            Kind::Integer { min: 1, max: 1 << 22 },
            "65536",
            "Reservations that are open at once; each takes about 400 bytes.",
        ),
    ],
)]);

/// The settings all books share, and the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub shared: Shared,
    pub books: Vec<BookConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    pub scrub: Duration,
    pub snapshot_facts: u64,
    pub orders_max: usize,
    pub waiting_max: usize,
    pub timeout: Duration,
    pub subjects_max: usize,
}

/// One book's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookConfig {
    pub name: String,
    pub limit: BookLimit,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            scrub: Duration::from_secs(10),
            snapshot_facts: 1_000_000,
            orders_max: 1000,
            waiting_max: 1024,
            timeout: Duration::from_secs(5),
            subjects_max: 16384,
        }
    }
}

impl Config {
    /// The memory that all books may hold: what serves, the replay of the scrubber, and keys of memos.
    pub fn bytes_max(&self) -> u64 {
        let of_book = |book: &BookConfig| {
            let BookLimit { accounts, reservations, window } = book.limit;
            window.ids as u64 * ID_BYTES + (accounts + reservations) as u64 * ENTRY_BYTES
        };
        let books: u64 = self.books.iter().map(of_book).sum();
        if self.books.is_empty() { 0 } else { books + self.shared.subjects_max as u64 * SUBJECT_BYTES }
    }

    pub fn from_values(values: &Values, faults: &mut Faults) -> Config {
        let mut books = Vec::new();
        for (name, book) in values.named("books") {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !plain || name.len() > NAME_BYTES_MAX {
                let hint = "use up to 40 letters, digits, - and _: it is part of addresses and file names";
                faults.push(book.fault("ids_max", format!("{name:?} is no name of a book"), hint));
            }
            books.push(BookConfig { name: name.to_owned(), limit: limit(book) });
        }
        let shared = Shared {
            scrub: values.get("scrub"),
            snapshot_facts: values.get("snapshot_facts"),
            orders_max: values.get("orders_max"),
            waiting_max: values.get("waiting_max"),
            timeout: values.get("timeout"),
            subjects_max: values.get("subjects_max"),
        };
        Config { shared, books }
    }
}

fn limit(book: &Values) -> BookLimit {
    BookLimit {
        accounts: book.get("accounts_max"),
        reservations: book.get("reservations_max"),
        window: WindowLimit { ids: book.get("ids_max"), age_ms: book.millis("ids_age") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::{Source, Table};

    #[test]
    fn the_table_has_the_defaults() {
        let table = Table::new(&[SECTION]);
        let none = |_: &_| Err("none here".to_owned());
        let file = Some(&b"[ledger.books.main]\n"[..]);
        let mut reading = table.read(&Source { file, overrides: &[], secrets: &none });
        let config = reading.section("ledger", Config::from_values).unwrap();
        let main = BookConfig { name: "main".to_owned(), limit: BookLimit::default() };
        assert_eq!(config, Config { shared: Shared::default(), books: vec![main] });
    }
}
