//! What is answered, as JSON: amounts in whole minor units, times in milliseconds since 1970. Pure.

use crate::ask::{Done, Outcome, Standing};
use crate::error::Setback;
use crate::ledger::Condition;
use crate::memos::{Memos, Told, subject_of};
use crate::port::{Guarantees, Names, Page, Recorded, Sheet};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tidegate_engine_book::{
    Action, Balance, Currency, Fact, Id, Memo, Order, Posting, Reading, Receipt, Refusal, Step,
};
use tidegate_kernel_journal::Level;
use tidegate_kernel_sm::SmError;

/// What memos of a book are read with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) memos: &'a Memos,
    pub(super) book: &'a str,
}

pub(super) fn condition(book: &str, condition: &Condition) -> Value {
    let promise = condition.guarantees.map(guarantees);
    json!({
        "book": book, "closed": condition.closed, "guarantees": promise, "durable_seq": condition.durable_seq, "settling": condition.settling,
        "sound_seq": condition.sound_seq, "scrubs": condition.scrubs, "differences": condition.differences,
    })
}

pub(super) fn account(name: &str, currency: Currency, reading: Reading) -> Value {
    let mut view = numbers(&reading.balance);
    view.insert("account".to_owned(), name.into());
    view.insert("currency".to_owned(), currency.as_str().into());
    view.insert("as_of_seq".to_owned(), reading.as_of_seq.into());
    Value::Object(view)
}

pub(super) fn standing(standing: &Standing) -> Value {
    let reading = Reading { as_of_seq: standing.as_of_seq, balance: standing.balance };
    let mut view = account(&standing.name, standing.currency, reading);
    view["min"] = standing.limits.min.into();
    view["max"] = standing.limits.max.into();
    view["last_seq"] = standing.last_seq.into();
    view
}

pub(super) fn guarantees(guarantees: Guarantees) -> Value {
    let Guarantees { gear, durability, one_writer, strictly_serializable } = guarantees;
    let durability = match durability {
        Level::Disk => "disk",
        Level::Os => "os",
        Level::Memory => "memory",
    };
    json!({"gear": gear, "durability": durability, "one_writer": one_writer.name(), "strictly_serializable": strictly_serializable})
}

fn numbers(balance: &Balance) -> Map<String, Value> {
    let Balance { posted, outgoing, incoming } = *balance;
    let numbers = [
        ("available", balance.available()),
        ("posted", posted),
        ("outgoing", outgoing),
        ("incoming", incoming),
    ];
    numbers.into_iter().map(|(key, number)| (key.to_owned(), number.into())).collect()
}

pub(super) fn page(page: &Page, names: &Names, reader: Reader<'_>) -> Value {
    let facts: Vec<Value> = page.facts.iter().map(|recorded| fact(recorded, names, Some(reader))).collect();
    json!({"facts": facts, "next": page.next})
}

/// Without a reader memos stay sealed.
pub(super) fn fact(recorded: &Recorded, names: &Names, reader: Option<Reader<'_>>) -> Value {
    let seq = recorded.seq;
    match &recorded.fact {
        Fact::Opened { name, currency, limits, at_ms, .. } => json!({
            "seq": seq, "at_ms": at_ms, "kind": "opened", "account": name.as_str(),
            "currency": currency.as_str(), "min": limits.min, "max": limits.max,
        }),
        Fact::Limited { account, limits, at_ms, .. } => json!({
            "seq": seq, "at_ms": at_ms, "kind": "limited", "account": names.of(*account),
            "min": limits.min, "max": limits.max,
        }),
        Fact::Posting(one) => {
            let mut view = posting(seq, one, names);
            put_memo(&mut view, one, reader);
            view
        }
    }
}

fn posting(seq: u64, posting: &Posting, names: &Names) -> Value {
    let mut view = json!({
        "seq": seq,
        "at_ms": posting.at_ms,
        "id": posting.id.to_string(),
        "kind": kind(posting.step),
        "debit": names.of(posting.debit),
        "credit": names.of(posting.credit),
        "amount": posting.amount,
        "debit_after": numbers(&posting.after[0]),
        "credit_after": numbers(&posting.after[1]),
    });
    match posting.step {
        Step::Reserve { expires_ms } if expires_ms < u64::MAX => view["expires_ms"] = expires_ms.into(),
        Step::Post { reservation, held } => {
            view["reservation"] = reservation.to_string().into();
            view["reserved"] = held.into();
        }
        Step::Void { reservation } => view["reservation"] = reservation.to_string().into(),
        Step::Move | Step::Reserve { .. } | Step::Expire => {}
    }
    view
}

/// `memo` where it can be read; `memo_state` says why it cannot be.
fn put_memo(view: &mut Value, posting: &Posting, reader: Option<Reader<'_>>) {
    let told = reader.map(|Reader { memos, book }| memos.read(book, posting.id, &posting.memo));
    let told = told.or_else(|| subject_of(&posting.memo).is_none().then(|| plain(&posting.memo)));
    let (memo, subject, state) = match told {
        Some(Told::Plain(text)) => (Some(text), None, None),
        Some(Told::Open { subject, text }) => (Some(text), Some(subject), Some("open")),
        Some(Told::Closed { subject, why }) => {
            view["memo_code"] = why.code().into();
            (None, Some(subject), Some(if is_shredded(&why) { "shredded" } else { "unreadable" }))
        }
        None => (None, subject_of(&posting.memo), Some("sealed")),
    };
    view["memo"] = memo.into();
    if let (Some(subject), Some(state)) = (subject, state) {
        view["subject"] = subject.into();
        view["memo_state"] = state.into();
    }
}

fn plain(memo: &Memo) -> Told {
    Told::Plain(String::from_utf8_lossy(memo.bytes()).into_owned())
}

fn is_shredded(why: &SmError) -> bool {
    matches!(why, SmError::Shredded { .. })
}

fn kind(step: Step) -> &'static str {
    match step {
        Step::Move => "transfer",
        Step::Reserve { .. } => "reserve",
        Step::Post { .. } => "post",
        Step::Void { .. } => "void",
        Step::Expire => "expire",
    }
}

pub(super) fn sheet(sheet: &Sheet) -> Value {
    let currencies: Vec<Value> = sheet
        .trials
        .iter()
        .map(|(currency, trial)| {
            json!({
                "currency": currency.as_str(), "accounts": trial.accounts, "even": trial.is_even(),
                "debits": trial.debits.to_string(), "credits": trial.credits.to_string(),
                "outgoing": trial.outgoing.to_string(), "incoming": trial.incoming.to_string(),
            })
        })
        .collect();
    json!({"as_of_seq": sheet.as_of_seq, "reservations": sheet.reservations, "currencies": currencies})
}

/// One line of the answer to orders.
pub(super) fn outcome(id: Id, outcome: &Outcome, names: &Names) -> Value {
    let id = id.to_string();
    match outcome {
        Ok(Done { seq, known }) => {
            let status = if *known { "known" } else { "accepted" };
            json!({"status": status, "id": id, "seq": seq})
        }
        Err(setback) => {
            let status = if *setback == Setback::Unknown { "unknown" } else { "refused" };
            let (code, message, hint) = (setback.code(), message(setback, names), setback.hint());
            json!({"status": status, "id": id, "code": code, "message": message, "hint": hint})
        }
    }
}

/// The engine knows accounts by their numbers, people by their names.
pub(super) fn message(setback: &Setback, names: &Names) -> String {
    let Setback::Refused(refused) = setback else { return setback.to_string() };
    match &refused.why {
        Refusal::Overdraft { account, .. }
        | Refusal::Limit { account, .. }
        | Refusal::Overflow(account)
        | Refusal::SameAccount(account) => {
            format!("{setback} (account {account} is {})", names.of(*account))
        }
        Refusal::Conflict(conflict) => {
            let Receipt { amount, debit, credit, .. } = conflict.accepted;
            let (debit, credit) = (names.of(debit), names.of(credit));
            let asked = asked(&conflict.asked, names);
            format!("{setback}: {amount} from {debit} to {credit}; asked for now: {asked}")
        }
        _ => setback.to_string(),
    }
}

fn asked(order: &Order, names: &Names) -> String {
    let what = match order.action {
        Action::Transfer { debit, credit, amount } => {
            format!("{amount} from {} to {}", names.of(debit), names.of(credit))
        }
        Action::Reserve { debit, credit, amount, .. } => {
            format!("to reserve {amount} from {} to {}", names.of(debit), names.of(credit))
        }
        Action::Post { reservation, amount: None } => format!("to post the reservation {reservation}"),
        Action::Post { reservation, amount: Some(amount) } => format!("to post {amount} of {reservation}"),
        Action::Void { reservation } => format!("to void the reservation {reservation}"),
    };
    match subject_of(&order.memo) {
        None => what,
        Some(subject) => format!("{what}, with a memo of {subject}"),
    }
}

/// The accounts that an answer to orders names.
pub(super) fn mentioned(outcomes: &[Outcome]) -> BTreeSet<u32> {
    let whys = outcomes.iter().filter_map(|outcome| match outcome {
        Err(Setback::Refused(refused)) => Some(&refused.why),
        _ => None,
    });
    whys.flat_map(accounts).collect()
}

fn accounts(why: &Refusal) -> Vec<u32> {
    match why {
        Refusal::Overdraft { account, .. }
        | Refusal::Limit { account, .. }
        | Refusal::Overflow(account)
        | Refusal::SameAccount(account) => vec![*account],
        Refusal::Conflict(conflict) => {
            let accepted = [conflict.accepted.debit, conflict.accepted.credit];
            let asked = match conflict.asked.action {
                Action::Transfer { debit, credit, .. } | Action::Reserve { debit, credit, .. } => {
                    vec![debit, credit]
                }
                Action::Post { .. } | Action::Void { .. } => Vec::new(),
            };
            accepted.into_iter().chain(asked).collect()
        }
        _ => Vec::new(),
    }
}
