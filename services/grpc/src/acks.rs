//! The answers of one call on their way to the client: a few wait, and the end is always said.
//!
//! A call whose task is gone without a word ended by a fault, and its client is told so: an end without a status would read as
//! success.

use crate::fault::Fault;
use crate::v1::Ack;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::codegen::tokio_stream::Stream;

const WAITING_MAX: usize = 16;

#[derive(Debug)]
pub(crate) enum Answer {
    Ack(Ack),
    End(Result<(), Fault>),
}

/// What tonic reads from.
#[derive(Debug)]
pub(crate) struct Acks {
    answers: mpsc::Receiver<Answer>,
    ended: bool,
}

pub(crate) fn channel() -> (mpsc::Sender<Answer>, Acks) {
    let (sender, answers) = mpsc::channel(WAITING_MAX);
    (sender, Acks { answers, ended: false })
}

impl Stream for Acks {
    type Item = Result<Ack, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.answers.poll_recv(context).map(|answer| match answer {
            Some(Answer::Ack(ack)) => Some(Ok(ack)),
            Some(Answer::End(Ok(()))) => self.end(None),
            Some(Answer::End(Err(fault))) => self.end(Some(fault)),
            None => self.end(Some(Fault::Broken)),
        })
    }
}

impl Acks {
    fn end(&mut self, fault: Option<Fault>) -> Option<Result<Ack, Status>> {
        self.ended = true;
        fault.map(|fault| Err(fault.status()))
    }
}
