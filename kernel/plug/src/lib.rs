#![doc = include_str!("../README.md")]

//! What a capability is, as far as two capabilities use it: metrics, readiness, drain, principals, routes, settings.
//!
//! Values and their text, but for the gate before routes, which takes clocks and a lock, [`Live`], and the list of tasks. No socket,
//! no file, no tasks of its own. Grows when two capabilities need the same thing.

mod capability;
mod causes;
pub mod config;
mod exposition;
mod histogram;
mod live;
mod metric;
pub mod planted;
mod principal;
mod routes;
mod tasks;

pub use capability::{Capability, DrainReport, Draining, Leftover, Readiness, Stage, drain_all};
pub use causes::with_causes;
pub use exposition::{CONTENT_TYPE, exposition};
pub use histogram::Histogram;
pub use live::Live;
pub use metric::{Family, Kind, Number, SERIES_PER_FAMILY_MAX};
pub use principal::{
    ANONYMOUS, Action, Allowance, Authenticate, Credential, Knock, NotAScope, Principal, PrincipalKind, Role,
    SCOPES_MAX, Scope, Unauthenticated,
};
pub use routes::{
    Act, Changed, Gate, HttpCounts, Need, Outcome, Refusal, RequestId, RequestLimits, Route, Routes,
    SESSION_COOKIE, Stays, Visit, Witness, Witnessing, session_of,
};
pub use tasks::{TASKS_MAX, Task, Tasks, listed, tasks, waiting_on};
