#![doc = include_str!("../README.md")]

mod account;
mod batch;
mod caretaker;
mod carried;
mod clock;
mod committer;
mod control;
#[cfg(test)]
mod crash;
mod cursor;
mod disk;
mod error;
mod examine;
mod folder;
mod format0;
mod journal;
mod options;
mod passage;
mod planted;
mod read;
mod record;
mod recovery;
mod segment;
mod snapshot;
mod state;
mod threads;
mod upgrade;
mod watermark;
mod window;

pub use account::{Account, Counts, Tally};
pub use clock::{Clock, JUMP_MS_MAX, SystemClock};
pub use cursor::{Batch, Cursor, Delivery, ReadLimit};
pub use disk::{Disk, DiskFile, Fault, RealDisk, SECTOR_BYTES, SimDisk};
pub use error::{OpenError, ReadError, Refusal};
pub use examine::{Examination, Finding, JournalReport, SegmentReport, examine};
pub use folder::{DataFolder, FolderOptions};
pub use journal::{Entry, Journal, Level, PAYLOAD_BYTES_MAX, Status, Ticket};
pub use options::{Options, Retention};
pub use passage::Passage;
pub use record::{Flags, Head, Record};
pub use state::Tallies;
pub use threads::Threads;
pub use tidegate_kernel_id::{Id, NotAnId};
pub use upgrade::{Upgraded, upgrade};
pub use watermark::{Reached, Unknown, Watermark};
pub use window::{AHEAD_MS_MAX, WindowLimit};
