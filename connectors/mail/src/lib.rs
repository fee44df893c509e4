#![doc = include_str!("../README.md")]

//! Opens a connection for each message through the way out of the kernel, and closes it; takes the monotonic clock for time limits;
//! holds no lock.

mod letter;
mod mailer;
mod reply;
mod talk;

pub use mailer::{Login, MailConfig, Mailer, Security, is_address};
