//! The console: the files of `console/` out of the binary, at `/` and below `/console/`.
//!
//! Anyone may have them: they are the same for every node and hold nothing of this one; what a page shows it asks for over the API,
//! as whoever looks at it. The policy lets a page load from and talk to nothing but this listener.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidegate_kernel_plug::{Need, Refusal, Route, Routes};

/// No script, style or request but from this listener; framed by nobody.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";
/// The page itself.
const INDEX: &str = "index.html";

/// A file of the console: its path below `console/`, what it is, what it is told apart by, and its bytes.
type Asset = (&'static str, &'static str, &'static str, &'static [u8]);

/// Sorted by path.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

pub(crate) fn routes() -> Routes {
    Routes::new()
        .with(Route::get("/", Need::Nothing, "The console."), page, ())
        .with(Route::get("/console", Need::Nothing, "The console."), page, ())
        .with(Route::get("/console/{*path}", Need::Nothing, "A file of the console."), file, ())
}

async fn page(State(()): State<()>, headers: HeaderMap) -> Response {
    answer(INDEX, &headers)
}

async fn file(State(()): State<()>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(&path, &headers)
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let Ok(at) = ASSETS.binary_search_by_key(&path, |asset| asset.0) else {
        return Refusal::no_route().into_response();
    };
    let (_, kind, tag, bytes) = ASSETS[at];
    let common: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, tag),
        // Asked for again each time, which costs a 304: after an upgrade nobody sees the old console.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    match headers.get(header::IF_NONE_MATCH) {
        Some(known) if known.as_bytes() == tag.as_bytes() => {
            (StatusCode::NOT_MODIFIED, common).into_response()
        }
        _ => (common, bytes).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the console may weigh, all files together.
    const BYTES_MAX: usize = 300_000;

    #[test]
    fn all_files_together_are_small_and_of_a_known_kind() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.3.len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes}");
        assert!(ASSETS.iter().all(|asset| !asset.1.starts_with("application/octet")), "{ASSETS:?}");
        assert!(ASSETS.is_sorted_by_key(|asset| asset.0));
    }

    #[test]
    fn a_file_that_is_known_already_is_not_sent_again() {
        let first = answer(INDEX, &HeaderMap::new());
        let tag = first.headers()[header::ETAG].clone();
        assert_eq!((first.status(), tag.len()), (StatusCode::OK, 18));
        let again = answer(INDEX, &HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer("../Cargo.toml", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn nothing_in_it_points_elsewhere() {
        for (path, _, _, bytes) in ASSETS {
            let text = String::from_utf8_lossy(bytes);
            let elsewhere: Vec<_> = text
                .match_indices("://")
                .map(|(at, _)| &text[at.saturating_sub(5)..text.len().min(at + 20)])
                .filter(|found| !found.contains("http://www.w3.org"))
                .collect();
            assert!(elsewhere.is_empty(), "{path}: {elsewhere:?}");
        }
    }
}
