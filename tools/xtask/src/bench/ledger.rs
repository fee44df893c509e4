//! `cargo xtask bench ledger`: books of a release build, and beside them the double entry of the textbooks on a PostgreSQL that is started for
//! the run and ends with it. Also a book of ours on that same server.
//!
//! The peer is the better one of 16 and of 64 connections. The server is as Debian ships it, but for its port; it runs as a user without
//! rights, in a folder under /var/tmp, which is on a disk where /tmp may not be.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{release, rows};
use crate::services::table::{COUNTERPARTS, Counterpart};
use crate::services::{Depot, daemon, install};

const FOLDERS: &str = "/var/tmp";
const READY_WITHIN: Duration = Duration::from_secs(30);
const PEERS: &str = "ledger.postgres.";
/// What the peer stands beside.
const COMPARED: [&str; 2] = ["ledger.durable.", "ledger.gear."];

/// `passed` goes to our own scenarios.
pub fn run(root: &Path, passed: &[String]) -> Result<bool> {
    let binary = release(root)?;
    let ours = rows(Command::new(&binary).args(["bench", "ledger", "--json"]).args(passed))?;
    ours.iter().for_each(|row| println!("{row}"));
    let depot = Depot::at(root);
    let installed = install::ensure(&depot, postgresql()?)?;
    let server = Server::start(&installed.program("postgres")?, &installed.program("initdb")?)?;
    let on_server = ["bench", "ledger", "--json", "--only", "postgres", "--postgres", &server.address()];
    let theirs = rows(Command::new(&binary).args(on_server).args(["--data", FOLDERS]))?;
    theirs.iter().for_each(|row| println!("{row}"));
    let version = server.version()?;
    let is_compared = |row: &&Value| COMPARED.iter().any(|name| scenario(row).starts_with(name));
    for row in ours.iter().chain(&theirs).filter(is_compared) {
        println!("{}", beside_best(row, &theirs, &version)?);
    }
    Ok(true)
}

fn scenario(row: &Value) -> &str {
    row["scenario"].as_str().unwrap_or_default()
}

/// Our row with the peer's best rate in it.
fn beside_best(ours: &Value, theirs: &[Value], version: &str) -> Result<Value> {
    let peers = theirs.iter().filter(|row| scenario(row).starts_with(PEERS));
    let best = peers
        .filter_map(|row| row["value"].as_f64())
        .fold(None, |best: Option<f64>, value| Some(best.map_or(value, |best| best.max(value))));
    let best = best.filter(|best| *best > 0.0).context("the peer has no rate")?;
    let mut row = ours.clone();
    row["peer"] = json!(format!("{version}, double entry in SQL, best of 16 and 64 connections"));
    row["peer_value"] = json!(best);
    row["ratio"] = json!((ours["value"].as_f64().unwrap_or_default() / best * 1000.0).round() / 1000.0);
    Ok(row)
}

fn postgresql() -> Result<&'static Counterpart> {
    COUNTERPARTS.iter().find(|row| row.name == "postgresql").context("the table has no postgresql")
}

/// A server that ends, and whose folder goes, with the run.
struct Server {
    child: Child,
    folder: PathBuf,
    program: PathBuf,
    port: u16,
}

impl Server {
    fn start(program: &Path, initdb: &Path) -> Result<Server> {
        let folder = Path::new(FOLDERS).join(format!("tidegate-bench-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if let Some((user, group)) = plain_user()? {
            chown(&folder, Some(user), Some(group))?;
        }
        let (cluster, port) = (folder.join("cluster"), daemon::free_port()?);
        let made = as_plain_user(initdb)?
            .args(["--auth=trust", "--username=tidegate", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&cluster)
            .output()?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        let mut command = as_plain_user(program)?;
        command.arg("-D").arg(&cluster).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "unix_socket_directories="]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot run postgres")?;
        let server = Server { child, folder, program: program.to_owned(), port };
        server.wait_ready(&cluster)?;
        Ok(server)
    }

    /// Its own file says `ready` once it takes connections.
    fn wait_ready(&self, cluster: &Path) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < READY_WITHIN {
            let lines = fs::read_to_string(cluster.join("postmaster.pid")).unwrap_or_default();
            if lines.lines().nth(7).is_some_and(|status| status.trim() == "ready") {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bail!("postgres does not serve within {} s", READY_WITHIN.as_secs())
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// As `postgres (PostgreSQL) 15.14 (Debian ...)` says, the number alone.
    fn version(&self) -> Result<String> {
        let output = Command::new(&self.program).arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(format!("postgresql {}", text.split_whitespace().nth(2).unwrap_or_default()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, its children with it: nothing of it is kept.
        let _gone_already = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let _gone_already = self.child.wait();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} was not removed: {error}", self.folder.display());
        }
    }
}

/// PostgreSQL does not run as root: the user its package made, where this runs as root.
fn plain_user() -> Result<Option<(u32, u32)>> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line =
        users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?;
    let mut numbers = line.split(':').skip(2).filter_map(|number| number.parse().ok());
    Ok(numbers.next().zip(numbers.next()))
}

fn as_plain_user(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    if let Some((user, group)) = plain_user()? {
        command.uid(user).gid(group);
    }
    command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_beside_the_better_one_of_the_peers() {
        let theirs = [
            json!({"scenario": "ledger.postgres.c16", "value": 500.0}),
            json!({"scenario": "ledger.postgres.c64", "value": 800.0}),
            json!({"scenario": "ledger.gear.w16", "value": 9000.0}),
        ];
        let ours = json!({"scenario": "ledger.durable.w256", "value": 8000.0, "ratio": 0.7});
        let row = beside_best(&ours, &theirs, "postgresql 15").unwrap();
        assert_eq!((&row["peer_value"], &row["ratio"]), (&json!(800.0), &json!(10.0)));
        assert!(beside_best(&ours, &theirs[2..], "postgresql 15").is_err());
    }
}
