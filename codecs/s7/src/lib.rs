#![doc = include_str!("../README.md")]

//! RFC 1006 frames (TPKT), ISO 8073 class 0 (COTP) and S7 communication, as far as reading and writing variables needs them.
//!
//! There is no public standard of S7 communication: what is here agrees with Snap7 and with what the tests' counterparts do. No
//! socket, clock, file or lock. A length or a count in a PDU is held against the bytes that are there before anything is made room for.

mod answer;
mod client;
mod cotp;
mod error;
mod fault;
mod item;
mod job;
mod kind;
mod pdu;
mod plan;
mod read;
mod server;
mod tag;
mod value;

pub use answer::{Answer, Outcomes};
pub use client::{Client, Event, Negotiated, Offer, PDU_BYTES_MAX, PDU_BYTES_MIN};
pub use cotp::{Connect, Decoder, Tpdu};
pub use error::DecodeError;
pub use fault::{ItemFault, Refusal};
pub use item::{Area, Extent, Item};
pub use job::{Job, Setup, Write};
pub use kind::Kind;
pub use pdu::{Body, Pdu};
pub use plan::{Limits, Member, Plan, PlannedRead};
pub use server::{Memory, Server};
pub use tag::{Tag, TagError};
pub use value::{Value, ValueError};
