//! Which daemons this tool started, in `target/services/state.json`: pid, the kernel's start time of it, and port.
//!
//! A pid alone is no identity, for it is given out again; with the start time it is, until the next boot. Reading
//! `/proc` makes this Linux only, as the tests' machines are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Depot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: clock ticks between boot and the process's start.
    pub start_ticks: u64,
    pub port: u16,
}

impl Entry {
    /// The process as it is now; `None` if it has gone.
    pub fn of(pid: u32, port: u16) -> Option<Self> {
        Some(Self { pid, start_ticks: start_ticks(pid)?, port })
    }

    pub fn is_alive(&self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }
}

/// The start time of a process that still runs; a zombie has ended.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything, so count from the last bracket.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    if fields.first() == Some(&"Z") { None } else { fields.get(19)?.parse().ok() }
}

#[derive(Debug)]
pub struct State {
    file: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl State {
    pub fn load(depot: &Depot) -> Result<Self> {
        let file = depot.path("state.json");
        let mut entries = BTreeMap::new();
        if file.exists() {
            let text = std::fs::read_to_string(&file)?;
            let value: Value =
                serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?;
            for (name, row) in value.as_object().into_iter().flatten() {
                entries.extend(entry(row).map(|entry| (name.clone(), entry)));
            }
        }
        Ok(Self { file, entries })
    }

    pub fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The recorded process if it is still that process.
    pub fn live(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied().filter(Entry::is_alive)
    }

    pub fn record(&mut self, name: &str, entry: Entry) -> Result<()> {
        self.entries.insert(name.to_owned(), entry);
        self.save()
    }

    pub fn forget(&mut self, name: &str) -> Result<()> {
        self.entries.remove(name);
        self.save()
    }

    fn save(&self) -> Result<()> {
        let rows: serde_json::Map<String, Value> = self
            .entries
            .iter()
            .map(|(name, entry)| {
                let row = json!({ "pid": entry.pid, "start_ticks": entry.start_ticks, "port": entry.port });
                (name.clone(), row)
            })
            .collect();
        std::fs::write(&self.file, format!("{:#}\n", Value::Object(rows)))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn entry(row: &Value) -> Option<Entry> {
    Some(Entry {
        pid: row["pid"].as_u64()?.try_into().ok()?,
        start_ticks: row["start_ticks"].as_u64()?,
        port: row["port"].as_u64()?.try_into().ok()?,
    })
}
