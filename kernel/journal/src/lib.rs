#![doc = include_str!("../README.md")]

mod account;
mod backup;
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
mod durations;
mod error;
mod examine;
mod folder;
mod format0;
mod journal;
mod options;
mod pace;
mod passage;
mod planted;
mod prune;
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
pub use backup::{BackupError, Restored, Saved, Until, backup, restore, restore_check};
pub use clock::{Clock, JUMP_MS_MAX, SystemClock};
pub use committer::DOZE;
pub use cursor::{Batch, Cursor, Delivery, ReadLimit};
pub use disk::{Disk, DiskFile, Fault, RealDisk, SECTOR_BYTES, SimDisk};
pub use durations::Durations;
pub use error::{OpenError, ReadError, Refusal};
pub use examine::{
    Examination, Finding, JournalReport, Registers, SegmentReport, Visit, examine, examine_books,
};
pub use folder::{DataFolder, FolderOptions, require_usable};
pub use journal::{Entry, Journal, Level, PAYLOAD_BYTES_MAX, Status, Ticket};
pub use options::{Options, Retention};
pub use passage::Passage;
pub use prune::{Pruned, Stubs};
pub use record::{Flags, Head, Record};
pub use snapshot::snapshots_in_books;
pub use state::Tallies;
pub use threads::Threads;
pub use tidegate_kernel_id::{Id, NotAnId};
pub use upgrade::{Prospect, Upgraded, Work, prospect, upgrade};
pub use watermark::{Reached, Unknown, Waiting, Watermark};
pub use window::{AHEAD_MS_MAX, WindowLimit};
