//! `tidegate doctor`: what is wrong with the machine, the data folder and the configuration, before it shows as something else.
//!
//! Reads only, and reads through [`host::Host`], so that every finding is tried on a host that never was. Findings have a code,
//! evidence and a hint, in Chinese or English; measuring and mending are left to people.

mod bundle;
mod case;
mod catalog;
mod disk;
mod finding;
mod hardening;
mod host;
mod machine;
mod process;
mod setup;
#[cfg(test)]
mod tests;

pub(crate) use bundle::run as bundle;

use crate::banner::say;
use crate::cli::{Doctor, Tongue};
use crate::config::Origins;
use crate::doctor::case::Case;
use crate::doctor::catalog::Severity;
use crate::doctor::finding::{Finding, Language};
use crate::doctor::host::Machine;
use crate::failure::Failure;
use std::process::ExitCode;

/// Everything that is looked at; the last ones only with `--hardening`.
fn findings(case: &Case<'_>, hardening: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    machine::look(case, &mut found);
    process::look(case, &mut found);
    disk::look(case, &mut found);
    setup::look(case, &mut found);
    if hardening {
        hardening::look(case, &mut found);
    }
    found.sort_by_key(|finding| (finding.entry().severity, finding.code));
    found
}

pub(crate) fn run(options: &Doctor) -> Result<ExitCode, Failure> {
    let origins = Origins::at(&options.place);
    let machine = Machine;
    let found = findings(&Case::of(&machine, &origins), options.hardening);
    let text = match options.json {
        true => found.iter().map(|finding| finding.json() + "\n").collect(),
        false => report(&found, language(options.lang)),
    };
    say(&text);
    let is_well = found.iter().all(|finding| finding.entry().severity == Severity::Note);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(found: &[Finding], language: Language) -> String {
    let each: String = found.iter().map(|finding| finding.words(language)).collect();
    each + &finding::summary(found, language)
}

/// As asked, or else as the environment says.
fn language(asked: Option<Tongue>) -> Language {
    match asked {
        Some(Tongue::Zh) => Language::Chinese,
        Some(Tongue::En) => Language::English,
        None => Language::of(|name| std::env::var(name).ok()),
    }
}
