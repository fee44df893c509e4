//! A verification as a person reads it. Pure.

use std::fmt::Write;
use std::path::Path;
use tidegate_engine_book::Trial;
use tidegate_service_ledger::verify::{Tree, Verification, Verified};

pub(super) fn of(verification: &Verification, data: &Path, with_accounts: bool) -> String {
    let journal = &verification.journal;
    let mut text = format!(
        "{}: {} records in the journal books, the last is number {}\n",
        data.display(),
        journal.records,
        journal.head_seq
    );
    verification.books.iter().for_each(|one| book(&mut text, one, with_accounts));
    for note in verification.notes() {
        let _ = writeln!(text, "note: {note}");
    }
    text.push_str(match verification.faults().is_empty() {
        true => "sound: every balance is the sum of its entries, and every root is the one that was signed\n",
        false if verification.is_unread() => {
            "unread: every root is the one that was signed, and no balance was added up\n"
        }
        false => "wrong: do not rely on these books\n",
    });
    text
}

fn book(text: &mut String, verified: &Verified, with_accounts: bool) {
    let Verified { book, reckoning, seqs, is_read, trees, .. } = verified;
    if !is_read {
        let _ = writeln!(text, "book {book}: its facts are in a database");
        trees.iter().for_each(|one| tree(text, one));
        return;
    }
    let seqs = seqs.map_or_else(String::new, |(first, last)| format!(", records {first} to {last}"));
    let (facts, accounts, open) = (reckoning.facts(), reckoning.accounts().len(), reckoning.reservations());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "book {book}: {facts} facts{seqs}; {accounts} accounts, {open} open reservations");
    line(text, ["currency", "accounts", "debits", "credits", "outgoing", "incoming"].map(str::to_owned), "");
    for (currency, trial) in reckoning.trial() {
        let Trial { accounts, debits, credits, outgoing, incoming } = trial;
        let numbers = [debits, credits, outgoing, incoming].map(|sum| sum.to_string());
        let [debits, credits, outgoing, incoming] = numbers;
        let columns = [currency.to_string(), accounts.to_string(), debits, credits, outgoing, incoming];
        line(text, columns, if trial.is_even() { "even" } else { "UNEVEN" });
    }
    for account in reckoning.accounts().iter().filter(|_| with_accounts) {
        let [posted, outgoing, incoming] =
            [account.posted, account.outgoing, account.incoming].map(|number| number.to_string());
        let (name, currency) = (&account.name, account.currency);
        let _ =
            writeln!(text, "  {name}  {currency}  posted {posted}  outgoing {outgoing}  incoming {incoming}");
    }
    trees.iter().for_each(|one| tree(text, one));
}

fn line(text: &mut String, columns: [String; 6], last: &str) {
    let [currency, rest @ ..] = columns;
    let rest = rest.map(|column| format!("{column:>22}")).concat();
    let _ = writeln!(text, "{}", format!("  {currency:<8}{rest}  {last}").trim_end());
}

fn tree(text: &mut String, Tree { counted, is_trusted }: &Tree) {
    let (name, size, root) = (counted.profile.name(), counted.size, counted.root_text());
    let signed = match (counted.held, is_trusted) {
        (None, _) => "no checkpoint".to_owned(),
        (Some(held), Some(_)) => format!("the checkpoint over {held} holds, and so does its signature"),
        (Some(held), None) => format!("the checkpoint over {held} holds"),
    };
    let _ = writeln!(text, "  tree {name}: {size} entries, root {root}; {signed}");
}
