//! What operators do: open accounts, set limits, send orders.

use super::form::{Bounds, Opening, Orders, read};
use super::{Desk, malformed, refusal, view};
use crate::ask::{Ask, Done, NamedOrder, Outcome};
use crate::error::Setback;
use crate::memos::Noted;
use crate::port::{Names, Port};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::sync::Arc;
use tidegate_engine_book::Id;
use tidegate_kernel_plug::{Changed, Refusal};

pub(super) async fn open(
    State(desk): State<Arc<Desk>>,
    Path(book): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let ask = read::<Opening>(&body)?.ask()?;
    alone(&*desk.book(&book)?, ask).await
}

pub(super) async fn limit(
    State(desk): State<Arc<Desk>>,
    Path((book, account)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let limits = read::<Bounds>(&body)?.limits();
    alone(&*desk.book(&book)?, Ask::Limit { account, limits }).await
}

async fn alone(book: &dyn Port, ask: Ask) -> Result<Response, Refusal> {
    let outcomes = book.submit(vec![ask]).await.map_err(|setback| refusal(&setback))?;
    match outcomes.first() {
        Some(Ok(Done { seq, known })) => {
            let status = if *known { "known" } else { "accepted" };
            let changed = Changed(format!("record {seq}"));
            Ok((Extension(changed), Json(json!({"status": status, "seq": seq}))).into_response())
        }
        Some(Err(setback)) => Err(refusal(setback)),
        None => Err(malformed("nothing was asked")),
    }
}

pub(super) async fn accept_clock(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.ledger.accept_clock();
    StatusCode::NO_CONTENT
}

pub(super) async fn transfer(
    State(desk): State<Arc<Desk>>,
    Path(book): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let book = desk.book(&book)?;
    let orders: Orders = read(&body)?;
    if orders.len() == 0 || orders.len() > desk.orders_max {
        return Err(malformed(format!(
            "a request has 1 to {} orders, and this one {}",
            desk.orders_max,
            orders.len()
        )));
    }
    let (linked, noted) = (orders.linked, orders.noted()?);
    let ids: Vec<Id> = noted.iter().map(|noted| noted.order.id).collect();
    let sealed = seal(&desk, book.name(), noted).await?;
    let outcomes = match linked {
        true => together(&*book, sealed).await,
        false => each(&*book, sealed).await,
    };
    let outcomes = outcomes.map_err(|setback| refusal(&setback))?;
    let mentioned = view::mentioned(&outcomes);
    let names = match mentioned.is_empty() {
        true => Names::default(),
        // What was done is done; without names the numbers say it.
        false => book.names(mentioned).await.unwrap_or_default(),
    };
    answer(&ids, &outcomes, &names)
}

/// Each order as a book takes it, or why its memo was not sealed.
async fn seal(
    desk: &Desk,
    book: &str,
    noted: Vec<Noted>,
) -> Result<Vec<Result<NamedOrder, Setback>>, Refusal> {
    if desk.memos.knows(book, &noted) {
        return Ok(desk.memos.seal(book, noted));
    }
    // The key of a new subject is written to the disk, so not on a thread that serves.
    let (memos, book) = (desk.memos.clone(), book.to_owned());
    let sealed = tokio::task::spawn_blocking(move || memos.seal(&book, noted)).await;
    sealed.map_err(|error| refusal(&Setback::Read(error.to_string())))
}

async fn together(
    book: &dyn Port,
    sealed: Vec<Result<NamedOrder, Setback>>,
) -> Result<Vec<Outcome>, Setback> {
    match sealed.into_iter().collect() {
        Ok(orders) => book.submit(vec![Ask::Linked(orders)]).await,
        Err(setback) => Ok(vec![Err(setback)]),
    }
}

/// One that was not sealed does not hold up the others.
async fn each(book: &dyn Port, sealed: Vec<Result<NamedOrder, Setback>>) -> Result<Vec<Outcome>, Setback> {
    let asks: Vec<Ask> = sealed.iter().flatten().cloned().map(Ask::One).collect();
    let asked = if asks.is_empty() { Vec::new() } else { book.submit(asks).await? };
    let mut asked = asked.into_iter();
    let outcome = |sealed: Result<NamedOrder, Setback>| match sealed {
        Ok(_) => asked.next().expect("there is an outcome for each that was asked"),
        Err(setback) => Err(setback),
    };
    Ok(sealed.into_iter().map(outcome).collect())
}

/// 200 where all are done, 207 where some are; one that stands alone, and linked ones, are refused as any request is.
fn answer(ids: &[Id], outcomes: &[Outcome], names: &Names) -> Result<Response, Refusal> {
    let is_linked = outcomes.len() < ids.len();
    if let [Err(setback)] = outcomes {
        let place = if is_linked { format!("order {}: ", setback.at()) } else { String::new() };
        let message = format!("{place}{}", view::message(setback, names));
        return Err(Refusal { message, ..refusal(setback) });
    }
    // Linked orders share one outcome.
    let each = ids.iter().enumerate().map(|(at, id)| (*id, &outcomes[if is_linked { 0 } else { at }]));
    let results: Vec<Value> = each.map(|(id, outcome)| view::outcome(id, outcome, names)).collect();
    let refused = if is_linked { 0 } else { outcomes.iter().filter(|outcome| outcome.is_err()).count() };
    let status = if refused == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let accepted = ids.len() - refused;
    let changed = Changed(format!("{accepted} accepted, {refused} refused{}", records(outcomes)));
    let body = json!({"accepted": accepted, "refused": refused, "results": results});
    Ok((status, Extension(changed), Json(body)).into_response())
}

/// Which facts came of it, for whoever reads later what was done.
fn records(outcomes: &[Outcome]) -> String {
    let fresh = outcomes.iter().flatten().filter(|done| !done.known).map(|done| done.seq);
    match (fresh.clone().min(), fresh.max()) {
        (Some(first), Some(last)) => format!(", records {first} to {last}"),
        _ => String::new(),
    }
}
