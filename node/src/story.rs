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
    } else if story["kind"] == "command" {
        say(&of_command(&story));
    } else {
        say(&in_words(&story));
    }
    Ok(ExitCode::SUCCESS)
}

/// A reading's story, a line for each sink.
pub(crate) fn in_words(story: &Value) -> String {
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
        let when = after(sink, taken_ms);
        let _ = writeln!(out, "  {:<8}  {when}  {} {}", part("sink"), part("state"), part("reason"));
    }
    for command in story["commands"].as_array().into_iter().flatten() {
        let part = |key: &str| command[key].as_str().unwrap_or_default();
        let (when, state) = (after(command, taken_ms), part("state"));
        let _ = writeln!(
            out,
            "  command   {when}  {state} {}  by rule {}, {}",
            part("topic"),
            part("rule"),
            part("id")
        );
    }
    out
}

/// How long after `since_ms` it was settled.
fn after(of: &Value, since_ms: u64) -> String {
    let after = of["at_ms"].as_u64().map(|at_ms| at_ms.saturating_sub(since_ms));
    after.map_or_else(|| "not yet".to_owned(), |after| format!("+{after} ms"))
}

fn of_command(story: &Value) -> String {
    let text = |key: &str| story[key].as_str().unwrap_or_default();
    let due_ms = story["due_ms"].as_u64().unwrap_or_default();
    let mut out = format!("{}  command  {}  {:?}\n", text("id"), text("topic"), text("payload"));
    let cause = story["cause"].as_str().unwrap_or("the passing of time");
    let _ = writeln!(out, "  due       {due_ms} ms  by rule {}, because of {cause}", text("rule"));
    let _ = writeln!(out, "  {:<8}  {}  {}", text("state"), after(story, due_ms), text("code"));
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
