#![doc = include_str!("../README.md")]

//! Takes no clock, no randomness, no file and no socket: times are handed in, nothing is kept but what a caller holds.
//!
//! ```text
//!   ModelConfig ── compile ── Model ── locate ── Plan ── interpret ── points ── Reporter ── report | absorb
//!   what somebody wants a tag to be ── command ── what has to stand in the device
//! ```

mod command;
mod compile;
mod error;
mod interpret;
mod model;
mod payload;
mod plan;
mod reporter;
mod scan;
mod template;
mod topic;
mod value;
mod window;

pub use command::CommandFault;
pub use error::{Malformed, MalformedKind, ModelFault, ModelFaultKind, PointFault};
pub use interpret::{Interpreted, TagPoint};
pub use model::{Interpretation, Located, Model};
pub use plan::{Plan, PlannedTag, TagId};
pub use reporter::{Reporter, Verdict};
pub use template::{
    Deadband, Derived, Device, Group, Limits, ModelConfig, NAME_BYTES_MAX, Override, Shape, TAGS_MAX, Tag,
    TagClass, Template, TimeField, TimeUnit,
};
pub use value::{Point, Quality, Type, Value};
