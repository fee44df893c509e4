//! Whoever carries messages to people: a robot, a hook, a mail server. Connectors implement it.

use crate::notice::Notice;
use crate::pace::Rate;
use crate::text::{BySeverity, Expired};
use std::error::Error;
use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// One message, its text cut to what the courier carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line of it, for whoever shows subjects.
    pub subject: String,
    pub text: String,
    /// Those that stand in the text; none in a test.
    pub notices: Vec<Arc<Notice>>,
    /// Those that are only numbers in it.
    pub more: BySeverity,
    pub expired: Option<Expired>,
    /// When it is sent: wall time.
    pub at_ms: u64,
}

/// What a courier takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    pub text_bytes_max: usize,
    pub rate: Rate,
}

/// What the other side said to a message it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub answer: String,
}

/// Why a message was not taken, in words, with a code that is explained.
#[derive(Debug)]
pub struct CourierError {
    pub code: &'static str,
    pub attempt: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What to do about it.
#[derive(Debug)]
pub enum Setback {
    /// The same again later, not before `after`.
    Retry { error: CourierError, after: Option<Duration> },
    /// Never this message.
    Refused(CourierError),
    /// No message at all, until somebody changes a setting here or there.
    Broken(CourierError),
}

/// A send under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Receipt, Setback>> + Send + 'a>>;

/// The way to one group, hook or mailbox.
pub trait Courier: Send + Sync + Debug {
    /// The word of its `type` in the configuration.
    fn kind(&self) -> &'static str;

    fn load(&self) -> Load;

    /// Sends one message. May be dropped while it is under way.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

impl Setback {
    pub fn error(&self) -> &CourierError {
        match self {
            Setback::Retry { error, .. } | Setback::Refused(error) | Setback::Broken(error) => error,
        }
    }
}

impl CourierError {
    pub fn new(code: &'static str, attempt: impl Into<String>) -> CourierError {
        CourierError { code, attempt: attempt.into(), source: None }
    }
}

impl fmt::Display for CourierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.attempt)?;
        let mut next: Option<&dyn Error> = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
