//! The field table: every setting of every capability as data, and all that is made from it.
//!
//! Parsing with every fault at once, the sample file, the reference page, what is shown with its origin, and what a reload may
//! change come from one table. Reads text that it is handed: no file, no environment, no clock, no locks.

mod change;
mod edge;
mod fault;
mod field;
mod nearest;
mod position;
mod read;
mod reference;
mod sample;
mod setting;
mod shown;
mod table;
#[cfg(test)]
mod tests;
mod unit;
mod value;
mod values;

pub use change::{Change, changes};
pub use edge::{Beside, Override, SecretSource, Source, beside};
pub use fault::{FAULTS_MAX, Fault, Faults, Place};
pub use field::{Field, Group, Kind, Many, Preset, Reload, Section};
pub use nearest::nearest;
pub use position::Position;
pub use read::{Reading, joined};
pub use setting::{FromSetting, Secret, Setting};
pub use shown::Shown;
pub use table::Table;
pub use values::{Origin, Values};

/// Bytes of a configuration file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Bytes of the file beside it: as many devices as there may be.
pub const BESIDE_BYTES_MAX: usize = 8 << 20;
/// Bytes of a secret that is in a file or a variable of the environment.
pub const SECRET_BYTES_MAX: usize = 64 << 10;
/// Bytes of the name of a group that is named by whoever writes the file.
pub const NAME_BYTES_MAX: usize = 64;
