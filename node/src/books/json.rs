//! A verification as one JSON object, whose shape node/README.md documents. Pure.

use serde_json::{Value, json};
use std::path::Path;
use tidegate_engine_book::{Currency, Reckoned, Trial};
use tidegate_service_ledger::verify::{Fault, Tree, Verification, Verified};

/// One line.
pub(super) fn of(verification: &Verification, data: &Path, with_accounts: bool) -> String {
    let faults: Vec<_> = verification.faults().into_iter().map(fault).collect();
    let object = json!({
        "data": data.to_string_lossy(),
        "verdict": match faults.is_empty() {
            true => "sound",
            false if verification.is_unread() => "unread",
            false => "wrong",
        },
        "records": verification.journal.records,
        "last_seq": verification.journal.head_seq,
        "unfinished_bytes": verification.journal.unfinished_bytes,
        "books": verification.books.iter().map(|one| book(one, with_accounts)).collect::<Vec<_>>(),
        "notes": verification.notes(),
        "faults": faults,
    });
    format!("{object}\n")
}

fn book(verified: &Verified, with_accounts: bool) -> Value {
    let Verified { book, reckoning, seqs, is_read, trees, .. } = verified;
    let trial: Vec<_> = reckoning.trial().iter().map(|(currency, trial)| sums(*currency, trial)).collect();
    let mut object = json!({
        "book": book,
        "read": is_read,
        "facts": reckoning.facts(),
        "first_seq": seqs.map(|(first, _)| first),
        "last_seq": seqs.map(|(_, last)| last),
        "accounts": reckoning.accounts().len(),
        "reservations": reckoning.reservations(),
        "trial": trial,
        "trees": trees.iter().map(tree).collect::<Vec<_>>(),
    });
    if with_accounts {
        object["balances"] = reckoning.accounts().iter().map(account).collect();
    }
    object
}

fn sums(currency: Currency, trial: &Trial) -> Value {
    json!({
        "currency": currency.as_str(), "accounts": trial.accounts, "even": trial.is_even(),
        "debits": trial.debits.to_string(), "credits": trial.credits.to_string(),
        "outgoing": trial.outgoing.to_string(), "incoming": trial.incoming.to_string(),
    })
}

fn account(account: &Reckoned) -> Value {
    let Reckoned { name, currency, posted, outgoing, incoming, .. } = account;
    json!({
        "account": name.as_str(), "currency": currency.as_str(),
        "posted": posted, "outgoing": outgoing, "incoming": incoming,
    })
}

fn tree(Tree { counted, is_trusted }: &Tree) -> Value {
    json!({
        "tree": counted.profile.name(),
        "entries": counted.size,
        "root": counted.root_text(),
        "signed_entries": counted.held,
        "signature": match is_trusted {
            Some(_) => "checked",
            None => "not checked",
        },
    })
}

fn fault(fault: &Fault) -> Value {
    let mut object = json!({
        "code": fault.code(), "message": fault.to_string(), "hint": fault.hint(), "seq": fault.seq(),
    });
    if let Fault::Damaged(finding) = fault {
        object["file"] = format!("books/{}", finding.file).into();
        object["offset"] = finding.offset.into();
    }
    object
}
