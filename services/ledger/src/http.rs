//! The books over HTTP, as routes on the listener for production.
//!
//! Operators open accounts and send orders, auditors read all of it, operators what they work with; an admin has no part in it, but looks
//! after the keys of memos, which he cannot read. What is done is written down by the gate, with what came of it.

mod form;
mod keys;
mod orders;
mod reading;
mod view;

use crate::error::Setback;
use crate::ledger::Ledger;
use crate::memos::{MemoError, Memos};
use crate::port::{Names, Port, Recorded};
use axum::http::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_book::Fact;
use tidegate_kernel_plug::{Need, Principal, Refusal, Role, Route, Routes};
use tidegate_kernel_sm::SmError;

const ACCOUNT: &str = "/v1/ledger/{book}/accounts/{account}";
/// One request's body.
const BODY_BYTES_MAX: usize = 1 << 20;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Debug)]
struct Desk {
    ledger: Arc<Ledger>,
    memos: Arc<Memos>,
    orders_max: usize,
}

/// The routes. `orders_max` is how many orders one request may have.
pub fn routes(ledger: Arc<Ledger>, memos: Arc<Memos>, orders_max: usize) -> Routes {
    let desk = Arc::new(Desk { ledger, memos, orders_max });
    acting(&desk).and(looking(&desk)).and(keeping(&desk))
}

/// What operators do.
fn acting(desk: &Arc<Desk>) -> Routes {
    let act = |method, path, purpose| {
        let need = Need::Role(Role::Operator);
        Route { method, path, need, body_bytes_max: BODY_BYTES_MAX, purpose }
    };
    Routes::new()
        .with(
            act(Method::POST, "/v1/ledger/{book}/accounts", "Opens an account."),
            orders::open,
            desk.clone(),
        )
        .with(act(Method::PUT, ACCOUNT, "Sets the limits of an account."), orders::limit, desk.clone())
        .with(
            act(Method::POST, "/v1/ledger/{book}/transfers", "Transfers, reservations and their ends."),
            orders::transfer,
            desk.clone(),
        )
        .with(
            act(Method::POST, "/v1/ledger/clock/accept", "Says that the clock is right after it jumped."),
            orders::accept_clock,
            desk.clone(),
        )
}

/// What operators and auditors read.
fn looking(desk: &Arc<Desk>) -> Routes {
    let look = |path, purpose| Route::get(path, Need::AnyRole, purpose);
    Routes::new()
        .with(
            look("/v1/ledger", "The books, and up to where each was found right."),
            reading::books,
            desk.clone(),
        )
        .with(look("/v1/ledger/{book}/accounts", "Accounts by name."), reading::accounts, desk.clone())
        .with(look(ACCOUNT, "A balance, now or as it was."), reading::account, desk.clone())
        .with(
            look("/v1/ledger/{book}/accounts/{account}/statement", "What touched an account, newest first."),
            reading::statement,
            desk.clone(),
        )
        .with(
            look("/v1/ledger/{book}/transfers/{id}", "What an id was accepted for."),
            reading::transfer,
            desk.clone(),
        )
        .with(
            look("/v1/ledger/{book}/trial", "Every balance added up, by currency."),
            reading::trial,
            desk.clone(),
        )
        .with(
            look("/v1/ledger/{book}/postings", "All facts of a book, as a feed."),
            reading::postings,
            desk.clone(),
        )
}

/// What an admin does with the keys of memos.
fn keeping(desk: &Arc<Desk>) -> Routes {
    let admin = Need::Role(Role::Admin);
    Routes::new()
        .with(
            Route::post(
                "/v1/ledger/subjects/{subject}/shred",
                admin,
                "Makes the memos of a subject unreadable for ever.",
            ),
            keys::shred,
            desk.clone(),
        )
        .with(
            Route::post("/v1/ledger/keys/rotate", admin, "Puts the keys of memos under a new key."),
            keys::rotate,
            desk.clone(),
        )
        .with(
            Route::get("/v1/ledger/subjects/{subject}", Need::AnyRole, "Whether a subject was shredded."),
            keys::subject,
            desk.clone(),
        )
}

/// A fact as it is answered, out of the bytes it has in the journal, with accounts by their numbers and the memo sealed; nothing if they
/// are none.
pub fn shown(seq: u64, bytes: &[u8]) -> Option<Value> {
    let fact = Fact::decode(bytes).ok()?;
    Some(view::fact(&Recorded { seq, fact }, &Names::default(), None))
}

impl Desk {
    fn book(&self, name: &str) -> Result<Arc<dyn Port>, Refusal> {
        self.ledger.book(name).map_err(|setback| refusal(&setback))
    }
}

/// Whoever may read, but for what is the auditor's alone.
fn may_read(principal: &Principal) -> Result<(), Refusal> {
    let may = principal.has(Role::Operator) || principal.has(Role::Auditor);
    if may { Ok(()) } else { Err(Refusal::forbidden("this needs the role operator or auditor")) }
}

/// The whole book is the auditor's.
fn may_verify(principal: &Principal) -> Result<(), Refusal> {
    let may = principal.has(Role::Auditor);
    if may { Ok(()) } else { Err(Refusal::forbidden("this needs the role auditor")) }
}

/// The answer to a request of which nothing came but this.
fn refusal(setback: &Setback) -> Refusal {
    let status = match setback {
        Setback::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Setback::NoAccount { .. } | Setback::NoTransfer | Setback::NoBook(_) => StatusCode::NOT_FOUND,
        Setback::Busy => StatusCode::TOO_MANY_REQUESTS,
        Setback::Unknown | Setback::Closed(_) | Setback::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        Setback::Pruned { .. } => StatusCode::GONE,
        Setback::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Setback::Memo { why, .. } => status(why),
    };
    let refusal = Refusal::new(status, setback.code(), setback.to_string(), setback.hint());
    match setback {
        Setback::Busy | Setback::Unknown | Setback::Away(_) => refusal.after(RETRY_AFTER),
        _ => refusal,
    }
}

fn status(why: &MemoError) -> StatusCode {
    match why {
        MemoError::Sm(SmError::UnknownKey { .. }) => StatusCode::NOT_FOUND,
        MemoError::Sm(SmError::Shredded { .. }) | MemoError::TooMany { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        MemoError::Keys { .. } => StatusCode::SERVICE_UNAVAILABLE,
        MemoError::Sm(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What cannot be read as a request.
fn malformed(what: impl Into<String>) -> Refusal {
    let hint = "compare the request with the form in the guide";
    Refusal::new(StatusCode::BAD_REQUEST, "TG-LE-036", what, hint)
}
