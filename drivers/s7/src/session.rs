//! One connection to a station: bytes of the codec through a socket. No wait here has a limit of its own; the plant's holds.

use crate::place::Place;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use tidegate_codec_s7::{Client, Event, Negotiated, Outcomes, PlannedRead, Refusal, ValueError, Write};
use tidegate_kernel_outbound::Stream;
use tidegate_service_plant::{Dial, Limit, Trouble};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest frame there is, and then some.
const RECEIVE_BYTES: usize = 4096;

/// What a job of reading ended with.
pub(crate) type Read = Result<Outcomes<Bytes>, Refusal>;

/// A connection that is open.
#[derive(Debug)]
pub struct Session {
    stream: Stream,
    client: Client,
    negotiated: Negotiated,
    received: BytesMut,
    to_send: BytesMut,
    /// For people.
    peer: String,
}

impl Session {
    pub(crate) async fn open(dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        let stream = dial.to(&place.endpoint).await?;
        let mut to_send = BytesMut::new();
        let client = Client::begin(place.offer(), &mut to_send);
        let negotiated = Negotiated { pdu_bytes: 0, jobs: 0 };
        let (received, peer) = (BytesMut::new(), place.to_string());
        let mut session = Session { stream, client, negotiated, received, to_send, peer };
        match session.event().await? {
            Event::Open(negotiated) => Ok(Session { negotiated, ..session }),
            _ => Err(session.unexpected()),
        }
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    /// Asks for all of them, with as many jobs under way as the station takes, and hands over what came of each.
    pub(crate) async fn read(
        &mut self,
        reads: &[PlannedRead],
        limit: Limit,
        mut take: impl FnMut(&PlannedRead, Read),
    ) -> Result<(), Trouble> {
        let mut under_way = BTreeMap::new();
        let mut to_ask = reads.iter();
        loop {
            while under_way.len() < self.negotiated.jobs.into()
                && let Some(read) = to_ask.next()
            {
                let asked = self.client.read(&read.items, &mut self.to_send);
                under_way.insert(asked.map_err(|error| self.misplanned(error))?, read);
            }
            if under_way.is_empty() {
                return Ok(());
            }
            match limit.on(self.event()).await? {
                Event::Read { reference, outcome } if under_way.contains_key(&reference) => {
                    take(under_way[&reference], outcome);
                    under_way.remove(&reference);
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// What came of a job of one write; one that is longer than the station takes is an error of the tag.
    pub(crate) async fn write(
        &mut self,
        write: Write,
        limit: Limit,
    ) -> Result<Result<Outcomes<()>, Refusal>, WriteError> {
        self.client.write(vec![write], &mut self.to_send).map_err(WriteError::Value)?;
        match limit.on(self.event()).await.map_err(WriteError::Connection)? {
            Event::Written { outcome, .. } => Ok(outcome),
            _ => Err(WriteError::Connection(self.unexpected())),
        }
    }

    /// Sends what there is to send and waits for what happens next.
    async fn event(&mut self) -> Result<Event, Trouble> {
        loop {
            let event = self.client.next(&mut self.received, &mut self.to_send);
            let event = event.map_err(|error| {
                Trouble::connection(error.code(), format!("{}: {error} ({})", self.peer, error.hint()))
            })?;
            self.stream
                .write_all_buf(&mut self.to_send)
                .await
                .map_err(|error| self.lost(&error.to_string()))?;
            if let Some(event) = event {
                return Ok(event);
            }
            self.received.reserve(RECEIVE_BYTES);
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) => return Err(self.lost("the station closed it")),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error.to_string())),
            }
        }
    }

    fn lost(&self, why: &str) -> Trouble {
        Trouble::connection("TG-SI-041", format!("{}: the connection is lost: {why}", self.peer))
    }

    fn unexpected(&self) -> Trouble {
        Trouble::connection("TG-SI-015", format!("{}: an answer came to what was not asked", self.peer))
    }

    fn misplanned(&self, error: ValueError) -> Trouble {
        Trouble::connection(error.code(), format!("{}: {error}", self.peer))
    }

    /// Class 0 has no goodbye but that of TCP.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }
}

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Value(ValueError),
    Connection(Trouble),
}
