//! What can be wrong with devices that are asked, each with a code that `docs/errors/` explains. What drivers find has codes of theirs.

use crate::driver::{Trouble, Unfit};
use std::time::Duration;
use tidegate_engine_tags::Type;

/// What of the configuration cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("there is no driver {0:?}")]
    UnknownDriver(String, String),
    #[error("a device with a driver has no address")]
    NoAddress,
    #[error("a device with an address has no driver")]
    NoDriver,
    #[error("{0:?} stands for many devices, and each that is asked has an address of its own")]
    Pattern(String),
    #[error("template {0:?} has no tag with an address, so there is nothing to read")]
    NothingToRead(String),
    #[error("what a device is shown has two halves: user and password, or user_certificate and user_key")]
    HalfLogin,
    #[error("driver {0:?} knows no users")]
    NoLogins(String),
    #[error("tag {tag:?} is said to be {stated}, and what stands at its address is {}", stands.name())]
    Type { tag: String, stated: String, stands: Type },
}

impl Misfit {
    fn code(&self) -> &'static str {
        match self {
            Misfit::UnknownDriver(..) => "TG-PL-001",
            Misfit::NoAddress | Misfit::NoDriver | Misfit::Pattern(_) | Misfit::NothingToRead(_) => {
                "TG-PL-002"
            }
            Misfit::Type { .. } => "TG-PL-003",
            Misfit::HalfLogin | Misfit::NoLogins(_) => "TG-PL-004",
        }
    }

    fn hint(&self) -> String {
        match self {
            Misfit::UnknownDriver(_, names) => format!("there are {names}"),
            Misfit::NoAddress => "say with address where it is".to_owned(),
            Misfit::NoDriver => "say with driver what it speaks, or leave the address out".to_owned(),
            Misfit::Pattern(_) => "write a topic without + and #".to_owned(),
            Misfit::NothingToRead(_) => "give at least one tag of it an address".to_owned(),
            Misfit::HalfLogin => "write both, and not both of each".to_owned(),
            Misfit::NoLogins(_) => "leave user, password, user_certificate and user_key out".to_owned(),
            Misfit::Type { stands, .. } => format!("write type = {:?}, or another address", stands.name()),
        }
    }
}

impl From<Misfit> for Unfit {
    fn from(misfit: Misfit) -> Unfit {
        Unfit { code: misfit.code(), message: misfit.to_string(), hint: misfit.hint() }
    }
}

/// No answer in time.
pub(crate) const SILENT: &str = "TG-PL-011";
/// A sample that found no room while newer ones came.
pub(crate) const NO_ROOM: &str = "TG-PL-020";
/// The task of one bus panicked.
pub(crate) const PANICKED: &str = "TG-PL-030";

/// A write was not begun in time.
pub(crate) const TOO_LATE: &str = "TG-PL-043";
/// The bus ended, or began anew, before a write was sent.
pub(crate) const CUT: &str = "TG-PL-044";
/// What came of a write that was sent is not known.
pub(crate) const UNKNOWN: &str = "TG-PL-045";

/// A connection was not there in time.
pub(crate) fn unconnected(limit: Duration) -> Trouble {
    Trouble::connection("TG-PL-010", format!("no connection within {limit:?}"))
}

/// An answer was not waited for any longer. It may still come, so the connection is of no use.
pub(crate) fn silent(limit: Duration) -> Trouble {
    Trouble::connection(SILENT, format!("no answer within {limit:?}"))
}

/// A driver that answers for other tags than it was asked for.
pub(crate) fn miscounted(asked: usize, found: usize) -> Trouble {
    Trouble::connection("TG-PL-012", format!("{asked} tags were asked for, and {found} were answered"))
}

/// A number that cannot be written down.
pub(crate) fn infinite() -> Trouble {
    Trouble::tag("TG-PL-013", "what stands there is no finite number")
}

/// Nothing is written to what is not read.
pub(crate) fn unasked(device: &str, tag: &str) -> Trouble {
    let message = format!("{device} is not asked for {tag:?} here, so it cannot be written");
    Trouble::tag("TG-PL-040", message)
}

/// A device that did not answer for long.
pub(crate) fn off_scan(device: &str) -> Trouble {
    Trouble::device("TG-PL-041", format!("{device} does not answer and is off scan; nothing was sent to it"))
}

/// More writes than a bus keeps waiting.
pub(crate) fn no_room(waiting_max: usize) -> Trouble {
    Trouble::device("TG-PL-042", format!("{waiting_max} writes wait for this bus already"))
}

pub(crate) fn too_late() -> Trouble {
    Trouble::device(TOO_LATE, "it could not be begun in time; nothing was sent to the device")
}

pub(crate) fn cut() -> Trouble {
    Trouble::device(CUT, "the bus is ending or beginning anew; nothing was sent to the device")
}

/// The task was cut off in the middle.
pub(crate) fn cut_off() -> Trouble {
    Trouble::connection(UNKNOWN, "the bus ended after the value was sent and before the device had answered")
}

/// It was sent, and there was no answer.
pub(crate) fn unknown(trouble: &Trouble) -> Trouble {
    let message = format!(
        "the value was sent, and the device did not say that it took it: {trouble} ({})",
        trouble.code
    );
    Trouble { code: UNKNOWN, message, ..trouble.clone() }
}

pub(crate) fn differs() -> Trouble {
    Trouble::tag("TG-PL-046", "the device took the value, and has another one")
}

pub(crate) fn unread(why: &Trouble) -> Trouble {
    let message = format!("the device took the value, which cannot be read back: {why} ({})", why.code);
    Trouble { code: "TG-PL-047", message, ..why.clone() }
}

/// What stands there has no form for the value.
pub(crate) fn misfit(stands: Type) -> Trouble {
    Trouble::tag(
        "TG-PL-048",
        format!("what stands at the tag's address is {}, which cannot hold the value", stands.name()),
    )
}
