//! The span of each call, and the id that leads to it.

use crate::client::{batch_of, reading};
use crate::rig::Rig;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidegate_kernel_trace::{Ended, Keeper, Spans, Value};
use tracing_subscriber::layer::SubscriberExt;

#[derive(Default)]
struct Shelf(Mutex<Vec<Ended>>);

impl Keeper for Shelf {
    fn samples(&self) -> bool {
        true
    }

    fn keep(&self, span: Ended) {
        self.0.lock().unwrap().push(span);
    }
}

fn said(span: &Ended, key: &str) -> Option<Value> {
    span.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
}

/// On one thread, so that what is set for it holds for the listener as well.
#[tokio::test]
async fn a_call_has_a_span_with_its_status_and_the_id_that_its_answer_carries() {
    let (shelf, spans) = (Arc::new(Shelf::default()), Spans::default());
    spans.hand_to(shelf.clone());
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.layer()));
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    // A span that another test's thread meets first is off for all, since nobody listens there; once it has been met, that is asked anew.
    rig.client().await.named("shift-0").call(batch_of("lathe", 1..=1)).await.unwrap();
    tracing::callsite::rebuild_interest_cache();
    let answer = rig.client().await.named("shift-7").call(batch_of("press", 1..=3)).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "shift-7");
    let (acks, end) = rig.client().await.named("shift-8").send_all(vec![batch_of("press", 4..=5)]).await;
    assert!(end.is_ok() && acks.last().unwrap().through_sequence == 5);
    let refused = crate::client::batch("a\nb", vec![reading(1, "a")]);
    let (_, end) = rig.client().await.named("shift-9").send_all(vec![refused]).await;
    assert!(end.is_err());
    let unknown =
        rig.client().await.with_token("nobody").named("shift-10").call(batch_of("press", 6..=6)).await;
    assert_eq!(unknown.unwrap_err().metadata().get("x-request-id").unwrap(), "shift-10");
    rig.drain().await;

    let spans = std::mem::take(&mut *shelf.0.lock().unwrap());
    let call = |id: &str| {
        let found = spans.iter().find(|span| span.name == "call" && span.request_id.as_deref() == Some(id));
        found.unwrap_or_else(|| panic!("no span of {id} in {spans:?}"))
    };
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    assert_eq!(said(call("shift-7"), "rpc.method"), text("Publish"));
    for (id, status, code) in [
        ("shift-7", 0, None),
        ("shift-8", 0, None),
        ("shift-9", 3, Some("TG-GR-005")),
        ("shift-10", 16, Some("TG-ID-002")),
    ] {
        let span = call(id);
        assert_eq!(said(span, "rpc.grpc.status_code"), Some(Value::Integer(status)), "{id}");
        assert_eq!(said(span, "code"), code.and_then(text), "{id}");
        assert!(span.failure.is_none(), "the client is at fault: {id}");
    }
}
