//! The rules' port on the broker: a command is a message to whoever subscribed to its topic, at QoS 1 and not retained.

use std::sync::OnceLock;
use tidegate_codec_mqtt::{MessageProperties, Properties, QoS, Text, TopicName, UserProperty};
use tidegate_kernel_journal::Refusal;
use tidegate_service_broker::{Handle, Publication, Unsaid};
use tidegate_service_ingest::{Command, CommandOut, NotSent, Sending, Settle};

/// Hands commands to the broker, from when there is one.
#[derive(Debug, Default)]
pub(crate) struct Commands(OnceLock<Handle>);

impl Commands {
    pub(crate) fn join(&self, broker: Handle) {
        // A node has one broker.
        let _ = self.0.set(broker);
    }

    /// Nobody publishes to these topics from now on without a scope that says so.
    pub(crate) fn guard(&self, topics: Vec<TopicName>) {
        match self.0.get() {
            Some(broker) => broker.guard(topics),
            None if topics.is_empty() => {}
            None => tracing::error!(
                code = "TG-SV-005",
                hint = "run --only broker,ingest in one process",
                "rules command devices, and the broker does not run in this process; commands wait and expire"
            ),
        }
    }
}

impl CommandOut for Commands {
    fn send<'a>(&'a self, command: &'a Command, settle: Settle<'a>) -> Sending<'a> {
        Box::pin(async move {
            let broker = self.0.get().ok_or(NotSent::Later)?;
            let said = broker.announce(&publication(command), settle).await;
            said.map(drop).map_err(|unsaid| match unsaid {
                // A queue moves on, and a node that ends sends what is left after its next start.
                Unsaid::NoRoom | Unsaid::Draining => NotSent::Later,
                Unsaid::Refused(Refusal::Busy(_) | Refusal::Full) => NotSent::Later,
                Unsaid::Refused(refusal) => NotSent::Never { code: refusal.code() },
                Unsaid::Unheard => NotSent::Unheard,
                Unsaid::Unknown => NotSent::Unknown,
            })
        })
    }
}

/// An MQTT 5 subscriber is told which command it is, and how long it may still be carried out.
fn publication(command: &Command) -> Publication {
    let mut properties = Properties::<MessageProperties>::default();
    properties.expiry_s = Some(command.left_s());
    let said = |name: &str, value: Text| {
        UserProperty::new(Text::new(name).expect("letters and a dash are a text"), value)
    };
    let id = Text::new(&command.id.to_string()).expect("an id is letters and dashes");
    properties.user = vec![said("command-id", id), said("rule", command.rule.clone())];
    Publication {
        client: Text::default(),
        principal: Text::default(),
        topic: command.topic.clone(),
        payload: command.payload.clone(),
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        properties,
    }
}
