//! The documentation at `/docs`, rendered by the node out of the pages in the binary: whoever stands before a machine without
//! internet has all of it, in both languages, with a search.
//!
//! Served to anyone: there is nothing in it that is not in the repository. The index of the search is made at the first one.

pub(crate) mod book;
mod frame;
mod page;
mod search;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use book::Language;
use search::{Index, QUERY_CHARS_MAX};
use serde::Deserialize;
use std::sync::{Arc, OnceLock};
use tidegate_kernel_plug::{Need, Refusal, Route, Routes};

const STYLE: &str = include_str!("docs/style.css");
/// Nothing is loaded but the style, and nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

type Shelf = State<Arc<OnceLock<Index>>>;

pub(crate) fn routes() -> Routes {
    let shelf = Arc::new(OnceLock::new());
    let open = |path, purpose| Route::get(path, Need::Nothing, purpose);
    Routes::new()
        .with(open("/docs", "The documentation, in the language the browser asks for."), begin, ())
        .with(open("/docs/style.css", "The look of the documentation."), style, ())
        .with(open("/docs/search", "Pages that have all of these words."), find, shelf)
        .with(open("/docs/{*page}", "A page of the documentation."), show, ())
}

async fn begin(headers: HeaderMap) -> Redirect {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Redirect::temporary(&format!(
        "{}{}",
        page::ROOT,
        Language::accepted(accepted.unwrap_or_default()).start()
    ))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], STYLE)
}

async fn show(Path(name): Path<String>) -> Response {
    match book::page(&name) {
        Some((name, text)) => answer(frame::page(name, book::title(text), &page::html(name, text))),
        None => no_page(&name).into_response(),
    }
}

fn no_page(name: &str) -> Refusal {
    let shown: String = name.chars().take(QUERY_CHARS_MAX).collect();
    let message = format!("the documentation of this version has no page {shown:?}");
    Refusal::new(StatusCode::NOT_FOUND, "TG-HT-001", message, "begin at /docs, or search there")
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    /// The language of the frame, as HTML names it.
    #[serde(default)]
    r#in: String,
}

async fn find(State(shelf): Shelf, Query(asked): Query<Asked>) -> Response {
    let index = shelf.get_or_init(Index::of_book);
    answer(frame::results(Language::accepted(&asked.r#in), &asked.q, &index.search(&asked.q)))
}

fn answer(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, html).into_response()
}
