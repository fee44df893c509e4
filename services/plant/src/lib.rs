#![doc = include_str!("../README.md")]

//! Devices that do not publish by themselves but are asked, as a capability.
//!
//! ```text
//!   [ingest.devices] ── plant ──┬── line (a bus: one task) ── schedule: what is due   ── wire ── driver ── device
//!                               │                          └─ standing: on or off scan
//!   Plant::write ── desks ──────┴── line ...                └─ memory: what is news of quality ── held ── Intake
//! ```
//! What decides is pure: `schedule`, `standing`, `memory`. A line is the thin rest: tokio's clock, chance, and what the driver opens.

mod board;
mod capability;
mod config;
mod counters;
mod desks;
mod dial;
mod driver;
mod drivers;
mod error;
mod held;
mod intake;
mod line;
mod login;
mod memory;
mod numbers;
mod order;
mod plant;
mod punctual;
mod schedule;
mod standing;
mod wire;
mod yard;

pub use board::{Stand, State};
pub use config::{Config, Device, MODEL, SECTION, Scan, Tag, devices};
pub use dial::{Dial, Limit};
pub use driver::{Blame, Driver, Found, Trouble, Unfit};
pub use drivers::Drivers;
pub use intake::{Declined, Intake, Sample};
pub use login::Login;
pub use order::{Fate, Order, Written};
pub use plant::Plant;
pub use punctual::{GroupStand, Interval};
pub use standing::{Patience, Side};
pub use tidegate_engine_tags::{Point, Quality, Type, Value};
