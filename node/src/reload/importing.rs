//! Rows of a spreadsheet taken over while the node runs: what `devices import --reload` does, in one step, so that nothing is written
//! that would not be taken up. Reads and writes the files.

use super::{Outcome, Reloader, Told, fixed};
use crate::cli::Encoding;
use crate::devices::{self, Delivery, Judged, Refused};
use crate::failure::Failure;
use serde::Serialize;
use std::sync::PoisonError;
use tidegate_kernel_plug::config::{Change, FAULTS_MAX, Fault, Reload, changes};

/// As it is called where a fault in it is told.
const SHEET: &str = "the spreadsheet";

/// What became of the rows.
#[derive(Debug, Serialize)]
pub(crate) struct Arrival {
    /// `planned` where it was only looked at; else as a reload ends.
    outcome: &'static str,
    /// What holds now.
    generation: u64,
    /// As the command line has them: `+ ingest.devices.press-9`.
    pub(crate) changes: Vec<String>,
    faults: Vec<Told>,
}

impl Arrival {
    pub(crate) fn is_refused(&self) -> bool {
        self.outcome == Outcome::Refused.name()
    }
}

impl Reloader {
    /// All of the rows or none, and nothing where it is `dry`. What else has changed in the files is taken up with it, and told. Blocks
    /// for the disk.
    pub(crate) fn import(&self, sheet: &[u8], dry: bool) -> Arrival {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery =
            Delivery { name: SHEET, bytes: sheet, encoding: Encoding::Utf8, neuron: None, replace: false };
        let old = self.state().values.clone();
        let judged = devices::judge(self.origins.clone(), &delivery).map_err(told);
        let judged = judged.and_then(|judged| {
            let changed = changes(&old, &judged.values);
            let faults = self.takes_a_restart(&changed);
            if faults.is_empty() { Ok((judged, changed)) } else { Err(faults) }
        });
        match judged {
            Ok((_, changed)) if dry && !changed.is_empty() => self.arrival("planned", &changed, Vec::new()),
            Ok((judged, changed)) => self.take_over(judged, &changed),
            Err(faults) => self.arrival(Outcome::Refused.name(), &[], faults),
        }
    }

    fn take_over(&self, judged: Judged, changed: &[Change]) -> Arrival {
        if !changed.is_empty()
            && let Err(failure) = judged.write()
        {
            return self.arrival(Outcome::Refused.name(), &[], vec![unwritten(failure)]);
        }
        (self.take_up)(&judged.settings);
        let verdict = {
            let mut state = self.state();
            let verdict = state.applied(judged.values, changed);
            state.remember(&verdict);
            verdict
        };
        super::log(&verdict);
        self.arrival(verdict.outcome.name(), changed, Vec::new())
    }

    fn takes_a_restart(&self, changed: &[Change]) -> Vec<Told> {
        let file = self.origins.name();
        let restarts = changed.iter().filter(|change| change.reload == Reload::Restart);
        restarts.take(FAULTS_MAX).map(|change| Told::of(&fixed(change), &file)).collect()
    }

    fn arrival(&self, outcome: &'static str, changed: &[Change], faults: Vec<Told>) -> Arrival {
        let changes = changed.iter().map(|change| devices::line(change).trim_end().to_owned()).collect();
        Arrival { outcome, generation: self.state().generation, changes, faults }
    }
}

fn told(refused: Refused) -> Vec<Told> {
    let in_sheet = |place: String, Fault { code, message, hint, .. }: Fault| Told {
        place,
        code: code.into(),
        message,
        hint,
    };
    match refused {
        Refused::Faults { told, .. } => {
            told.into_iter().take(FAULTS_MAX).map(|told| in_sheet(told.place, told.fault)).collect()
        }
        Refused::Other(failure) => vec![alone(failure)],
    }
}

fn alone(failure: Failure) -> Told {
    let (code, message, hint) = failure.parts();
    Told { place: SHEET.to_owned(), code, message, hint: hint.into_owned() }
}

/// A node that is confined may not write where its configuration is.
fn unwritten(failure: Failure) -> Told {
    let (_, message, _) = failure.parts();
    let hint = "save the rows, and import them on the machine: tidegate ingest devices import FILE --reload";
    Told { place: SHEET.to_owned(), code: "TG-DI-011".into(), message, hint: hint.to_owned() }
}
