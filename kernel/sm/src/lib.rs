#![doc = include_str!("../README.md")]

mod error;
pub mod field;
pub mod sm2;
pub mod sm3;
pub mod sm4;

pub use error::SmError;
