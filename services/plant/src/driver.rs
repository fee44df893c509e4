//! What a protocol of devices is: how a device and a tag in it are written, and how one is connected to, read, written and let go.
//!
//! Whoever implements this decides nothing about time: when something is read, how often it is tried, when a device is set aside, and how
//! long an answer may take is the plant's. The contract in full is in the crate's README.

use crate::dial::{Dial, Limit};
use crate::error;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tidegate_engine_tags::{Type, Value};

/// A protocol. One value of it serves all devices that speak it.
pub trait Driver: fmt::Debug + Send + Sync + 'static {
    /// Where a device is, as its driver understands it: host, port and unit, for one.
    type Place: Clone + Send + Sync + 'static;
    /// Where a tag stands in a device.
    type Address: Clone + Send + Sync + 'static;
    /// The requests that one read of a group takes.
    type Plan: Send + Sync + 'static;
    /// One connection. Dropped without [`Driver::close`] where it broke or an answer was not waited for.
    type Session: Send + 'static;

    /// As `driver` in the file says it, and in metrics.
    fn name(&self) -> &'static str;

    /// Understands the `address` of a device. Pure.
    fn place(&self, text: &str) -> Result<Self::Place, Unfit>;

    /// What devices have in common that share a connection: they are asked one after the other, and nobody else waits for them.
    fn bus(&self, place: &Self::Place) -> String;

    /// Whether devices of it can be shown who asks: a device of a protocol that has no such thing has no `user` in the file either.
    fn logs_in(&self) -> bool {
        false
    }

    /// Understands the `address` of a tag, and says what its values are. Pure.
    fn address(&self, text: &str) -> Result<(Self::Address, Type), Unfit>;

    /// Merges the tags of a group, which is read as often as `every` says, into few requests. Pure; asked once for each group of each
    /// connection, for what was agreed on with the device may matter. With zero it is read once, now.
    fn plan(&self, session: &Self::Session, addresses: &[Self::Address], every: Duration) -> Self::Plan;

    /// Connects to the bus of this place.
    fn connect(
        &self,
        dial: &Dial,
        place: &Self::Place,
    ) -> impl Future<Output = Result<Self::Session, Trouble>> + Send;

    /// Reads all of a plan: one [`Found`] for each address, in their order. An error is of all of them. Each answer is waited for
    /// within `limit`.
    fn read(
        &self,
        session: &mut Self::Session,
        place: &Self::Place,
        plan: &Self::Plan,
        limit: Limit,
    ) -> impl Future<Output = Result<Vec<Found>, Trouble>> + Send;

    /// Writes one value.
    fn write(
        &self,
        session: &mut Self::Session,
        place: &Self::Place,
        address: &Self::Address,
        value: &Value,
        limit: Limit,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Says goodbye. Devices have few seats, and some keep one that was not given back for minutes.
    fn close(&self, session: Self::Session) -> impl Future<Output = ()> + Send;
}

/// What was found where one tag stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A value, and when it was so by the device's clock where the protocol says.
    Good { value: Value, source_ms: Option<u64> },
    /// The same, of which the device itself says that it may be wrong.
    Uncertain { value: Value, source_ms: Option<u64> },
    /// What came by itself since the last read, oldest first; where that is nothing, the tag is as it was.
    News(Vec<Found>),
    /// This tag alone could not be read.
    Bad(Trouble),
}

impl From<Value> for Found {
    fn from(value: Value) -> Found {
        Found::Good { value, source_ms: None }
    }
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unfit {
    /// A code that `docs/errors/` explains, as are all of them here.
    pub code: &'static str,
    /// What is wrong with which text.
    pub message: String,
    /// How it would be written.
    pub hint: String,
}

/// Why something could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    pub blame: Blame,
    pub code: &'static str,
    pub message: String,
}

/// Whose fault it is, and so what becomes of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The connection is of no use any more: it is dropped and made anew.
    Connection,
    /// This device has failed; others on the bus can be talked to.
    Device,
    /// This tag alone: the device did answer.
    Tag,
}

impl Trouble {
    pub fn connection(code: &'static str, message: impl Into<String>) -> Trouble {
        Trouble { blame: Blame::Connection, code, message: message.into() }
    }

    pub fn device(code: &'static str, message: impl Into<String>) -> Trouble {
        Trouble { blame: Blame::Device, code, message: message.into() }
    }

    pub fn tag(code: &'static str, message: impl Into<String>) -> Trouble {
        Trouble { blame: Blame::Tag, code, message: message.into() }
    }

    /// Whether an answer was not waited for any longer.
    pub fn is_silence(&self) -> bool {
        self.code == error::SILENT
    }
}
