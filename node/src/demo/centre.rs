//! The node behind the cable: a child that is started first, since the cable has to lead somewhere.

use crate::demo::child::{Child, Launch};
use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

/// It, and where it listens; its words go to its log.
#[derive(Debug)]
pub(super) struct Centre {
    pub(super) launch: Launch,
    pub(super) child: Child,
    pub(super) mqtt: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Centre {
    /// Resolves once it serves.
    pub(super) async fn start(launch: Launch) -> Result<Centre, Failure> {
        let (mut child, words) = launch.start_heard()?;
        let mut lines = BufReader::new(words).lines();
        let mut log = launch.log_file().map_err(|error| launch.unstarted(&error))?;
        let places = places(&mut lines, &mut log).await;
        // A log that cannot be written is no reason to let its last words meet a closed pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = writeln!(log, "{line}");
            }
        });
        match places {
            Ok((mqtt, admin)) => Ok(Centre { launch, child, mqtt, admin }),
            Err(_) => Err(launch.ended(child.wait().await)),
        }
    }
}

/// The addresses in the banner of a node, which goes to its log as all it says.
async fn places(
    lines: &mut Lines<BufReader<ChildStdout>>,
    log: &mut File,
) -> io::Result<(SocketAddr, SocketAddr)> {
    let (mut mqtt, mut admin) = (None, None);
    while let Some(line) = lines.next_line().await? {
        writeln!(log, "{line}")?;
        mqtt = mqtt.or_else(|| address(&line, "  mqtt   mqtt://"));
        admin = admin.or_else(|| address(&line, "  admin  http://"));
        if let (Some(mqtt), Some(admin)) = (mqtt, admin) {
            return Ok((mqtt, admin));
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn address(line: &str, label: &str) -> Option<SocketAddr> {
    line.strip_prefix(label)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_behind_its_label() {
        let line = "  mqtt   mqtt://127.0.0.1:1883   MQTT 5 and 3.1.1";
        assert_eq!(address(line, "  mqtt   mqtt://"), Some(SocketAddr::from(([127, 0, 0, 1], 1883))));
        assert_eq!(address(line, "  admin  http://"), None);
    }
}
