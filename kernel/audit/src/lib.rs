#![doc = include_str!("../README.md")]

mod builder;
mod checkpoint;
mod document;
mod edge;
mod entry;
mod error;
mod folder;
mod key;
mod note;
mod profile;
mod proof;
mod recount;
mod search;
mod source;
mod tile;
mod tree;
mod witness;

pub use builder::{Builder, Lag, Opened};
pub use checkpoint::Checkpoint;
pub use document::{Document, Proven};
pub use entry::{ENTRY_BYTES, Entry};
pub use error::AuditError;
pub use key::{Signer, Verifier};
pub use note::{NOTE_BYTES_MAX, Note};
pub use profile::{HASH_BYTES, Hash, Profile};
pub use proof::{Nodes, consistency, consistency_holds, inclusion, inclusion_holds, root};
pub use recount::{Recount, Recounted, note_in};
pub use source::{Found, Source, Streams};
pub use tile::{Resource, TILE_WIDTH};
pub use tree::Tree;
pub use witness::{SUBMISSION_BYTES_MAX, Submission, Witness, WitnessKey, WitnessRefusal};
