//! A client in this process, on the same messages.

use crate::rig::PATIENCE;
use std::net::SocketAddr;
use tidegate_service_grpc::v1::{Ack, PublishResult, Reading, ReadingBatch};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

pub(crate) struct Client {
    grpc: Grpc<Channel>,
    token: Option<&'static str>,
    id: Option<&'static str>,
}

/// An open `Send`.
pub(crate) struct Sending {
    batches: Option<mpsc::Sender<ReadingBatch>>,
    acks: Streaming<Ack>,
}

pub(crate) fn reading(sequence: u64, topic: &str) -> Reading {
    let payload = sequence.to_string().into_bytes().into();
    Reading { sequence, topic: topic.to_owned(), payload, ..Reading::default() }
}

pub(crate) fn batch(stream: &str, readings: Vec<Reading>) -> ReadingBatch {
    ReadingBatch { stream_id: stream.to_owned(), readings }
}

/// Readings of line 7 with these numbers.
pub(crate) fn batch_of(stream: &str, sequences: impl IntoIterator<Item = u64>) -> ReadingBatch {
    batch(stream, sequences.into_iter().map(|sequence| reading(sequence, "line/7/temp")).collect())
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = timeout(PATIENCE, endpoint.connect()).await.unwrap().unwrap();
        Client { grpc: Grpc::new(channel), token: None, id: None }
    }

    pub(crate) fn with_token(mut self, token: &'static str) -> Client {
        self.token = Some(token);
        self
    }

    /// With this id of its requests.
    pub(crate) fn named(mut self, id: &'static str) -> Client {
        self.id = Some(id);
        self
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if let Some(id) = self.id {
            request.metadata_mut().insert("x-request-id", id.parse().unwrap());
        }
        request
    }

    pub(crate) async fn publish(&mut self, batch: ReadingBatch) -> Result<PublishResult, Status> {
        self.call(batch).await.map(Response::into_inner)
    }

    /// The same, for the whole of the answer.
    pub(crate) async fn call(&mut self, batch: ReadingBatch) -> Result<Response<PublishResult>, Status> {
        self.grpc.ready().await.unwrap();
        let path = PathAndQuery::from_static("/tidegate.ingest.v1.Readings/Publish");
        let answer = self.grpc.unary(self.request(batch), path, ProstCodec::default());
        timeout(PATIENCE, answer).await.unwrap()
    }

    pub(crate) async fn send(&mut self) -> Result<Sending, Status> {
        self.grpc.ready().await.unwrap();
        let (batches, receiver) = mpsc::channel(64);
        let path = PathAndQuery::from_static("/tidegate.ingest.v1.Readings/Send");
        let codec = ProstCodec::<ReadingBatch, Ack>::default();
        let answer = self.grpc.streaming(self.request(ReceiverStream::new(receiver)), path, codec);
        let acks = timeout(PATIENCE, answer).await.unwrap()?.into_inner();
        Ok(Sending { batches: Some(batches), acks })
    }

    /// Opens a `Send` with these batches; how the call ended, after all acks.
    pub(crate) async fn send_all(&mut self, batches: Vec<ReadingBatch>) -> (Vec<Ack>, Result<(), Status>) {
        let sending = match self.send().await {
            Ok(sending) => sending,
            Err(status) => return (Vec::new(), Err(status)),
        };
        for batch in batches {
            // A call that has ended takes no more.
            let _ = sending.batches.as_ref().unwrap().send(batch).await;
        }
        sending.end().await
    }
}

impl Sending {
    pub(crate) async fn batch(&self, batch: ReadingBatch) {
        self.batches.as_ref().unwrap().send(batch).await.unwrap();
    }

    pub(crate) async fn ack(&mut self) -> Result<Option<Ack>, Status> {
        timeout(PATIENCE, self.acks.message()).await.unwrap()
    }

    /// Reads acks until one is through this sequence.
    pub(crate) async fn acked(&mut self, sequence: u64) -> Ack {
        loop {
            let ack = self.ack().await.unwrap().expect("the call goes on");
            if ack.through_sequence >= sequence {
                return ack;
            }
        }
    }

    /// Closes this side and reads to the end.
    pub(crate) async fn end(mut self) -> (Vec<Ack>, Result<(), Status>) {
        self.batches = None;
        let mut acks = Vec::new();
        loop {
            match self.ack().await {
                Ok(Some(ack)) => acks.push(ack),
                Ok(None) => return (acks, Ok(())),
                Err(status) => return (acks, Err(status)),
            }
        }
    }
}
