//! `tidegate demo`: the steps of the demonstration for a terminal, each of which waits until what it does can be seen.

use crate::accounts::Accounts;
use crate::asking::ask;
use crate::banner::say;
use crate::cli::{Demo, Running};
use crate::failure::Failure;
use crate::story;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const DEMO: &str = "/api/v1/demo";
/// Longer than any step takes on a small machine.
const STEP_MAX: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Readings that wait for one sink because they have just arrived, and are no backlog.
const FRESH_MAX: u64 = 40;
/// So many that people see them wait.
const BACKLOG_MIN: u64 = 100;

pub(crate) fn run(command: &Demo) -> Result<ExitCode, Failure> {
    let text = match command {
        Demo::Show(node) => shown(&ask(node, "GET", DEMO)?, &accounts(node)?),
        Demo::Pull(node) => pull(node)?,
        Demo::Kill(node) => kill(node)?,
        Demo::Plug(node) => plug(node)?,
        Demo::Story(node) => told(node)?,
    };
    say(&text);
    Ok(ExitCode::SUCCESS)
}

fn pull(node: &Running) -> Result<String, Failure> {
    ask(node, "POST", "/api/v1/demo/cable?state=out")?;
    let accounts = when(node, "the sinks to notice", |accounts| {
        behind(accounts).all(|sink| is_red(accounts, sink) && accounts.waiting(sink) >= BACKLOG_MIN)
    })?;
    Ok(format!("the cable is out\n{}", table(&accounts)))
}

fn kill(node: &Running) -> Result<String, Failure> {
    let before = ask(node, "POST", "/api/v1/demo/kill")?["restarts"].as_u64().unwrap_or_default();
    let began = Instant::now();
    let is_back = || ask(node, "GET", DEMO).ok().filter(|status| status["restarts"].as_u64() > Some(before));
    let status = until(is_back).ok_or_else(|| unseen("the node to come back"))?;
    let (restarts, after) = (&status["restarts"], began.elapsed().as_secs_f64());
    Ok(format!("killed with SIGKILL, and back after {after:.2} s; restarts: {restarts}\n"))
}

fn plug(node: &Running) -> Result<String, Failure> {
    ask(node, "POST", "/api/v1/demo/cable?state=in")?;
    let accounts = when(node, "what waits to go out", |accounts| {
        behind(accounts).all(|sink| !is_red(accounts, sink) && accounts.waiting(sink) <= FRESH_MAX)
    })?;
    match accounts.differences() {
        0 => Ok(format!("the cable is in, and what waited has gone out\n{}", table(&accounts))),
        count => {
            let message = format!("{count} accounts do not close:\n{}", table(&accounts));
            Err(Failure::message("TG-DM-008", message, "keep the data folder and report this"))
        }
    }
}

/// The newest alarm that a reading raised and every sink has by now.
fn told(node: &Running) -> Result<String, Failure> {
    let (alarm, reading) =
        until(|| newest_told(node)).ok_or_else(|| unseen("an alarm whose reading is everywhere"))?;
    let text = |key: &str| text_of(&alarm[key]).to_owned();
    let head =
        format!("alarm {}, {}: {}\nraised by this reading:\n", text("key"), text("severity"), text("text"));
    Ok(head + &story::in_words(&reading))
}

fn newest_told(node: &Running) -> Option<(Value, Value)> {
    let listed = ask(node, "GET", "/api/v1/alarms").ok()?;
    let mut alarms = listed.as_array()?.clone();
    alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm["raised_ms"].as_u64()));
    let reading = |alarm: &Value| {
        let path = format!("/api/v1/alarms/{}/story", text_of(&alarm["key"]));
        ask(node, "GET", &path).ok().map(|told| told["story"].clone()).filter(is_everywhere)
    };
    alarms.into_iter().find_map(|alarm| reading(&alarm).map(|reading| (alarm, reading)))
}

fn is_everywhere(reading: &Value) -> bool {
    let sinks = reading["sinks"].as_array().map(Vec::as_slice).unwrap_or_default();
    !sinks.is_empty() && sinks.iter().all(|sink| sink["state"] == "settled")
}

/// Asks for the accounts until they are as wanted.
fn when(node: &Running, what: &str, wanted: impl Fn(&Accounts) -> bool) -> Result<Accounts, Failure> {
    let asked = || accounts(node).ok().filter(|accounts| wanted(accounts));
    until(asked).ok_or_else(|| unseen(what))
}

fn accounts(node: &Running) -> Result<Accounts, Failure> {
    ask(node, "GET", Accounts::PATH).map(Accounts)
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    // Nobody has the other end: receiving is waiting.
    let (_kept, nothing) = mpsc::channel::<()>();
    while began.elapsed() < STEP_MAX {
        if let Some(seen) = look() {
            return Some(seen);
        }
        let _ = nothing.recv_timeout(LOOK_AGAIN);
    }
    None
}

fn unseen(what: &str) -> Failure {
    let message = format!("waited {} s for {what}", STEP_MAX.as_secs());
    Failure::message(
        "TG-DM-007",
        message,
        "look at `tidegate demo show` and at the terminal of the demonstration",
    )
}

/// The sinks behind the cable.
fn behind(accounts: &Accounts) -> impl Iterator<Item = &str> {
    accounts.sinks().filter(|name| ["centre", "mes"].contains(name))
}

fn is_red(accounts: &Accounts, sink: &str) -> bool {
    accounts.breaker(sink) != "closed"
}

fn shown(status: &Value, accounts: &Accounts) -> String {
    let (plant, webhook) = (&status["plant"], &status["webhook"]);
    let mut text = format!("the cable is {}; restarts: {}\n", text_of(&status["cable"]), status["restarts"]);
    let _ = writeln!(
        text,
        "plant: {} devices, {} readings a second; measured {}, acknowledged {}, waiting {}, dropped {}",
        plant["devices"],
        plant["rate"],
        plant["produced"],
        plant["acked"],
        plant["waiting"],
        plant["dropped"],
    );
    let _ = writeln!(
        text,
        "webhook: {} readings arrived, {} of them twice",
        webhook["readings"], webhook["again"]
    );
    text + &table(accounts)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Each sink with where its readings are.
fn table(accounts: &Accounts) -> String {
    let mut text = format!(
        "{:<10}{:>10}{:>10}{:>10}{:>10}  breaker\n",
        "sink", "routed", "delivered", "absorbed", "waiting"
    );
    for name in accounts.sinks() {
        let [routed, delivered, absorbed] =
            ["routed", "delivered", "absorbed"].map(|key| accounts.sum(name, key));
        let (waiting, breaker) = (accounts.waiting(name), accounts.breaker(name));
        let _ = writeln!(text, "{name:<10}{routed:>10}{delivered:>10}{absorbed:>10}{waiting:>10}  {breaker}");
    }
    let count = accounts.differences();
    text + &format!("accounts that do not close: {count}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::sample;

    #[test]
    fn the_table_has_a_line_for_each_sink_and_counts_what_does_not_close() {
        let expected = "\
sink          routed delivered  absorbed   waiting  breaker
file              70        65         5         0  closed
mes               70        10         5        55  half-open
accounts that do not close: 1
";
        assert_eq!(table(&sample(3)), expected);
    }

    #[test]
    fn a_reading_is_everywhere_once_no_sink_waits_for_it() {
        let reading = |states: &[&str]| {
            let sinks: Vec<_> = states.iter().map(|state| serde_json::json!({"state": state})).collect();
            is_everywhere(&serde_json::json!({"sinks": sinks}))
        };
        assert!(reading(&["settled", "settled"]));
        assert!(!reading(&["settled", "waiting"]) && !reading(&[]) && !is_everywhere(&Value::Null));
    }

    #[test]
    fn only_sinks_behind_the_cable_are_waited_for() {
        let accounts = sample(0);
        assert_eq!(behind(&accounts).collect::<Vec<_>>(), ["mes"]);
        assert!(is_red(&accounts, "mes") && !is_red(&accounts, "file"));
    }
}
