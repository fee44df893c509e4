//! `tidegate top`: a running node on one screen, for rooms that have nothing but SSH. Asks and prints; changes nothing.

use crate::accounts::Accounts;
use crate::asking::ask;
use crate::banner::say;
use crate::cli::{Running, Top};
use crate::failure::Failure;
use serde_json::Value;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Alarms on the screen; how many more there are is told.
const ALARMS_SHOWN: usize = 10;
/// Clears a terminal and goes to its upper left corner (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What is known of the node at one moment.
struct Look {
    at: Instant,
    accounts: Accounts,
    alarms: Value,
}

impl Look {
    fn at(node: &Running) -> Result<Look, Failure> {
        let accounts = Accounts(ask(node, "GET", Accounts::PATH)?);
        Ok(Look { at: Instant::now(), accounts, alarms: ask(node, "GET", "/api/v1/alarms")? })
    }
}

/// Until it is ended, or the node does not answer; once with `--once`.
pub(crate) fn run(options: &Top) -> Result<ExitCode, Failure> {
    let clear = if io::stdout().is_terminal() && !options.once { CLEAR } else { "" };
    let mut before = Look::at(&options.node)?;
    loop {
        pause(Duration::from_secs(u64::from(options.interval)));
        let now = Look::at(&options.node)?;
        let seconds = (now.at - before.at).as_secs_f64();
        say(&format!("{clear}{}", screen(&before, &now, seconds)));
        if options.once {
            return Ok(ExitCode::SUCCESS);
        }
        before = now;
    }
}

/// Nobody has the other end: receiving is waiting.
fn pause(time: Duration) {
    let (_kept, nothing) = mpsc::channel::<()>();
    let _ = nothing.recv_timeout(time);
}

fn screen(before: &Look, now: &Look, seconds: f64) -> String {
    let (old, new) = (&before.accounts, &now.accounts);
    let per_s = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
    let mut text = String::new();
    for key in ["received", "accepted", "quarantined", "malformed", "refused"] {
        let rate = per_s(old.admitted(key), new.admitted(key));
        let _ = writeln!(text, "{key:<12}{:>12}{rate:>12.1}/s", new.admitted(key));
    }
    let _ = writeln!(
        text,
        "\n{:<14}{:>12}{:>12}{:>12}{:>12}  breaker",
        "sink", "delivered/s", "delivered", "absorbed", "waiting"
    );
    for sink in new.sinks() {
        let [delivered, absorbed] = ["delivered", "absorbed"].map(|key| new.sum(sink, key));
        let (rate, waiting) = (per_s(old.sum(sink, "delivered"), delivered), new.waiting(sink));
        let breaker = new.breaker(sink);
        let _ = writeln!(text, "{sink:<14}{rate:>12.1}{delivered:>12}{absorbed:>12}{waiting:>12}  {breaker}");
    }
    let _ = writeln!(text, "\naccounts that do not close: {}", new.differences());
    text + &alarms(&now.alarms)
}

fn alarms(alarms: &Value) -> String {
    let all = alarms.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = format!("alarms: {}\n", all.len());
    for alarm in all.iter().take(ALARMS_SHOWN) {
        let part = |key: &str| alarm[key].as_str().unwrap_or_default();
        let _ = writeln!(text, "  {:<9}{:<15}{}", part("severity"), part("state"), part("text"));
    }
    match all.len().saturating_sub(ALARMS_SHOWN) {
        0 => text,
        more => text + &format!("  and {more} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::sample;
    use serde_json::json;

    #[test]
    fn a_screen_has_rates_sinks_and_alarms() {
        let look = |alarms| Look { at: Instant::now(), accounts: sample(0), alarms };
        let mut before = look(json!([]));
        before.accounts.0["admission"]["received"] = json!(10);
        before.accounts.0["sinks"][1]["delivered"] = json!(45);
        let now =
            look(json!([{"severity": "high", "state": "unacknowledged", "text": "reefer-07 is too warm"}]));
        let expected = "\
received              70        30.0/s
accepted              70         0.0/s
quarantined            0         0.0/s
malformed              0         0.0/s
refused                0         0.0/s

sink           delivered/s   delivered    absorbed     waiting  breaker
file                  10.0          65           5           0  closed
mes                    0.0          10           5          55  half-open

accounts that do not close: 0
alarms: 1
  high     unacknowledged reefer-07 is too warm
";
        assert_eq!(screen(&before, &now, 2.0), expected);
    }

    #[test]
    fn more_alarms_than_fit_are_counted() {
        let many: Vec<Value> =
            (0..12).map(|_| json!({"severity": "low", "state": "returned", "text": "t"})).collect();
        assert!(alarms(&Value::Array(many)).ends_with("  and 2 more\n"));
    }
}
