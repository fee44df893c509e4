//! The layer of `tracing` that gives spans their places and hands over those that have ended.

use crate::context::TraceContext;
use crate::open::{Ended, Open, Said};
use crate::place::{self, Place};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// Spans of this product, not those of its libraries.
const OURS: &str = "tidegate";

/// Whoever wants spans that have ended. It is asked and told on the threads that do the work, so it must not wait.
pub trait Keeper: Send + Sync + 'static {
    /// Whether one more trace may be kept. Asked once, when it begins here or comes here with the wish to be kept.
    fn samples(&self) -> bool;

    fn keep(&self, span: Ended);
}

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Spans(Arc<OnceLock<Arc<dyn Keeper>>>);

impl Spans {
    /// From now on spans go there. The first call counts.
    pub fn hand_to(&self, keeper: Arc<dyn Keeper>) {
        let _known = self.0.set(keeper);
    }

    /// To be put on a registry. It has a filter of its own: what the log leaves out is none of its business.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let ours = |about: &Metadata<'_>| about.is_span() && about.target().starts_with(OURS);
        self.clone().with_filter(FilterFn::new(ours).with_max_level_hint(LevelFilter::INFO))
    }

    fn open(&self, said: Said, around: Option<&Place>) -> Open {
        let (keeper, foreign) = (self.0.get(), said.traceparent.as_deref().and_then(TraceContext::parse));
        let parent = foreign.or_else(|| around?.context);
        let context = match parent {
            // Whoever asks may want all of it kept, and there may be many who ask. Where nobody keeps anything it is only passed on.
            Some(parent) if foreign.is_some() => parent.child().map(|context| TraceContext {
                sampled: context.sampled && keeper.is_none_or(|keeper| keeper.samples()),
                ..context
            }),
            Some(parent) => parent.child(),
            None => keeper.and_then(|keeper| TraceContext::begin(keeper.samples())),
        };
        let place = Place {
            context,
            request_id: said.request_id.clone().or_else(|| around?.request_id.clone()),
            is_foreign: foreign.is_some() || around.is_some_and(|place| place.is_foreign),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Open {
            place: Arc::new(place),
            parent: parent.map(|parent| parent.span),
            began_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            began: Instant::now(),
            said,
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        let around = span.parent().as_ref().and_then(place_of);
        span.extensions_mut().insert(self.open(said, around.as_deref()));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.said);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(place) = context.span(id).as_ref().and_then(place_of) {
            place::enter(id.into_u64(), place);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        place::leave(id.into_u64());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let open = span.extensions_mut().remove::<Open>();
        if let (Some(keeper), Some(ended)) = (self.0.get(), open.and_then(|open| open.end(span.name()))) {
            keeper.keep(ended);
        }
    }
}

fn place_of<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> Option<Arc<Place>> {
    span.extensions().get::<Open>().map(|open| open.place.clone())
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("is_kept", &self.0.get().is_some()).finish()
    }
}
