//! The book against a naive model of it, its forms, and every refusal.

mod form;
mod linked;
mod model;
mod properties;
mod refusals;
mod rig;
