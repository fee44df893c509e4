//! What the node itself has to say to subscribers, and no session sent: a command of a rule.
//!
//! Who is owed it is written in one batch with whatever its sender writes, and nobody is sent it before that is synced. So a
//! restart finds both or neither, and never says again what was said.

use tidegate_codec_mqtt::{TopicFilter, TopicName};
use tidegate_kernel_journal::{Entry, Level, Refusal, Ticket, Unknown};

use crate::broker::Handle;
use crate::hub::Hub;
use crate::intake::Publication;
use crate::offering::Source;
use crate::router::{Draft, Rings};

/// Appends the broker's records, with others, to the journal that the broker has.
pub type Append<'a> = &'a mut (dyn FnMut(&[Entry<'_>]) -> Result<Ticket, Refusal> + Send);

/// Why nobody was told. Nothing was appended, but for `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsaid {
    /// Nobody is subscribed to the topic.
    Unheard,
    /// There is room in no subscriber's queue.
    NoRoom,
    /// The broker is at its end.
    Draining,
    Refused(Refusal),
    /// It was appended, and the journal stopped before it was safe.
    Unknown,
}

impl Handle {
    /// Says something to all who subscribed to its topic; how many there are. Whose session is kept gets it also after a restart.
    /// Once it was polled it is to be polled to its end, for what is written is delivered then.
    pub async fn announce(&self, publication: &Publication, append: Append<'_>) -> Result<usize, Unsaid> {
        if self.hub.roster.is_draining() {
            return Err(Unsaid::Draining);
        }
        let (sealed, ticket) = self.hub.seal(publication, append)?;
        ticket.reached(Level::Disk).await.map_err(|Unknown| Unsaid::Unknown)?;
        Ok(self.hub.unseal(sealed))
    }

    /// From now on these topics, and no others, are published to by whoever has a scope `command:FILTER` that covers them.
    pub fn guard(&self, topics: impl IntoIterator<Item = TopicFilter>) {
        self.hub.guarded.set(topics);
    }

    /// Whether a topic is one of those.
    pub fn is_guarded(&self, topic: &TopicName) -> bool {
        self.hub.guarded.holds(topic.as_bytes())
    }
}

impl Hub {
    fn seal(&self, publication: &Publication, append: Append<'_>) -> Result<(Draft, Ticket), Unsaid> {
        let mut draft = self.router.draft(publication, Source::NODE);
        if draft.targets.is_empty() {
            return Err(if draft.has_shed() { Unsaid::NoRoom } else { Unsaid::Unheard });
        }
        let facts = draft.facts();
        let ticket = match &self.router.ledger {
            Some(ledger) => ledger.note_with(facts, append),
            None => append(&[]),
        };
        match ticket {
            Ok(ticket) => Ok((draft, ticket)),
            Err(refusal) => {
                self.router.give_back(draft);
                Err(Unsaid::Refused(refusal))
            }
        }
    }

    fn unseal(&self, draft: Draft) -> usize {
        let (many, mut rings) = (draft.targets.len(), Rings::new());
        self.router.deliver_all(draft, None, &mut rings);
        rings.iter().for_each(|berth| berth.ring());
        many
    }
}
