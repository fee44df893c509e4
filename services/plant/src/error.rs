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
