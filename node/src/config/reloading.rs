//! `tidegate config reload`: asks the running node, and says what it made of it.

use crate::asking::ask;
use crate::cli::Running;
use crate::failure::Failure;
use serde_json::Value;
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn reload(node: &Running) -> Result<ExitCode, Failure> {
    let answer = ask(node, "POST", "/-/reload")?;
    match answer["outcome"].as_str() {
        Some(outcome @ ("applied" | "unchanged")) => {
            let line = format!("{outcome}; generation {}\n", answer["generation"]);
            let _ = io::stdout().write_all(line.as_bytes());
            changes(&answer).for_each(|line| {
                let _ = io::stdout().write_all(line.as_bytes());
            });
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(refused(&answer)),
    }
}

fn changes(answer: &Value) -> impl Iterator<Item = String> + '_ {
    let changes = answer["changes"].as_array().into_iter().flatten();
    changes.filter_map(Value::as_str).map(|change| format!("  {change}\n"))
}

fn refused(answer: &Value) -> Failure {
    let faults = answer["faults"].as_array().map(Vec::as_slice).unwrap_or_default();
    for fault in faults {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let (place, message, code, hint) = (text("place"), text("message"), text("code"), text("hint"));
        let _ = writeln!(io::stderr(), "{place}: {message} [{code}]\n  hint: {hint}");
    }
    let message = format!(
        "the node refused the reload and goes on with generation {}: {} faults",
        answer["generation"],
        faults.len()
    );
    Failure::message("TG-CF-022", message, "mend what is named above and reload again")
}
