//! The time an image carries: `SOURCE_DATE_EPOCH`, else that of the last commit, else 1970. Never the clock's.
//!
//! <https://reproducible-builds.org/specs/source-date-epoch/>

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

const VARIABLE: &str = "SOURCE_DATE_EPOCH";
const SECONDS_OF_DAY: u64 = 86_400;

/// Seconds since 1970 that the image says it was made at.
pub fn of_source(root: &Path) -> Result<u64> {
    if let Some(value) = std::env::var_os(VARIABLE) {
        let text = value.to_string_lossy();
        return text.trim().parse().with_context(|| format!("{VARIABLE} is no number of seconds: {text:?}"));
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root).output();
    let seconds = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok());
    Ok(seconds.unwrap_or_default())
}

/// As RFC 3339 in UTC: `2026-11-22T18:57:30Z`.
pub fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / SECONDS_OF_DAY, seconds % SECONDS_OF_DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date `days` after 1970-01-01, by counting off years and months.
fn date(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
