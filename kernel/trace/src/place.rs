//! What a thread is in right now. A stack for each thread; a span that waits for something is not on it.

use crate::context::TraceContext;
use std::cell::RefCell;
use std::sync::Arc;
use tracing::Span;

thread_local! {
    static ENTERED: RefCell<Vec<(u64, Arc<Place>)>> = const { RefCell::new(Vec::new()) };
}

/// Where a span stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Nothing where nobody keeps traces and none came along; and where the system gave no randomness.
    pub context: Option<TraceContext>,
    /// Of the request that it belongs to, if it does to one.
    pub request_id: Option<String>,
    /// The trace began elsewhere.
    pub(crate) is_foreign: bool,
}

/// The innermost span that this thread is in.
pub fn current() -> Option<Arc<Place>> {
    ENTERED.with_borrow(|entered| entered.last().map(|(_, place)| place.clone()))
}

/// What a request that goes out now says of its place in a trace. Nothing where nobody keeps the trace: then it would tell others of
/// something that is nowhere.
pub fn traceparent() -> Option<String> {
    let place = current()?;
    let context = place.context.filter(|context| context.sampled || place.is_foreign)?;
    Some(context.to_string())
}

/// The same work on another thread, in the span that this one is in.
pub fn within<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let span = Span::current();
    move || span.in_scope(work)
}

pub(crate) fn enter(id: u64, place: Arc<Place>) {
    ENTERED.with_borrow_mut(|entered| entered.push((id, place)));
}

/// Spans are left in another order than that they were entered in where futures are moved between threads.
pub(crate) fn leave(id: u64) {
    ENTERED.with_borrow_mut(|entered| {
        if let Some(at) = entered.iter().rposition(|(entered, _)| *entered == id) {
            entered.remove(at);
        }
    });
}
