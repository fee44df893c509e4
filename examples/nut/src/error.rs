//! Every code of this driver, with whose fault it is. Pages: `docs/errors/TG-NU-*.md`.

use crate::address::Address;
use crate::place::Place;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::{Trouble, Unfit};

/// Of a line that nobody understands, so much is shown.
const SHOWN_BYTES_MAX: usize = 80;

pub(crate) fn no_place(text: &str, why: &str) -> Unfit {
    Unfit {
        code: "TG-NU-001",
        message: format!("{text:?} is no place of a UPS: {why}"),
        hint: "write tcp://HOST:PORT/UPS: tcp://10.0.0.5/rack-1".to_owned(),
    }
}

pub(crate) fn no_address(text: &str, why: &str) -> Unfit {
    Unfit {
        code: "TG-NU-002",
        message: format!("{text:?} is no variable of a UPS: {why}"),
        hint: "write NAME:TYPE: battery.charge:REAL".to_owned(),
    }
}

pub(crate) fn broken(peer: &Endpoint, cause: &str) -> Trouble {
    Trouble::connection("TG-NU-010", format!("{peer}: the connection broke: {cause}"))
}

pub(crate) fn unusable(peer: &Endpoint, line: &[u8]) -> Trouble {
    let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES_MAX)]);
    Trouble::connection("TG-NU-011", format!("{peer}: {shown:?} is no answer to what was asked"))
}

pub(crate) fn no_login(peer: &Endpoint, what: &str) -> Trouble {
    Trouble::connection("TG-NU-014", format!("{peer}: upsd takes a user and a password, and not {what}"))
}

/// What upsd said instead of a value.
pub(crate) fn unread(word: &str, place: &Place, address: &Address) -> Trouble {
    let message = format!("{place}: {}: upsd says {word:?}", address.name);
    match word {
        "UNKNOWN-UPS" | "ACCESS-DENIED" => Trouble::device("TG-NU-012", message),
        "DATA-STALE" | "DRIVER-NOT-CONNECTED" => Trouble::device("TG-NU-013", message),
        _ => Trouble::tag("TG-NU-020", message),
    }
}

/// Of the tag whatever the reason: an error of anything else says that nobody knows whether it was written.
pub(crate) fn unwritten(address: &Address, why: &str) -> Trouble {
    Trouble::tag("TG-NU-022", format!("{} was not written: {why}", address.name))
}

pub(crate) fn untold(address: &Address, text: &[u8]) -> Trouble {
    let (name, shown) = (&address.name, String::from_utf8_lossy(text));
    Trouble::tag("TG-NU-021", format!("{name} is {shown:?}, which is no {:?}", address.kind))
}
