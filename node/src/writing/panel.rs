//! Commands that come over MQTT: to a topic that stands for a tag, by whoever has a scope `command:` that covers it, which the broker sees
//! to. What came of one is published where the client asked for the response, or below the topic.
//!
//! A command is carried out once for each publication that the broker took, and once for its id however often it is published. It is
//! taken before it is carried out: what the broker has to write for its session is appended first.

use super::{Command, Desk, Origin, Wish, WriteTopics};
use crate::identity::Identity;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tidegate_codec_mqtt::{MessageProperties, Properties, QoS, Text, TopicFilter, TopicName};
use tidegate_kernel_journal::{Entry, Id, Journal, Level, Refusal as NotTaken};
use tidegate_kernel_plug::{Action, Refusal};
use tidegate_service_broker::{Declined, Handle, Publication, Receipt, Unsaid};

/// Where commands of MQTT clients come in, and where they are answered.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) desk: Arc<Desk>,
    pub(crate) topics: WriteTopics,
    pub(crate) identity: Arc<Identity>,
    /// Of the broker.
    pub(crate) queues: Journal,
    /// There is one by the time anything is published.
    pub(crate) broker: OnceLock<Handle>,
}

/// What a publication asks for, apart from the buffer it came in.
#[derive(Debug)]
struct Call {
    topic: TopicName,
    payload: Bytes,
    client: String,
    principal: String,
    dup: bool,
    expiry: Option<Duration>,
    respond_to: Option<TopicName>,
    correlation: Option<Bytes>,
}

impl Panel {
    pub(crate) fn holds(&self, publication: &Publication) -> bool {
        self.topics.hold(&publication.topic)
    }

    /// Takes a command, with what the broker has to write; it is carried out behind that.
    pub(crate) fn take(
        self: &Arc<Self>,
        publication: &Publication,
        own: &[Entry<'_>],
    ) -> Result<Receipt, Declined> {
        let ticket =
            if own.is_empty() { Ok(self.queues.settled_ticket()) } else { self.queues.append_all(own) };
        let ticket = ticket.map_err(|refusal| match refusal {
            NotTaken::Busy(_) => Declined::Busy,
            refusal => Declined::Refused { code: refusal.code() },
        })?;
        let (panel, call) = (self.clone(), Call::of(publication));
        tokio::spawn(async move { panel.see_to(call).await });
        Ok(Receipt { ticket, level: Level::Memory })
    }

    async fn see_to(&self, call: Call) {
        let told = match self.carry_out(&call).await {
            Ok(told) => told,
            Err(refusal) => json!({
                "outcome": "refused",
                "confirmed": false,
                "code": refusal.code,
                "message": refusal.message,
                "hint": refusal.hint,
            }),
        };
        self.answer(&call, &told).await;
    }

    async fn carry_out(&self, call: &Call) -> Result<Value, Refusal> {
        let (device, tag) = self.topics.target(&call.topic).ok_or_else(|| no_tag(&call.topic))?;
        let wish = Wish::of_payload(&call.payload)?;
        let id = wish.id.or_else(|| call.correlated());
        if id.is_none() && call.dup {
            return Err(repeated());
        }
        let command = Command {
            id,
            device: device.to_owned(),
            tag: tag.to_owned(),
            value: wish.value,
            wait: call.expiry.map_or(wish.wait, |expiry| expiry.min(wish.wait)),
            origin: Origin::Mqtt,
            who: call.principal.clone(),
            from: format!("mqtt client {}", call.client),
            request: String::new(),
        };
        self.desk.give(command).await.map(|answer| answer.json())
    }

    /// Says what came of it. Nobody waits for an answer that nobody hears.
    async fn answer(&self, call: &Call, told: &Value) {
        let Some(topic) = self.way_back(call) else { return };
        let mut properties = Properties::<MessageProperties>::default();
        properties.content_type = Text::new("application/json").ok();
        properties.correlation_data = call.correlation.clone();
        let publication = Publication {
            client: Text::default(),
            principal: Text::default(),
            topic,
            payload: told.to_string().into(),
            qos: QoS::AtLeastOnce,
            dup: false,
            retain: false,
            properties,
        };
        let mut append = |entries: &[Entry<'_>]| match entries {
            [] => Ok(self.queues.settled_ticket()),
            entries => self.queues.append_all(entries),
        };
        let Some(broker) = self.broker.get() else { return };
        match broker.announce(&publication, &mut append).await {
            Ok(_) | Err(Unsaid::Unheard) => {}
            Err(unsaid) => {
                tracing::warn!(topic = %call.topic, ?unsaid, "what came of a command was not told; the audit has it");
            }
        }
    }

    /// Where the client wants the answer, if it may hear what is said there; else below the topic. Nobody lets the node say something
    /// where a command would be made of it.
    fn way_back(&self, call: &Call) -> Option<TopicName> {
        let Some(wanted) = &call.respond_to else { return self.topics.result(&call.topic) };
        let (_, known) = self.identity.known();
        let principal = known.into_iter().find(|principal| principal.name == call.principal)?;
        let mut filters =
            principal.patterns(Action::Subscribe).filter_map(|pattern| pattern.parse::<TopicFilter>().ok());
        let may_hear = filters.any(|filter| filter.matches(wanted));
        (may_hear && !self.broker.get()?.is_guarded(wanted)).then(|| wanted.clone())
    }
}

impl Call {
    fn of(publication: &Publication) -> Call {
        let properties = &publication.properties;
        let copied = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        Call {
            topic: publication.topic.detach(),
            payload: copied(&publication.payload),
            client: publication.client.to_string(),
            principal: publication.principal.to_string(),
            dup: publication.dup,
            expiry: properties.expiry_s.map(|seconds| Duration::from_secs(seconds.into())),
            respond_to: properties.response_topic.as_ref().map(TopicName::detach),
            correlation: properties.correlation_data.as_ref().map(copied),
        }
    }

    /// The id that the correlation data is, where it is one: 16 bytes, or its text.
    fn correlated(&self) -> Option<Id> {
        let data = self.correlation.as_ref()?;
        let text = || std::str::from_utf8(data).ok()?.parse::<Id>().ok();
        <[u8; 16]>::try_from(&data[..]).ok().map(Id).or_else(text).filter(|id| id.0[6] >> 4 == 7)
    }
}

pub(super) fn no_tag(topic: &TopicName) -> Refusal {
    let hint = "publish to PREFIX/DEVICE/TAG, as plant.write_topic has the prefix";
    let message = format!("{topic} stands for no tag of a device");
    Refusal::new(StatusCode::NOT_FOUND, "TG-PL-053", message, hint)
}

/// Of a message that was sent again nobody can say whether it was carried out, if it has no id.
fn repeated() -> Refusal {
    let hint = "give each command an id, in the payload or as correlation data, or publish it at QoS 0 or 2";
    Refusal::new(StatusCode::CONFLICT, "TG-PL-054", "the command was sent again and has no id", hint)
}
