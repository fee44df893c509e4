//! Who is connected: the limit on connections, take-over of a client identifier, and the call to drain.
//!
//! Each connection has a seat and a mailbox for one signal. Holds a lock for a map operation, never over an await. A
//! connection that takes an identifier over gets a way to wait until its predecessor has left, so that the
//! predecessor's last will comes before anything the successor says.

use std::collections::BTreeMap;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tidegate_codec_mqtt::Text;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// Why a connection got no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSeat {
    Full,
    Draining,
}

/// What a connection can be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    TakenOver,
    /// Finish, at the latest by then.
    Drain(Instant),
}

/// Receives at most one signal.
#[derive(Debug)]
pub(crate) struct Mail(Option<oneshot::Receiver<Signal>>);

impl Mail {
    /// Resolves when a signal comes; never after the first. May be dropped and asked again.
    pub(crate) async fn next(&mut self) -> Signal {
        future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        let Some(receiver) = &mut self.0 else { return Poll::Pending };
        let Poll::Ready(signal) = Pin::new(receiver).poll(context) else { return Poll::Pending };
        self.0 = None;
        signal.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Resolves, with an error, when the connection it was taken from has left.
pub(crate) type Leaving = oneshot::Receiver<()>;

/// What a new connection holds.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) mail: Mail,
    /// Dropping this sender is how a successor learns that the connection has left.
    pub(crate) left: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Seat {
    mailbox: Option<oneshot::Sender<Signal>>,
    leaving: Option<Leaving>,
    client: Option<Text>,
}

#[derive(Debug, Default)]
struct Seats {
    last_number: u64,
    draining: bool,
    by_number: BTreeMap<u64, Seat>,
    by_client: BTreeMap<Text, u64>,
}

#[derive(Debug)]
pub(crate) struct Roster {
    seats: Mutex<Seats>,
    seats_max: usize,
    taken: watch::Sender<usize>,
}

impl Roster {
    pub(crate) fn new(seats_max: usize) -> Self {
        Self { seats: Mutex::default(), seats_max, taken: watch::Sender::new(0) }
    }

    pub(crate) fn enter(&self) -> Result<Place, NoSeat> {
        let mut seats = self.lock();
        if seats.draining {
            return Err(NoSeat::Draining);
        }
        if seats.by_number.len() >= self.seats_max {
            return Err(NoSeat::Full);
        }
        let (mailbox, mail) = oneshot::channel();
        let (left, leaving) = oneshot::channel();
        seats.last_number += 1;
        let number = seats.last_number;
        let seat = Seat { mailbox: Some(mailbox), leaving: Some(leaving), client: None };
        seats.by_number.insert(number, seat);
        self.taken.send_replace(seats.by_number.len());
        Ok(Place { number, mail: Mail(Some(mail)), left })
    }

    /// Gives the identifier to this seat and tells the one that had it to go [MQTT-3.1.4-2].
    pub(crate) fn claim(&self, number: u64, client: &Text) -> Option<Leaving> {
        let mut seats = self.lock();
        seats.by_number.get_mut(&number)?.client = Some(client.clone());
        let predecessor = seats.by_client.insert(client.clone(), number)?;
        let seat = seats.by_number.get_mut(&predecessor)?;
        if let Some(mailbox) = seat.mailbox.take() {
            // A closed mailbox belongs to a connection that is leaving by itself.
            let _ = mailbox.send(Signal::TakenOver);
        }
        seat.leaving.take()
    }

    pub(crate) fn leave(&self, number: u64) {
        let mut seats = self.lock();
        let client = seats.by_number.remove(&number).and_then(|seat| seat.client);
        if let Some(client) = client
            && seats.by_client.get(&client) == Some(&number)
        {
            seats.by_client.remove(&client);
        }
        self.taken.send_replace(seats.by_number.len());
    }

    pub(crate) fn len(&self) -> usize {
        *self.taken.borrow()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.lock().draining
    }

    /// Lets nobody in any more and tells everybody to finish.
    pub(crate) fn call_drain(&self, deadline: Instant) {
        let mut seats = self.lock();
        seats.draining = true;
        for mailbox in seats.by_number.values_mut().filter_map(|seat| seat.mailbox.take()) {
            let _ = mailbox.send(Signal::Drain(deadline));
        }
    }

    /// Waits until the last connection has left, and says how many had not at `deadline`.
    pub(crate) async fn emptied(&self, deadline: Instant) -> usize {
        let mut taken = self.taken.subscribe();
        // The sender lives as long as this borrow, so the only other outcome is that time is up.
        let _ = timeout_at(deadline, taken.wait_for(|count| *count == 0)).await;
        self.len()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
