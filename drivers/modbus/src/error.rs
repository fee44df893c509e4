//! What can be wrong with addresses, devices and values, each with a code that `docs/errors/` explains.

use crate::address::Address;
use crate::plan::Span;
use std::io::ErrorKind;
use tidegate_service_plant::{Trouble, Unfit, Value};
use tokio_modbus::{Error, ExceptionCode};

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("{text:?} is no place of a Modbus device: {why}")]
    Place { text: String, why: String },
    #[error("{text:?} is no address of a Modbus tag: {why}")]
    Address { text: String, why: &'static str },
}

impl From<Misfit> for Unfit {
    fn from(misfit: Misfit) -> Unfit {
        let (code, hint) = match &misfit {
            Misfit::Place { .. } => (
                "TG-MB-001",
                "write tcp://HOST:PORT/UNIT: tcp://10.0.0.5:502/1; or rtu://FILE/UNIT?baud=N&parity=P&stop=N: rtu:///dev/ttyUSB0/3?baud=9600&parity=none",
            ),
            Misfit::Address { .. } => (
                "TG-MB-002",
                "write REFERENCE:TYPE:ORDER or REFERENCE.BIT: 40001:FLOAT, 30010:INT32:CDAB, 40003.7, 00001",
            ),
        };
        Unfit { code, message: misfit.to_string(), hint: hint.to_owned() }
    }
}

/// The device refused a request.
pub(crate) fn refused(what: &str, exception: ExceptionCode) -> Trouble {
    let message = format!("{what}: {exception}");
    match exception {
        ExceptionCode::IllegalDataAddress => Trouble::tag("TG-MB-010", message),
        ExceptionCode::IllegalFunction | ExceptionCode::IllegalDataValue => {
            Trouble::tag("TG-MB-011", message)
        }
        _ => Trouble::device("TG-MB-012", message),
    }
}

/// Whether the connection ended with nothing half said. The client tells an end as whatever the system said last, and everything else as
/// an error of its own.
pub(crate) fn is_end(error: &Error) -> bool {
    matches!(error, Error::Transport(io) if io.raw_os_error().is_some())
}

/// The connection is of no use any more.
pub(crate) fn broken(error: &Error) -> Trouble {
    match error {
        // What ends in the middle of itself is told as an end as well, and a connection that ended as neither of these.
        Error::Transport(io) if !matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            Trouble::connection("TG-MB-013", format!("the connection broke off: {io}"))
        }
        _ => Trouble::connection("TG-MB-014", format!("no answer that can be used: {error}")),
    }
}

/// An answer has more or less in it than was asked for.
pub(crate) fn miscounted(span: &Span, found: usize) -> Trouble {
    Trouble::connection("TG-MB-014", format!("{} registers were asked for, and {found} came", span.len))
}

/// An answer to a write that tells of another one.
pub(crate) fn not_echoed(address: &Address) -> Trouble {
    let message = format!("the answer to a write to {} tells of another one", address.reference());
    Trouble::connection("TG-MB-014", message)
}

/// More than an integer of the product holds.
pub(crate) fn too_large(address: &Address) -> Trouble {
    Trouble::tag("TG-MB-015", format!("what stands at {} is above 2^63", address.reference()))
}

pub(crate) fn no_text(address: &Address) -> Trouble {
    Trouble::tag("TG-MB-015", format!("what stands at {} is no UTF-8", address.reference()))
}

/// A value that cannot be written there.
pub(crate) fn unfit_value(address: &Address, value: &Value) -> Trouble {
    Trouble::tag("TG-MB-016", format!("{value:?} cannot be written to {}", address.reference()))
}

/// A table that can only be read, or a bit of a register.
pub(crate) fn read_only(address: &Address) -> Trouble {
    Trouble::tag("TG-MB-017", format!("{} can only be read", address.reference()))
}

/// A device file that is not there, is somebody else's, or is no serial line.
pub(crate) fn unopened(path: &str, why: &tokio_serial::Error) -> Trouble {
    Trouble::connection("TG-MB-018", format!("the serial line {path} could not be opened: {why}"))
}

/// A line that is open and of no use.
pub(crate) fn line_lost(path: &str, why: &str) -> Trouble {
    Trouble::connection("TG-MB-013", format!("the serial line {path} broke off: {why}"))
}

/// A unit that wants its line to be another.
pub(crate) fn other_settings(path: &str) -> Trouble {
    let message =
        format!("the serial line {path} is open with another baud, parity or stop than this unit says");
    Trouble::device("TG-MB-019", message)
}
