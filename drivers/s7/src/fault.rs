//! Why one tag has no value, or one value was not written.

use tidegate_codec_s7::{Refusal, ValueError};
use tidegate_service_plant::Trouble;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error("{0}")]
    Refused(Refusal),
    #[error("it is larger than 2^63 - 1")]
    TooLarge,
}

impl Fault {
    fn code(self) -> &'static str {
        match self {
            Fault::Value(error) => error.code(),
            Fault::Refused(refusal) => refusal.code(),
            Fault::TooLarge => "TG-SI-033",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Fault::Value(error) => error.hint(),
            Fault::Refused(refusal) => refusal.hint(),
            Fault::TooLarge => "read it as two DWORDs",
        }
    }

    /// Of this tag alone.
    pub(crate) fn at(self, address: &str) -> Trouble {
        Trouble::tag(self.code(), format!("{address}: {self} ({})", self.hint()))
    }
}
