#![doc = include_str!("../README.md")]

mod alarm;
mod alarm_keep;
mod bytes;
mod carry;
mod catalog;
mod compile;
mod decide;
mod engine;
mod fact;
mod fault;
mod form;
mod functions;
mod keep;
mod limits;
mod lower;
mod machine;
mod parser;
mod rule;
mod set;
mod shadow;
mod state;
mod syntax;
mod token;
mod value;
mod window;

pub use alarm::{
    ALARMS_MAX, Alarm, AlarmChange, AlarmCounts, AlarmFact, AlarmRefusal, AlarmState, Alarms, Shelf,
};
pub use catalog::Catalog;
pub use compile::{compile, read};
pub use decide::Sample;
pub use engine::Engine;
pub use fact::{Fact, Phase, RuleNumber};
pub use fault::{Fault, FaultKind, Place};
pub use form::{
    Aggregate, BUCKETS, Form, OPS_MAX, Op, Program, STACK_MAX, Slot, Tables, Unsound, Watch, WindowForm,
};
pub use limits::Limits;
pub use parser::{DEPTH_MAX, TEXT_BYTES_MAX, TOKENS_MAX};
pub use rule::{MESSAGE_CHARS_MAX, NAME_CHARS_MAX, Output, RuleSpec, Severity};
pub use set::{RULE_COST, Rule, RuleSet, WINDOW_COST};
pub use shadow::{Agreement, Shadow, ShadowTerm};
pub use state::{RuleCounts, State};
pub use syntax::{Binary, Body, Compare, Expr, Kind, Node, Shape};
pub use value::{Known, Unknown, VALUE_TEXT_BYTES_MAX, Value};
pub use window::WINDOW_BYTES;
