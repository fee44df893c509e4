//! A build that sends no traces. There are no values of these types, so nothing is ever done with one.

use std::sync::Arc;
use std::time::Instant;
use tidegate_kernel_outbound::Dialer;
use tidegate_kernel_plug::config::{Fault, Faults, Values};
use tidegate_kernel_plug::{Capability, Draining, Family, Readiness, Stage};
use tidegate_kernel_trace::Spans;

#[derive(Debug, Clone)]
pub(crate) enum Config {}

#[derive(Debug)]
pub(crate) enum Traces {}

impl Config {
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Option<Config> {
        if values.find::<String>("endpoint").is_some() {
            let message = "traces.endpoint is set, and this binary was built without `otlp`".to_owned();
            let hint = "take a binary that was built with it, or remove the section".to_owned();
            let place = values.origin("endpoint").place();
            faults.push(Fault { place, code: "TG-TR-003", message, hint });
        }
        None
    }

    pub(crate) fn bytes_max(&self) -> u64 {
        match *self {}
    }
}

impl Traces {
    pub(crate) fn of(config: &Config, _: &Spans) -> Arc<Traces> {
        match *config {}
    }

    pub(crate) fn start(&self, _: Dialer, _: &str) -> std::io::Result<()> {
        match *self {}
    }
}

impl Capability for Traces {
    fn name(&self) -> &'static str {
        match *self {}
    }

    fn stage(&self) -> Stage {
        match *self {}
    }

    fn metrics(&self) -> Vec<Family> {
        match *self {}
    }

    fn readiness(&self) -> Readiness {
        match *self {}
    }

    fn drain(&self, _: Instant) -> Draining<'_> {
        match *self {}
    }
}
