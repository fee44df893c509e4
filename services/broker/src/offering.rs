//! A publication's way into the broker: to the intake, which keeps readings, and to the subscribers.
//!
//! What the broker has to write goes into the journal in one batch with the reading. So a crash finds both or neither, and whoever sends
//! a QoS 2 publication again is told that it was taken, or has it taken for the first time.

use tidegate_codec_mqtt::PacketId;
use tidegate_kernel_journal::Refusal;

use crate::fact::Fact;
use crate::hub::Hub;
use crate::intake::{Declined, Publication};
use crate::ledger::SAFE;
use crate::outstanding::Safe;
use crate::router::Rings;

/// Who offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The publisher's berth.
    pub(crate) berth: u64,
    /// The publisher's session is kept, and this QoS 2 publication must not be taken from it a second time.
    pub(crate) received: Option<PacketId>,
    /// It is the berth's will, which was written down when it was put off.
    pub(crate) put_off: bool,
}

impl Source {
    /// The node itself, which has no session.
    pub(crate) const NODE: Self = Self { berth: 0, received: None, put_off: false };
}

/// What became of an offer.
#[derive(Debug)]
pub(crate) enum Offered {
    Taken(Safe),
    /// Offer it again.
    Busy,
    Refused {
        code: &'static str,
    },
}

/// Why a publication was not taken. Nobody has got it, and nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untaken {
    Busy,
    Refused { code: &'static str },
}

impl Hub {
    /// To the intake and to the subscribers. Who has to be told is added to `rings`.
    pub(crate) fn offer(&self, publication: &Publication, source: Source, rings: &mut Rings) -> Offered {
        let mut draft = self.router.draft(publication, source);
        match self.take(publication, draft.facts()) {
            Ok(safe) => {
                self.router.deliver_all(draft, safe.kept.as_ref(), rings);
                Offered::Taken(safe)
            }
            Err(untaken) => {
                self.router.give_back(draft);
                untaken.into()
            }
        }
    }

    fn take(&self, publication: &Publication, facts: Vec<Fact>) -> Result<Safe, Untaken> {
        let Some(ledger) = self.router.ledger.as_ref().filter(|_| !facts.is_empty()) else {
            return match self.intake.offer(publication, &[]) {
                Ok(receipt) => Ok(Safe { receipt: Some(receipt), kept: None }),
                Err(Declined::NoReading { .. }) => Ok(Safe::default()),
                Err(declined) => Err(declined.into()),
            };
        };
        let mut level = SAFE;
        let ticket = ledger.note_with(facts, |own| match self.intake.offer(publication, own) {
            Ok(receipt) => {
                level = level.max(receipt.level);
                Ok(receipt.ticket)
            }
            Err(Declined::NoReading { .. }) => ledger.append(own).map_err(Untaken::from),
            Err(declined) => Err(declined.into()),
        })?;
        Ok(Safe { receipt: None, kept: Some((ticket, level)) })
    }
}

impl From<Declined> for Untaken {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Busy => Self::Busy,
            Declined::Refused { code } | Declined::NoReading { code } => Self::Refused { code },
        }
    }
}

impl From<Refusal> for Untaken {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy(_) => Self::Busy,
            other => Self::Refused { code: other.code() },
        }
    }
}

impl From<Untaken> for Offered {
    fn from(untaken: Untaken) -> Self {
        match untaken {
            Untaken::Busy => Self::Busy,
            Untaken::Refused { code } => Self::Refused { code },
        }
    }
}
