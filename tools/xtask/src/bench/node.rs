//! `cargo xtask bench node`: a release build's memory, its console as Chromium meets it on loopback, what others feel of a capability that
//! panics in a loop, and what a CPU profile costs.
//!
//! `console.paint` is from the request for the page to its first contentful paint, with nothing in any cache; `console.bytes` is what
//! all files of the console weigh. The other rows are the product's own (`tidegate bench node`). Panics can be planted in a build with the
//! feature `faults` alone, so `node.panic` is measured with such a one, which is built first and kept apart. Judges nothing.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::driver::Driver;
use super::{release, release_with, rows};
use crate::services::table::{COUNTERPARTS, Counterpart};
use crate::services::{Depot, install};

/// First paints, of which the median is told.
const PAINTS: usize = 7;
const PAINT: &str = "new Promise((done) => {
    const look = () => {
        const [paint] = performance.getEntriesByName('first-contentful-paint');
        if (paint) done(paint.startTime);
        else setTimeout(look, 20);
    };
    look();
})";
const BYTES: &str = "performance.getEntries()
    .filter(({ name, entryType }) => entryType === 'navigation'
        || entryType === 'resource' && new URL(name).pathname.startsWith('/console/'))
    .reduce((sum, { decodedBodySize }) => sum + (decodedBodySize ?? 0), 0)";

pub fn run(root: &Path) -> Result<bool> {
    let depot = Depot::at(root);
    let scratch = Scratch::new(depot.path("bench-node"))?;
    let faulty = scratch.0.join("tidegate-with-faults");
    // Moved, so that nobody finds it in the place of the product.
    fs::rename(release_with(root, &["--features", "tidegate/faults"])?, &faulty)?;
    let binary = release(root)?;
    let measured = own(&binary, "rss")?;
    let machine = measured.first().map_or(Value::Null, |row| row["machine"].clone());
    for row in console(&depot, &scratch, &binary)? {
        println!("{}", stamped(row, &machine));
    }
    own(&faulty, "panic")?;
    own(&binary, "profile")?;
    Ok(true)
}

/// One of the product's own scenarios, printed.
fn own(binary: &Path, scenario: &str) -> Result<Vec<Value>> {
    let rows = rows(Command::new(binary).args(["bench", "node", "--json", "--only", scenario]))?;
    rows.iter().for_each(|row| println!("{row}"));
    Ok(rows)
}

/// With what every row of the product says.
fn stamped(mut row: Value, machine: &Value) -> Value {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
    row["machine"] = machine.clone();
    row["loadavg"] = json!(load);
    row["command"] = json!("cargo xtask bench node --json");
    row
}

fn console(depot: &Depot, scratch: &Scratch, binary: &Path) -> Result<[Value; 2]> {
    let installed = install::ensure(depot, chromium()?)?;
    let (browser, driver) = (installed.program("chromium")?, installed.program("chromedriver")?);
    let node = Node::start(binary, &scratch.0.join("data"))?;
    let driver = Driver::start(&driver)?;
    let (mut paints, mut bytes) = (Vec::new(), Value::Null);
    for turn in 0..PAINTS {
        let session = driver.open(&browser, &scratch.0.join(format!("profile-{turn}")))?;
        session.go(&node.url)?;
        paints.push(session.value(PAINT)?.as_f64().context("Chromium tells no first paint")?);
        bytes = session.value(BYTES)?;
        session.end()?;
    }
    paints.sort_by(f64::total_cmp);
    let load = format!("Chromium with an empty profile on loopback, a node at rest; median of {PAINTS}");
    let paint = json!({"scenario": "console.paint", "metric": "time", "unit": "ms", "value": paints[PAINTS / 2],
        "max": paints[PAINTS - 1], "load": load});
    let weight = json!({"scenario": "console.bytes", "metric": "size", "unit": "B", "value": bytes,
        "load": "all files of the console, as they are"});
    Ok([paint, weight])
}

fn chromium() -> Result<&'static Counterpart> {
    COUNTERPARTS.iter().find(|row| row.name == "chromium").context("the table has no chromium")
}

/// A folder that goes with the run.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: PathBuf) -> Result<Scratch> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} was not removed: {error}", self.0.display());
        }
    }
}

/// A node that runs. Dropping it kills it.
struct Node {
    child: Child,
    /// Of its console.
    url: String,
}

impl Node {
    fn start(binary: &Path, data: &Path) -> Result<Node> {
        let mut command = Command::new(binary);
        command.arg("up").arg("--data").arg(data);
        for listener in ["--mqtt", "--http", "--grpc", "--admin"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().context("the node has no standard output")?;
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let url = lines.find_map(|line| {
            let address = line.trim_start().strip_prefix("admin")?;
            Some(address.split_whitespace().next()?.to_owned())
        });
        // Its later words go nowhere, and must not meet a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        match url {
            Some(url) => Ok(Node { child, url: format!("{url}/") }),
            None => {
                child.wait()?;
                bail!("the node ended before it listened")
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_console_says_where_and_how_it_was_measured() {
        let row = stamped(json!({"scenario": "console.bytes", "value": 1}), &json!("2 x K"));
        assert_eq!((&row["machine"], &row["value"]), (&json!("2 x K"), &json!(1)));
        assert!(row["loadavg"].is_f64() && row["command"] == "cargo xtask bench node --json");
    }
}
