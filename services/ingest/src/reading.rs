//! A reading: one message of a device, the unit of all accounts. Its form in the journal is in `layout`.

use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use tidegate_codec_mqtt::{QoS, Text, TopicName};
use tidegate_engine_tags::Point;

/// The stream of all readings.
pub const READINGS: u16 = 16;

/// One message of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub source: Source,
    pub topic: TopicName,
    /// The id of the MQTT client or the name of the link it came by; may be empty.
    pub client: Text,
    /// Whom the credentials said it is from; empty for nobody in particular.
    pub principal: Text,
    /// A MIME type as the publisher stated it; empty where it did not.
    pub content_type: Text,
    /// When it was made by the publisher's clock, in milliseconds since 1970, where the protocol says so.
    pub source_ms: Option<u64>,
    pub qos: QoS,
    /// The publisher says that it may have sent it before.
    pub dup: bool,
    pub retain: bool,
    pub body: Body,
}

/// What a reading says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Bytes nobody has looked into: the device has no model.
    Raw(Bytes),
    /// What the device's model made of them.
    Points(Points),
}

/// What a device's tags were.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// At most 255 bytes, as is each tag.
    pub device: Arc<str>,
    pub points: Vec<Point>,
}

/// By which way a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Mqtt,
    Http,
    Grpc,
    /// A broker elsewhere, at which this node is a client.
    External,
    /// No device: a rule made it of other readings.
    Rule,
    /// A dead letter sent again; only counted as such, the reading says how it first came.
    Replay,
    /// A driver asked the device. The points are as they stand there, and the device's model is still to be asked.
    Driver,
}

impl Reading {
    /// A message that says nothing about itself but its topic; the rest is filled in with `..`.
    pub fn raw(source: Source, topic: TopicName, payload: impl Into<Bytes>) -> Reading {
        Reading::new(source, topic, Body::Raw(payload.into()))
    }

    /// Points that are known without a model, such as the fields of a line of line protocol.
    pub fn points(source: Source, topic: TopicName, points: Points) -> Reading {
        Reading::new(source, topic, Body::Points(points))
    }

    /// A copy that shares nothing with the packet it came in, and what it can with the reading before it on its topic.
    pub(crate) fn detach(self, before: Option<&Reading>) -> Reading {
        let text = |text: &Text, before: Option<&Text>| {
            before.filter(|before| *before == text).cloned().unwrap_or_else(|| text.detach())
        };
        Reading {
            topic: before.map_or_else(|| self.topic.detach(), |before| before.topic.clone()),
            client: text(&self.client, before.map(|before| &before.client)),
            principal: text(&self.principal, before.map(|before| &before.principal)),
            content_type: text(&self.content_type, before.map(|before| &before.content_type)),
            body: match self.body {
                Body::Raw(payload) => Body::Raw(Bytes::copy_from_slice(&payload)),
                points => points,
            },
            ..self
        }
    }

    /// Takes over what `news` of the same topic says of itself, but for its body.
    pub(crate) fn renew(&mut self, news: &Reading) {
        let text = |known: &mut Text, news: &Text| {
            // Most have no text, and to compare nothing with nothing costs a processor that masks its loads more than any text does.
            let is_empty = known.as_bytes().is_empty() && news.as_bytes().is_empty();
            if !is_empty && known != news {
                *known = news.detach();
            }
        };
        text(&mut self.client, &news.client);
        text(&mut self.principal, &news.principal);
        text(&mut self.content_type, &news.content_type);
        (self.source, self.source_ms, self.qos) = (news.source, news.source_ms, news.qos);
        (self.dup, self.retain) = (news.dup, news.retain);
    }

    /// The same with another body.
    pub(crate) fn saying(&self, body: Body) -> Reading {
        Reading {
            client: self.client.clone(),
            principal: self.principal.clone(),
            content_type: self.content_type.clone(),
            source_ms: self.source_ms,
            qos: self.qos,
            dup: self.dup,
            retain: self.retain,
            ..Reading::new(self.source, self.topic.clone(), body)
        }
    }

    fn new(source: Source, topic: TopicName, body: Body) -> Reading {
        Reading {
            source,
            topic,
            client: Text::default(),
            principal: Text::default(),
            content_type: Text::default(),
            source_ms: None,
            qos: QoS::AtLeastOnce,
            dup: false,
            retain: false,
            body,
        }
    }

    /// Whether the model of its device, where it has one, is asked what it means.
    pub(crate) fn is_for_model(&self) -> bool {
        matches!(self.body, Body::Raw(_)) || self.source == Source::Driver
    }

    /// The bytes as they came, where nobody has looked into them.
    pub fn payload(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Raw(payload) => Some(payload),
            Body::Points(_) => None,
        }
    }
}

impl Source {
    pub const ALL: [Source; 7] = [
        Source::Mqtt,
        Source::Http,
        Source::Grpc,
        Source::External,
        Source::Rule,
        Source::Replay,
        Source::Driver,
    ];

    /// Its place in [`Source::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Its number on disk.
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }

    pub(crate) fn of_code(code: u8) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.code() == code)
    }

    pub fn name(self) -> &'static str {
        match self {
            Source::Mqtt => "mqtt",
            Source::Http => "http",
            Source::Grpc => "grpc",
            Source::External => "external",
            Source::Rule => "rule",
            Source::Replay => "replay",
            Source::Driver => "driver",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
