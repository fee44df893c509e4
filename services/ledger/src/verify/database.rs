//! Books whose facts are in a database: the trees are in the folder all the same. With the database at hand its facts are taken in like
//! records, and the balances it keeps beside them are compared; without it, the entries of the trees are all there is to check.

use super::Book;
use super::fault::Fault;
use crate::error::OpenError;
use crate::store::{AT_ONCE, Row};
use tidegate_engine_book::{AccountNumber, Balance, Reckoned};
use tidegate_kernel_audit::{AuditError, Found, Recount};
use tidegate_kernel_journal::Registers;

/// A database as an auditor reads it: all of it as of one moment, with nothing taken, made or written. Blocks.
pub trait Database {
    /// That it is the one a folder with these registers has its books in.
    fn recognise(&mut self, registers: &Registers) -> Result<(), OpenError>;

    /// Facts of a book behind `after`, and up to which number was looked.
    fn facts(&mut self, book: &str, after: u64, most: usize) -> Result<Found, OpenError>;

    /// Balances from account number `from` on.
    fn rows(&mut self, book: &str, from: AccountNumber, most: usize) -> Result<Vec<Row>, OpenError>;
}

/// Takes in what the database has of these books.
pub(super) fn take(books: &mut [Book], registers: &Registers, database: &mut dyn Database) {
    for book in books {
        let recognised = database.recognise(registers);
        let taken = recognised.and_then(|()| read(book, database)).and_then(|()| compare(book, database));
        if let Err(why) = taken {
            book.faults.push(Fault::Database { book: book.name.clone(), why });
        }
    }
}

fn read(book: &mut Book, database: &mut dyn Database) -> Result<(), OpenError> {
    let mut after = 0;
    loop {
        let (records, through) = database.facts(&book.name, after, AT_ONCE)?;
        if records.is_empty() {
            return Ok(());
        }
        records.iter().for_each(|record| book.take_with(record, Recount::push_moved));
        after = through;
    }
}

/// The balances of all accounts with what their entries come to.
fn compare(book: &mut Book, database: &mut dyn Database) -> Result<(), OpenError> {
    if book.contradiction.is_some() {
        return Ok(());
    }
    let (mut rows, mut from) = (Vec::new(), 0);
    loop {
        let page = database.rows(&book.name, from, AT_ONCE)?;
        let Some(last) = page.last() else { break };
        from = last.account + 1;
        rows.extend(page);
    }
    let accounts = book.reckoning.accounts();
    let differs = (0..rows.len().max(accounts.len())).find(|at| {
        let pair = rows.get(*at).zip(accounts.get(*at));
        !pair.is_some_and(|(row, account)| row.account as usize == *at && is_of(row, account))
    });
    if let Some(at) = differs {
        let account = accounts.get(at).map_or_else(|| at.to_string(), |account| account.name.to_string());
        book.faults.push(Fault::Row { book: book.name.clone(), account });
    }
    Ok(())
}

fn is_of(row: &Row, account: &Reckoned) -> bool {
    let Reckoned { posted, outgoing, incoming, .. } = *account;
    row.balance == Balance { posted, outgoing, incoming }
}

/// What lies in the files alone.
pub(super) fn take_trees(books: &mut [Book]) {
    for book in books {
        let taken = book.trees.iter_mut().try_for_each(|(tree, _)| take_tree(tree));
        if let Err(why) = taken {
            book.faults.push(super::unread(&book.name, why));
        }
        book.is_read = false;
        book.faults.push(Fault::Unread { book: book.name.clone() });
    }
}

fn take_tree(tree: &mut Recount) -> Result<(), AuditError> {
    while let Some(entry) = tree.lying()? {
        tree.push_entry(&entry)?;
    }
    Ok(())
}
