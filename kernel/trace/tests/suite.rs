//! Spans as the product makes them, and what comes out of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::sync::{Arc, Mutex};
use tidegate_kernel_trace::{Ended, Keeper, Kind, Spans, Value, current, traceparent, within};
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt;

const ELSEWHERE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps what it is handed; whether a new trace is kept is set beforehand.
#[derive(Default)]
struct Shelf {
    samples: bool,
    spans: Mutex<Vec<Ended>>,
}

impl Keeper for Shelf {
    fn samples(&self) -> bool {
        self.samples
    }

    fn keep(&self, span: Ended) {
        self.spans.lock().unwrap().push(span);
    }
}

fn kept(samples: bool, work: impl FnOnce()) -> Vec<Ended> {
    let shelf = Arc::new(Shelf { samples, ..Shelf::default() });
    let spans = Spans::default();
    spans.hand_to(shelf.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans.layer()), work);
    std::mem::take(&mut *shelf.spans.lock().unwrap())
}

fn request(traceparent: Option<&str>) -> Span {
    let status = tracing::field::Empty;
    tracing::info_span!(target: "tidegate_x", "request", kind = "server", request_id = "r-7", traceparent, status, failure = tracing::field::Empty)
}

#[test]
fn a_span_says_what_it_was_and_belongs_to_the_trace_it_came_with() {
    let spans = kept(true, || {
        let request = request(Some(ELSEWHERE));
        request.in_scope(|| {
            tracing::info_span!(target: "tidegate_y", "inner", rows = 3_u64).in_scope(|| {
                assert_eq!(current().unwrap().request_id.as_deref(), Some("r-7"));
            });
        });
        request.record("status", 200_u64);
    });
    let [inner, outer] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((outer.name, outer.kind, outer.request_id.as_deref()), ("request", Kind::Server, Some("r-7")));
    assert_eq!(outer.attributes, [("status", Value::Integer(200))]);
    assert_eq!(outer.context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(outer.parent, Some([0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
    assert_eq!((inner.context.trace, inner.parent), (outer.context.trace, Some(outer.context.span)));
    assert_eq!(inner.request_id.as_deref(), Some("r-7"));
}

#[test]
fn what_nobody_keeps_is_handed_over_only_where_it_failed() {
    let spans = kept(false, || {
        drop(request(None));
        request(None).record("failure", "TG-XX-001");
        // It came with a trace that there is no room for here, and with one that is not kept where it began.
        drop(request(Some(ELSEWHERE)));
        drop(request(Some(&ELSEWHERE.replace("-01", "-00"))));
    });
    assert_eq!(spans.iter().map(|span| span.failure.as_deref()).collect::<Vec<_>>(), [Some("TG-XX-001")]);
}

#[test]
fn spans_of_libraries_are_not_seen() {
    let spans = kept(true, || {
        let library = tracing::info_span!(target: "h2", "frame");
        library.in_scope(|| assert!(current().is_none()));
    });
    assert_eq!(spans, []);
}

#[test]
fn a_request_that_goes_out_is_told_of_a_trace_that_somebody_keeps() {
    kept(false, || {
        assert_eq!(request(None).in_scope(traceparent), None);
        let told = request(Some(ELSEWHERE)).in_scope(traceparent).unwrap();
        assert!(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && told != ELSEWHERE, "{told}");
    });
    kept(true, || assert!(request(None).in_scope(traceparent).is_some()));
}

#[test]
fn work_on_another_thread_is_in_the_same_span() {
    kept(true, || {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let work = request(None).in_scope(|| within(|| current().and_then(|place| place.request_id.clone())));
        let there = move || tracing::dispatcher::with_default(&dispatch, work);
        assert_eq!(std::thread::spawn(there).join().unwrap().as_deref(), Some("r-7"));
        assert!(current().is_none());
    });
}

#[test]
fn texts_and_their_number_have_a_limit() {
    let spans = kept(true, || {
        let long = "界".repeat(200);
        drop(tracing::info_span!(target: "tidegate", "a", long));
    });
    let [(_, Value::Text(text))] = &spans[0].attributes[..] else { panic!("{spans:?}") };
    assert_eq!(text.len(), 255);
}
