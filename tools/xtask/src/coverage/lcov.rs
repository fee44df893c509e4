//! Reads LCOV's line records: for each file, how often each line ran.
//!
//! Pure. Only `SF`, `DA` and `end_of_record` are looked at; a file that stands twice is summed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// Times that each line ran, by its number.
pub type Lines = BTreeMap<usize, u64>;
/// Lines by file, as the records name it.
pub type Files = BTreeMap<String, Lines>;

pub fn read(text: &str) -> Result<Files> {
    let mut files = Files::new();
    let mut open: Option<&mut Lines> = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            open = Some(files.entry(path.to_owned()).or_default());
        } else if let Some(record) = line.strip_prefix("DA:") {
            let (number, count) = counted(record).with_context(|| format!("not a line record: {line:?}"))?;
            let lines = open.as_deref_mut().context("a line record before any file")?;
            *lines.entry(number).or_default() += count;
        } else if line == "end_of_record" {
            open = None;
        }
    }
    Ok(files)
}

/// `LINE,COUNT`, perhaps with a checksum behind.
fn counted(record: &str) -> Option<(usize, u64)> {
    let mut parts = record.split(',');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
