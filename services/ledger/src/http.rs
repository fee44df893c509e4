//! The books over HTTP, as routes on the listener for production.
//!
//! Operators open accounts and send orders, auditors read all of it, operators what they work with; an admin has no part in it. What
//! operators do is written down by the gate, with the numbers of the facts that came of it.

mod form;
mod orders;
mod reading;
mod view;

use crate::error::Setback;
use crate::ledger::Ledger;
use crate::port::{Names, Port, Recorded};
use axum::http::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_book::Fact;
use tidegate_kernel_plug::{Need, Principal, Refusal, Role, Route, Routes};

/// One request's body.
const BODY_BYTES_MAX: usize = 1 << 20;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Debug)]
struct Desk {
    ledger: Arc<Ledger>,
    orders_max: usize,
}

/// The routes. `orders_max` is how many orders one request may have.
pub fn routes(ledger: Arc<Ledger>, orders_max: usize) -> Routes {
    let desk = Arc::new(Desk { ledger, orders_max });
    let act = |method, path, purpose| {
        let need = Need::Role(Role::Operator);
        Route { method, path, need, body_bytes_max: BODY_BYTES_MAX, purpose }
    };
    let look = |path, purpose| Route::get(path, Need::AnyRole, purpose);
    let one = "/v1/ledger/{book}/accounts/{account}";
    Routes::new()
        .with(
            act(Method::POST, "/v1/ledger/{book}/accounts", "Opens an account."),
            orders::open,
            desk.clone(),
        )
        .with(act(Method::PUT, one, "Sets the limits of an account."), orders::limit, desk.clone())
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
        .with(
            look("/v1/ledger", "The books, and up to where each was found right."),
            reading::books,
            desk.clone(),
        )
        .with(look("/v1/ledger/{book}/accounts", "Accounts by name."), reading::accounts, desk.clone())
        .with(look(one, "A balance, now or as it was."), reading::account, desk.clone())
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
        .with(look("/v1/ledger/{book}/postings", "All facts of a book, as a feed."), reading::postings, desk)
}

/// A fact as it is answered, out of the bytes it has in the journal, with accounts by their numbers; nothing if they are none.
pub fn shown(seq: u64, bytes: &[u8]) -> Option<Value> {
    let fact = Fact::decode(bytes).ok()?;
    Some(view::fact(&Recorded { seq, fact }, &Names::default()))
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
    };
    let refusal = Refusal::new(status, setback.code(), setback.to_string(), setback.hint());
    match setback {
        Setback::Busy | Setback::Unknown | Setback::Away(_) => refusal.after(RETRY_AFTER),
        _ => refusal,
    }
}

/// What cannot be read as a request.
fn malformed(what: impl Into<String>) -> Refusal {
    let hint = "compare the request with the form in the guide";
    Refusal::new(StatusCode::BAD_REQUEST, "TG-LE-036", what, hint)
}
