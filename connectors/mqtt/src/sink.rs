//! Readings out to a broker elsewhere, with QoS 1, MQTT 3.1.1: a batch is delivered when the broker has acknowledged all of it.
//!
//! One connection, used by one delivery at a time, without keep-alive: it is looked at when there is something to send, and made
//! anew when it has gone. The clock is tokio's, for time limits.

mod config;
mod connection;

pub use config::{SINK_SECTION, SinkSettings};

use connection::{Connection, Trouble};
use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_outbound::Dialer;
use tidegate_service_ingest::{Poison, Row, Setback, Sink, SinkError};
use tokio::sync::Mutex;

/// No connection, or one that broke off or fell silent.
const UNREACHABLE: &str = "TG-MO-001";
/// A reading that cannot be published there.
const UNSAYABLE: &str = "TG-MO-002";
/// The broker does not let us in.
const MISCONFIGURED: &str = "TG-MO-003";

/// Publishes batches to one broker.
#[derive(Debug)]
pub struct MqttSink {
    dialer: Dialer,
    settings: SinkSettings,
    connection: Mutex<Option<Connection>>,
}

impl MqttSink {
    /// Connects to nothing yet.
    pub fn new(dialer: Dialer, settings: SinkSettings) -> MqttSink {
        MqttSink { dialer, settings, connection: Mutex::default() }
    }

    /// The messages of a batch, and the rows there is none for.
    fn messages(&self, batch: &[Row]) -> (Vec<connection::Message>, Vec<Poison>) {
        let (mut messages, mut poison) = (Vec::with_capacity(batch.len()), Vec::new());
        for (at, row) in batch.iter().enumerate() {
            match self.topic(row) {
                Some(topic) => messages.push(connection::Message { topic, payload: row.reading.message() }),
                None => {
                    let reason =
                        format!("{}{} is no topic", self.settings.prefix, row.reading.topic.as_str());
                    poison.push(Poison { row: at, code: UNSAYABLE, reason });
                }
            }
        }
        (messages, poison)
    }

    fn topic(&self, row: &Row) -> Option<TopicName> {
        let topic = format!("{}{}", self.settings.prefix, row.reading.topic.as_str());
        TopicName::try_from(Text::new(&topic).ok()?).ok()
    }

    fn setback(&self, trouble: Trouble) -> Setback {
        let endpoint = &self.settings.endpoint;
        let attempt = |what: &str| format!("{what} the broker at {endpoint}");
        match trouble {
            Trouble::Refused(reason) => {
                let attempt = format!("{}: {reason}", attempt("could not log in to"));
                Setback::Misconfigured(SinkError::new(MISCONFIGURED, attempt))
            }
            other => {
                let (code, attempt) = (UNREACHABLE, attempt("could not publish to"));
                Setback::Retry { error: SinkError { code, attempt, source: Some(other.into()) }, after: None }
            }
        }
    }
}

impl Sink for MqttSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let (messages, poison) = self.messages(batch);
        // pkgcheck: guards: one delivery at a time is what it is for, since two connections of one id throw each other out
        let mut place = self.connection.lock().await;
        // Only a connection on which everything was acknowledged is used again.
        let connection = place.take().filter(Connection::is_open);
        let mut connection = match connection {
            Some(connection) => connection,
            None => Connection::open(&self.dialer, &self.settings)
                .await
                .map_err(|trouble| self.setback(trouble))?,
        };
        connection.publish(&messages).await.map_err(|trouble| self.setback(trouble))?;
        *place = Some(connection);
        if poison.is_empty() { Ok(()) } else { Err(Setback::Poison(poison)) }
    }
}
