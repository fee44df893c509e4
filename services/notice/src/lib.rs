#![doc = include_str!("../README.md")]

//! Takes the wall clock for what people read and the boot clock for its pace, both from the journal's `Clock`; reads and appends to
//! the journal `queues`; opens no socket, which is the couriers' part.

mod capability;
mod channel;
mod config;
mod courier;
mod error;
mod follow;
mod notice;
mod notices;
mod outbox;
mod pace;
mod plan;
mod state;
mod text;
mod zone;

pub use config::{CHANNELS_MAX, ChannelConfig, Config, SECTION};
pub use courier::{Courier, CourierError, Load, Message, Receipt, Sending, Setback};
pub use error::{OpenError, TestError};
pub use follow::{AlarmChange, AlarmEvent, AlarmFeed, AlarmPage, Follower};
pub use notice::{Change, NOTICES, Notice, Severity};
pub use notices::{ChannelAccount, Notices};
pub use outbox::{Outbox, Posted};
pub use pace::Rate;
pub use state::{Failure, Letter, Seen};
pub use text::{BySeverity, Expired, Language};
pub use zone::Zone;
