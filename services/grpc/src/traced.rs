//! The span of a call, from its first word to its status, and the id that lines inside it carry.

use crate::fault::Fault;
use tidegate_kernel_plug::RequestId;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::Span;
use tracing::field::Empty;

/// Lower case, as HTTP/2 has it.
const REQUEST_ID: &str = "x-request-id";
const TRACEPARENT: &str = "traceparent";

/// What the call is known by here.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    pub(crate) span: Span,
    id: RequestId,
}

impl Traced {
    pub(crate) fn begin<T>(method: &'static str, request: &Request<T>) -> Traced {
        let metadata: &MetadataMap = request.metadata();
        let id = RequestId::of(metadata.as_ref());
        let traceparent = metadata.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let span = tracing::info_span!(
            "call",
            kind = "server",
            request_id = id.as_str(),
            traceparent,
            rpc.system = "grpc",
            rpc.service = "tidegate.ingest.v1.Readings",
            rpc.method = method,
            rpc.grpc.status_code = Empty,
            code = Empty,
            failure = Empty,
        );
        Traced { span, id }
    }

    /// The answer with the id.
    pub(crate) fn answer<T>(&self, answer: T) -> Response<T> {
        let mut answer = Response::new(answer);
        self.name(answer.metadata_mut());
        answer
    }

    /// The refusal with the id.
    pub(crate) fn refusal(&self, fault: &Fault) -> Status {
        let mut status = fault.status();
        self.name(status.metadata_mut());
        status
    }

    fn name(&self, metadata: &mut MetadataMap) {
        let id = self.id.as_str().parse().expect("an id is written in letters that metadata take");
        metadata.insert(REQUEST_ID, id);
    }

    /// A client that goes away, or is told to because the node ends, is no failure.
    pub(crate) fn end(&self, end: Result<(), &Fault>) {
        let status = end.map_or_else(|fault| fault.status().code(), |()| tonic::Code::Ok);
        self.span.record("rpc.grpc.status_code", status as i32);
        let Err(fault) = end else { return };
        self.span.record("code", fault.code());
        if fault.is_ours() {
            self.span.record("failure", fault.to_string());
        }
    }
}
