//! What operators and auditors read.

use super::form::id;
use super::view::Reader;
use super::{Desk, malformed, may_read, may_verify, refusal, view};
use crate::error::Setback;
use crate::port::{Moment, Page, Port, Recorded};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidegate_kernel_plug::{Principal, Refusal};

/// Lines of one page.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;

type Answer = Result<Json<Value>, Refusal>;
type Who = Extension<Arc<Principal>>;

fn told(setback: Setback) -> Refusal {
    refusal(&setback)
}

pub(super) async fn books(State(desk): State<Arc<Desk>>, Extension(who): Who) -> Answer {
    may_read(&who)?;
    let books: Vec<Value> = desk
        .ledger
        .names()
        .filter_map(|name| Some(view::condition(name, &desk.ledger.condition(name)?)))
        .collect();
    Ok(Json(json!({"books": books})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByName {
    #[serde(default)]
    after: String,
    many: Option<usize>,
}

pub(super) async fn accounts(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path(book): Path<String>,
    Query(query): Query<ByName>,
) -> Answer {
    may_read(&who)?;
    let most = many(query.many)?;
    let accounts = desk.book(&book)?.accounts(query.after, most).await.map_err(told)?;
    let next = accounts.last().filter(|_| accounts.len() == most).map(|last| last.name.clone());
    let accounts: Vec<Value> = accounts.iter().map(view::standing).collect();
    Ok(Json(json!({"accounts": accounts, "next": next})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsOf {
    as_of_seq: Option<u64>,
    as_of_ms: Option<u64>,
}

pub(super) async fn account(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path((book, account)): Path<(String, String)>,
    Query(query): Query<AsOf>,
) -> Answer {
    may_read(&who)?;
    let book = desk.book(&book)?;
    let moment = match (query.as_of_seq, query.as_of_ms) {
        (Some(_), Some(_)) => return Err(malformed("as_of_seq and as_of_ms are two moments")),
        (Some(seq), None) => Moment::Seq(seq),
        (None, Some(ms)) => Moment::Ms(ms),
        (None, None) => {
            let (currency, reading) = book.balance(&account).map_err(told)?;
            return Ok(Json(view::account(&account, currency, reading)));
        }
    };
    let standing = book.as_of(account, moment).await.map_err(told)?;
    let reading = tidegate_engine_book::Reading { as_of_seq: standing.as_of_seq, balance: standing.balance };
    Ok(Json(view::account(&standing.name, standing.currency, reading)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<u64>,
    many: Option<usize>,
}

pub(super) async fn statement(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path((book, account)): Path<(String, String)>,
    Query(query): Query<Before>,
) -> Answer {
    may_read(&who)?;
    let book = desk.book(&book)?;
    let page = book.statement(account, query.before, many(query.many)?).await.map_err(told)?;
    paged(&desk, &*book, &page).await
}

pub(super) async fn transfer(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path((book, text)): Path<(String, String)>,
) -> Answer {
    may_read(&who)?;
    let book = desk.book(&book)?;
    let recorded = book.transfer(id(&text)?).await.map_err(told)?;
    let names = book.names(recorded.accounts()).await.map_err(told)?;
    Ok(Json(view::fact(&recorded, &names, Some(desk.reader(&*book)))))
}

pub(super) async fn trial(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path(book): Path<String>,
) -> Answer {
    may_verify(&who)?;
    let sheet = desk.book(&book)?.trial().await.map_err(told)?;
    Ok(Json(view::sheet(&sheet)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
    many: Option<usize>,
}

pub(super) async fn postings(
    State(desk): State<Arc<Desk>>,
    Extension(who): Who,
    Path(book): Path<String>,
    Query(query): Query<After>,
) -> Answer {
    may_verify(&who)?;
    let book = desk.book(&book)?;
    let page = book.postings(query.after, many(query.many)?).await.map_err(told)?;
    paged(&desk, &*book, &page).await
}

fn many(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked.unwrap_or(PAGE) {
        many @ 1..=PAGE_MAX => Ok(many),
        many => Err(malformed(format!("a page has 1 to {PAGE_MAX} lines, and {many} are asked for"))),
    }
}

impl Desk {
    fn reader<'a>(&'a self, book: &'a dyn Port) -> Reader<'a> {
        Reader { memos: &self.memos, book: book.name() }
    }
}

async fn paged(desk: &Desk, book: &dyn Port, page: &Page) -> Answer {
    let mentioned = page.facts.iter().flat_map(Recorded::accounts).collect();
    let names = book.names(mentioned).await.map_err(told)?;
    Ok(Json(view::page(page, &names, desk.reader(book))))
}
