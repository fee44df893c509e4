//! The request of OTLP: protobuf, as far as spans need it (opentelemetry-proto 1.x, `ExportTraceServiceRequest`). Pure.
//!
//! Field numbers are the contract's; a test hands what is written here to the contract's own decoder.

use prost::Message;
use tidegate_kernel_trace::{Ended, Kind, Value};

const SCOPE: &str = "tidegate";

#[derive(Clone, PartialEq, Message)]
pub(super) struct Export {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

/// What a collector says to an export that it took at least in part.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Taken {
    #[prost(message, optional, tag = "1")]
    pub(super) partial: Option<Partial>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Partial {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

/// Who sends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    /// 1 internal, 2 server, 3 client.
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_ns: u64,
    #[prost(fixed64, tag = "8")]
    end_ns: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    /// 2 error; nothing is said of what went well.
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4")]
    any: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Real(f64),
}

impl Resource {
    /// `instance` is what tells this node from others.
    pub(super) fn new(instance: &str, host: &str) -> Resource {
        let attributes = [
            ("service.name", SCOPE),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", instance),
            ("host.name", host),
        ];
        Resource { attributes: attributes.map(|(key, value)| text(key, value)).to_vec() }
    }
}

/// One request's body.
pub(super) fn encode(resource: &Resource, spans: &[Ended]) -> Vec<u8> {
    let scope = Scope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let spans = spans.iter().map(Span::from).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource.clone()), scope_spans }];
    Export { resource_spans }.encode_to_vec()
}

impl From<&Ended> for Span {
    fn from(span: &Ended) -> Span {
        let mut attributes: Vec<KeyValue> = span.attributes.iter().map(KeyValue::from).collect();
        attributes.extend(span.request_id.as_ref().map(|id| text("request_id", id)));
        let took_ns = u64::try_from(span.took.as_nanos()).unwrap_or(u64::MAX);
        Span {
            trace_id: span.context.trace.to_vec(),
            span_id: span.context.span.to_vec(),
            parent_span_id: span.parent.map_or_else(Vec::new, |parent| parent.to_vec()),
            name: name(span),
            kind: match span.kind {
                Kind::Internal => 1,
                Kind::Server => 2,
                Kind::Client => 3,
            },
            start_ns: span.began_ns,
            end_ns: span.began_ns.saturating_add(took_ns),
            attributes,
            status: span.failure.clone().map(|message| Status { message, code: 2 }),
        }
    }
}

/// As the semantic conventions have it: `GET /api/v1/things/{name}`, `Service/Method`.
fn name(span: &Ended) -> String {
    let said = |key: &str| {
        let value = span.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
        value.and_then(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
    };
    match (said("http.request.method"), said("http.route")) {
        (Some(method), Some(route)) => return format!("{method} {route}"),
        (Some(method), None) => return method.to_owned(),
        _ => {}
    }
    match (said("rpc.service"), said("rpc.method")) {
        (Some(service), Some(method)) => format!("{service}/{method}"),
        _ => span.name.to_owned(),
    }
}

impl From<&(&'static str, Value)> for KeyValue {
    fn from((key, value): &(&'static str, Value)) -> KeyValue {
        let any = match value {
            Value::Text(text) => Any::Text(text.clone()),
            Value::Integer(integer) => Any::Integer(*integer),
            Value::Real(real) => Any::Real(*real),
            Value::Flag(flag) => Any::Flag(*flag),
        };
        KeyValue { key: (*key).to_owned(), value: Some(AnyValue { any: Some(any) }) }
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let any = Some(Any::Text(value.to_owned()));
    KeyValue { key: key.to_owned(), value: Some(AnyValue { any }) }
}
