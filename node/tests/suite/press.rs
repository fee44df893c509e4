//! A site with a press in its model and a rule about it.

use crate::process::{Node, command};
use std::fs;
use tempfile::TempDir;

pub(crate) const PRESS: &str = r#"
[ingest.templates.press.tags.temp]
unit = "°C"
[ingest.devices.presses]
topic = "line/+/data"
template = "press"
[ingest.rules.hot]
when = "press-7.temp > 80"
alarm = "press 7 is too hot"
severity = "high"
"#;

/// A node with this configuration, its data and file in `dir`.
pub(crate) fn start(dir: &TempDir, text: &str) -> Node {
    let (file, data) = (dir.path().join("site.toml"), dir.path().join("data"));
    fs::write(&file, text).unwrap();
    let mut command = command(&data);
    command.arg("--config").arg(file);
    Node::start_with(command, &data)
}
