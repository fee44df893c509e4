//! `tidegate story ID`: where a reading came from and where it has gone, asked of the running node.

use crate::asking::ask;
use crate::banner::say;
use crate::cli::Story;
use crate::failure::Failure;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;

pub(crate) fn tell(options: &Story) -> Result<ExitCode, Failure> {
    // What is no id may hold anything, and a path must not.
    let id: String =
        options.id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    let story = ask(&options.node, "GET", &format!("/api/v1/story/{id}"))?;
    if options.json {
        say(&format!("{story}\n"));
    } else {
        say(&in_words(&story));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(story: &Value) -> String {
    let text = |key: &str| story[key].as_str().unwrap_or_default();
    let taken_ms = story["taken_ms"].as_u64().unwrap_or_default();
    let mut out = format!("{}  {}  {}\n", text("id"), text("class"), text("topic"));
    let _ = writeln!(
        out,
        "  taken in  {taken_ms} ms  by {} from {:?}, record {}",
        text("source"),
        text("client"),
        story["seq"]
    );
    for sink in story["sinks"].as_array().into_iter().flatten() {
        let part = |key: &str| sink[key].as_str().unwrap_or_default();
        let after = sink["at_ms"].as_u64().map(|at_ms| at_ms.saturating_sub(taken_ms));
        let when = after.map_or_else(|| "not yet".to_owned(), |after| format!("+{after} ms"));
        let _ = writeln!(out, "  {:<8}  {when}  {} {}", part("sink"), part("state"), part("reason"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_story_is_told_with_times_after_the_reading_was_taken_in() {
        let story = json!({"id": "1-2", "class": "process", "topic": "a/b", "taken_ms": 1000, "source": "mqtt", "client": "press",
            "seq": 7, "sinks": [{"sink": "file", "state": "settled", "at_ms": 1012}, {"sink": "influx", "state": "waiting"}]});
        let expected = "1-2  process  a/b\n  taken in  1000 ms  by mqtt from \"press\", record 7\n  file      +12 ms  settled \n  influx    not yet  waiting \n";
        assert_eq!(in_words(&story), expected);
    }
}
