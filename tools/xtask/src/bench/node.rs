//! `cargo xtask bench node`: the console of a release build as Chromium meets it on loopback, and what a CPU profile costs a node.
//!
//! `console.paint` is from the request for the page to its first contentful paint, with nothing in any cache; `console.bytes` is what
//! all files of the console weigh. Judges nothing.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::driver::Driver;
use super::{release, rows};
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
    .filter(({ name, entryType }) => entryType === 'navigation' || new URL(name).pathname.startsWith('/console/'))
    .reduce((sum, { decodedBodySize }) => sum + (decodedBodySize ?? 0), 0)";

pub fn run(root: &Path) -> Result<bool> {
    let binary = release(root)?;
    let depot = Depot::at(root);
    let installed = install::ensure(&depot, chromium()?)?;
    let (browser, driver) = (installed.program("chromium")?, installed.program("chromedriver")?);
    let scratch = Scratch::new(depot.path("bench-node"))?;
    let node = Node::start(&binary, &scratch.0.join("data"))?;
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
    println!("{paint}\n{weight}");
    drop(node);
    for row in rows(Command::new(&binary).args(["bench", "node", "--json"]))? {
        println!("{row}");
    }
    Ok(true)
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
