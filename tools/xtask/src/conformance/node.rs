//! The node under judgement: `tidegate up` with an empty data folder, on free loopback ports, told what the suites need.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::dist::start::{self, READY_WITHIN};
use crate::services::daemon;

/// One topic nobody may subscribe to, and a keep-alive the server shortens to a minute, as the suites expect of a broker
/// that is set up for them. All else is at its default.
const CONFIG: &str = "\
[mqtt]
withheld = [\"test/nosubscribe\"]
keep_alive_max = \"60 s\"
";

/// Ends with the run, whatever happens to that.
pub(super) struct Node {
    running: Option<start::Node>,
    pub(super) port: u16,
}

impl Node {
    pub(super) fn start(binary: &Path, folder: &Path, config: Option<&Path>) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let port = daemon::free_port()?;
        let own = folder.join("tidegate.toml");
        fs::write(&own, CONFIG).with_context(|| format!("cannot write {}", own.display()))?;
        let mut command = Command::new(binary);
        command.args(["up", "--admin", "127.0.0.1:0", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
        command.args(["--mqtt", &format!("127.0.0.1:{port}")]);
        command.arg("--data").arg(folder.join("data")).arg("--config").arg(config.unwrap_or(&own));
        let running = start::Node::start(&mut command, READY_WITHIN).context("the node does not start")?;
        Ok(Self { running: Some(running), port })
    }

    pub(super) fn is_alive(&mut self) -> Result<bool> {
        self.running.as_mut().map_or(Ok(false), start::Node::is_alive)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.running.take().map(start::Node::stop) {
            eprintln!("the node: {error:#}");
        }
    }
}
