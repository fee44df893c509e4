//! What a run with kills leaves behind for the checker: what publishers did, what the node said, what is in the file. Plain data.

use serde::Deserialize;
use serde_json::Value;

/// Ids of one publisher lie together.
const IDS_OF_A_PUBLISHER: u64 = 1_000_000;

/// What a publisher makes of an id; everything follows from the id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) client: String,
    pub(crate) topic: &'static str,
    pub(crate) qos: u8,
    pub(crate) critical: bool,
    pub(crate) pad: String,
}

impl Publication {
    /// The filter that makes a topic critical.
    pub(crate) const CRITICAL: &'static str = "alarm/#";

    pub(crate) fn of(id: u64) -> Publication {
        let critical = id.is_multiple_of(3);
        Publication {
            client: client_of(id),
            topic: if critical { "alarm/press" } else { "line/7/press" },
            qos: qos_of(id),
            critical,
            pad: "x".repeat((id % 11 * 20) as usize),
        }
    }

    pub(crate) fn payload(&self, id: u64) -> String {
        format!("{{\"id\":{id},\"pad\":\"{}\"}}", self.pad)
    }
}

/// The first id of a publisher.
pub(crate) fn first_id(publisher: u64) -> u64 {
    publisher * IDS_OF_A_PUBLISHER + 1
}

pub(crate) fn client_of(id: u64) -> String {
    format!("press-{}", id / IDS_OF_A_PUBLISHER)
}

pub(crate) fn qos_of(id: u64) -> u8 {
    u8::from(!id.is_multiple_of(5))
}

/// A PUBLISH on its way; it may have been written in part or not at all if the node died then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) id: u64,
    pub(crate) dup: bool,
    pub(crate) life: usize,
}

/// A PUBACK that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) id: u64,
    pub(crate) life: usize,
}

/// What `/api/v1/ingest/accounts` answered.
#[derive(Debug, Clone)]
pub(crate) struct Books(pub(crate) Value);

impl Books {
    /// A number by its JSON pointer.
    pub(crate) fn of(&self, pointer: &str) -> i128 {
        let number = self.0.pointer(pointer).and_then(Value::as_i64);
        number.unwrap_or_else(|| panic!("no number {pointer} in {}", self.0)).into()
    }

    /// A number of the file sink's account for a class.
    pub(crate) fn of_sink(&self, critical: bool, key: &str) -> i128 {
        let class = if critical { "critical" } else { "process" };
        let accounts = self.0["sinks"].as_array().map_or(&[][..], Vec::as_slice);
        let account = accounts.iter().find(|account| account["sink"] == "file" && account["class"] == class);
        let number = account.and_then(|account| account[key].as_i64());
        number.unwrap_or_else(|| panic!("no {key} of {class} in {}", self.0)).into()
    }
}

/// One start of the node that publishers came to know of, and its end.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// When it was ready and before any publisher knew where it is.
    pub(crate) start: Books,
    /// The last thing it said about what it had received.
    pub(crate) received_seen: i128,
    /// How often it, and starts that followed it and came to nothing, were killed; none for the last one.
    pub(crate) kills: u32,
}

/// What the broker of the last life counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokerCounts {
    pub(crate) at_most_once: u64,
    pub(crate) at_least_once: u64,
    pub(crate) at_least_once_dup: u64,
    pub(crate) acks: u64,
}

/// A line of the file, as `connectors/file` documents it and with nothing else in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    /// The journal's id, not the publisher's.
    pub(crate) id: String,
    pub(crate) time: String,
    pub(crate) class: String,
    pub(crate) client: String,
    pub(crate) topic: String,
    pub(crate) qos: u8,
    #[serde(default)]
    pub(crate) dup: bool,
    #[serde(default)]
    pub(crate) replay: bool,
    pub(crate) payload: Payload,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payload {
    pub(crate) id: u64,
    pub(crate) pad: String,
}

/// Everything there is to judge by, after everything was drained.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    /// In each publisher's order.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) acks: Vec<Ack>,
    /// In the file's order.
    pub(crate) rows: Vec<Row>,
    pub(crate) lives: Vec<Life>,
    pub(crate) end: Books,
    pub(crate) broker: BrokerCounts,
}

impl Evidence {
    pub(crate) fn last_life(&self) -> usize {
        self.lives.len() - 1
    }

    pub(crate) fn births(&self) -> Births {
        Births(self.lives.iter().map(|life| life.start.of("/as_of_seq")).collect())
    }
}

/// Which life took a record in.
#[derive(Debug)]
pub(crate) struct Births(Vec<i128>);

impl Births {
    /// The last life that began below its number.
    pub(crate) fn of(&self, seq: u64) -> usize {
        self.0.iter().rposition(|start| *start < seq.into()).unwrap_or(0)
    }
}
