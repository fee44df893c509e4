//! The configuration files of both nodes, written anew at each start since their ports may be others.

use crate::cli::Protocol;
use crate::failure::Failure;
use crate::sim;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

const HEAD: &str = "# Written by `tidegate up --demo` at each start.\n";
/// What goes wrong behind the cable is tried again soon, for somebody is watching.
const IMPATIENCE: &str = "breaker_open = \"500 ms\"\nretry_cap = \"1 s\"\n";
const QUOTA: &str = "[queues]\nkeep_bytes = \"64 MiB\"\nbytes_max = \"256 MiB\"\n";

/// Where the near ends of the cable are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sinks {
    pub(super) webhook: SocketAddr,
    pub(super) mqtt: SocketAddr,
}

pub(super) fn write_edge(
    folder: &Path,
    sinks: Sinks,
    plcs: &[(Protocol, SocketAddr)],
) -> Result<(), Failure> {
    write(folder, &edge_text(sinks, plcs))
}

pub(super) fn write_centre(folder: &Path) -> Result<(), Failure> {
    write(folder, &format!("{HEAD}{QUOTA}"))
}

fn write(folder: &Path, text: &str) -> Result<(), Failure> {
    let unwritten = |error: io::Error| {
        let message = format!("could not write the configuration of the demonstration: {error}");
        Failure::message("TG-DM-002", message, "name another folder with --data DIR")
    };
    fs::write(folder.join("tidegate.toml"), text).map_err(unwritten)
}

fn edge_text(Sinks { webhook, mqtt }: Sinks, plcs: &[(Protocol, SocketAddr)]) -> String {
    let (model, plcs) = (sim::model(IMPATIENCE), sim::floor::piece(plcs));
    format!(
        "{HEAD}{QUOTA}\n{model}\n# PLCs that the node asks.{plcs}\n# Two sinks behind the cable.\n[ingest.webhook.mes]\nurl = \"http://{webhook}/readings\"\n\n\
         [ingest.mqtt_out.centre]\nurl = \"mqtt://{mqtt}\"\nclient_id = \"tidegate-demo\"\nprefix = \"site-3/\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    #[test]
    fn both_files_are_sound() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let dir = tempfile::tempdir().unwrap();
        let (edge, centre) = (dir.path().join("edge"), dir.path().join("centre"));
        for folder in [&edge, &centre] {
            fs::create_dir(folder).unwrap();
        }
        let plcs = Protocol::ALL.map(|protocol| (protocol, address));
        write_edge(&edge, Sinks { webhook: address, mqtt: address }, &plcs).unwrap();
        write_centre(&centre).unwrap();
        for folder in [edge, centre] {
            let text = fs::read(folder.join("tidegate.toml")).unwrap();
            let source = Source { file: Some(&text), overrides: &[], secrets: &|_| Err(String::new()) };
            settings::read(&source).unwrap_or_else(|faults| panic!("{}", faults.report("demo")));
        }
    }
}
