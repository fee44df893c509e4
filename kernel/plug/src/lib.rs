#![doc = include_str!("../README.md")]

//! What a capability is, as far as two capabilities use it: metrics, readiness, drain, principals, settings.
//!
//! Values and their text only: no IO, no lock but the one of [`Live`], no tasks of its own. Grows when two capabilities need the same thing.

mod capability;
pub mod config;
mod exposition;
mod histogram;
mod live;
mod metric;
mod principal;

pub use capability::{Capability, DrainReport, Draining, Leftover, Readiness, Stage, drain_all};
pub use exposition::{CONTENT_TYPE, exposition};
pub use histogram::Histogram;
pub use live::Live;
pub use metric::{Family, Kind, Number, SERIES_PER_FAMILY_MAX};
pub use principal::{
    Action, Allowance, Authenticate, Credential, Knock, NotAScope, Principal, PrincipalKind, Role,
    SCOPES_MAX, Scope, Unauthenticated,
};
