//! What a rule commands: a message to whoever subscribed to its topic, at QoS 1 and not retained, or, where the topic stands for a tag of a
//! device, a value that is written to it.

use crate::explain;
use crate::writing::{self, Answer, Desk, Origin, Wish, WriteTopics};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tidegate_codec_mqtt::{MessageProperties, Properties, QoS, Text, TopicFilter, TopicName, UserProperty};
use tidegate_kernel_journal::{Id, Refusal};
use tidegate_kernel_plug as plug;
use tidegate_service_broker::{Handle, Publication, Unsaid};
use tidegate_service_ingest::{Command, CommandOut, NotSent, Sending, Settle};
use tidegate_service_plant::Fate;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What has no room now, or cannot be written down, may do better in a moment.
const FOR_NOW: [&str; 4] = ["TG-PL-042", "TG-PL-044", "TG-PL-051", "TG-ID-021"];

/// Hands commands to the broker, from when there is one, and to devices.
#[derive(Debug)]
pub(crate) struct Commands {
    broker: OnceLock<Handle>,
    desk: Arc<Desk>,
    topics: WriteTopics,
    begun: Mutex<Begun>,
}

/// What came of a write; nothing where it could not be begun in time.
type Outcome = Option<Result<Answer, plug::Refusal>>;

/// Writes that were begun. Those to one device are carried out one behind the other, and nobody else waits for them.
#[derive(Debug, Default)]
struct Begun {
    writes: BTreeMap<Id, JoinHandle<Outcome>>,
    /// The end of the last one of each device.
    last: BTreeMap<String, oneshot::Receiver<()>>,
}

impl Commands {
    pub(crate) fn new(desk: Arc<Desk>, topics: WriteTopics) -> Commands {
        Commands { broker: OnceLock::new(), desk, topics, begun: Mutex::default() }
    }

    pub(crate) fn topics(&self) -> &WriteTopics {
        &self.topics
    }

    pub(crate) fn join(&self, broker: Handle) {
        // A node has one broker.
        let _ = self.broker.set(broker);
    }

    /// Writes it, unless it was written before or is being written; whether that is known is written down by then. A device that does not
    /// answer is not waited for: other commands are behind this one.
    async fn write(
        &self,
        command: &Command,
        target: (&str, &str),
        settle: Settle<'_>,
    ) -> Result<(), NotSent> {
        let never = |code| NotSent::Never { code };
        let wish = Wish::of_payload(&command.payload).map_err(|refusal| never(refusal.code))?;
        let begun = self.begun().writes.remove(&command.id);
        let given = match begun {
            Some(task) => task.await.ok().flatten().ok_or(NotSent::Later)?,
            None => self.desk.give(wanted(command, target, wish)).await,
        };
        let or_later =
            |code: &'static str| if FOR_NOW.contains(&code) { NotSent::Later } else { never(code) };
        let answer = given.map_err(|refusal| or_later(refusal.code))?;
        match answer.end.fate {
            Fate::Confirmed | Fate::Unconfirmed => settle(&[]).map(drop).map_err(unsettled),
            _ => Err(or_later(explain::code(&answer.end.code).unwrap_or("TG-PL-045"))),
        }
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody publishes to these topics from now on without a scope that says so.
    pub(crate) fn guard(&self, topics: Vec<TopicName>) {
        let said: Vec<_> = topics.iter().filter(|topic| !self.topics.hold(topic)).collect();
        match self.broker.get() {
            Some(broker) => {
                let named = said.into_iter().filter_map(|topic| topic.as_str().parse::<TopicFilter>().ok());
                broker.guard(named.chain(self.topics.filter()));
            }
            None if said.is_empty() => {}
            None => tracing::error!(
                code = "TG-SV-005",
                hint = "run --only broker,ingest in one process",
                "rules command devices, and the broker does not run in this process; commands wait and expire"
            ),
        }
    }
}

/// What a rule's command is to the desk.
fn wanted(command: &Command, (device, tag): (&str, &str), wish: Wish) -> writing::Command {
    writing::Command {
        id: Some(command.id),
        device: device.to_owned(),
        tag: tag.to_owned(),
        value: wish.value,
        wait: Duration::from_secs(command.left_s().into()),
        origin: Origin::Rule,
        who: format!("rule {}", command.rule),
        from: "rules".to_owned(),
        request: String::new(),
    }
}

impl CommandOut for Commands {
    /// A device is written to whatever comes of commands to others. The audit carries a command out once, also after a crash.
    fn begin(&self, command: &Command) -> bool {
        let (Some((device, _)), Ok(wish)) =
            (self.topics.target(&command.topic), Wish::of_payload(&command.payload))
        else {
            return false;
        };
        let (end, ended) = oneshot::channel();
        let mut begun = self.begun();
        let before = begun.last.insert(device.to_owned(), ended);
        let (desk, topics, command) = (self.desk.clone(), self.topics.clone(), command.clone());
        let id = command.id;
        let write = async move {
            if let Some(before) = before {
                // However it ended.
                let _: Result<(), _> = before.await;
            }
            let target = topics.target(&command.topic).filter(|_| !command.is_over())?;
            let outcome = desk.give(wanted(&command, target, wish)).await;
            drop(end);
            Some(outcome)
        };
        begun.writes.insert(id, tokio::spawn(write));
        true
    }

    fn send<'a>(&'a self, command: &'a Command, settle: Settle<'a>) -> Sending<'a> {
        Box::pin(async move {
            if let Some(target) = self.topics.target(&command.topic) {
                return self.write(command, target, settle).await;
            }
            let broker = self.broker.get().ok_or(NotSent::Later)?;
            let said = broker.announce(&publication(command), settle).await;
            said.map(drop).map_err(|unsaid| match unsaid {
                // A queue moves on, and a node that ends sends what is left after its next start.
                Unsaid::NoRoom | Unsaid::Draining => NotSent::Later,
                Unsaid::Refused(refusal) => unsettled(refusal),
                Unsaid::Unheard => NotSent::Unheard,
                Unsaid::Unknown => NotSent::Unknown,
            })
        })
    }
}

fn unsettled(refusal: Refusal) -> NotSent {
    match refusal {
        Refusal::Busy(_) | Refusal::Full => NotSent::Later,
        refusal => NotSent::Never { code: refusal.code() },
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
