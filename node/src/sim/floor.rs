//! `tidegate sim plant --devices N`: simulated PLCs that are asked, each on a port of its own, and the configuration of a node that
//! asks them.

mod image;
mod machine;
mod modbus;
mod opcua;
mod piece;
mod s7;
mod serving;

pub(crate) use image::{Image, Kind, Life, Variable};
pub(crate) use piece::text as piece;
pub(crate) use serving::{Floor, Manner, Plc};

use crate::banner::say;
use crate::cli::{Plcs, Protocol};
use crate::demo::end_with_stdin;
use crate::failure::Failure;
use crate::open_files;
use crate::signals::Stops;
use crate::sim::signal::mix;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// How a file begins that was written here, and may be written again.
const HEAD: &str = "# Written by `tidegate sim plant`: the devices it serves.\n";

pub(super) fn run(options: &Plcs, devices: usize, ends_with_stdin: bool) -> Result<ExitCode, Failure> {
    open_files::raise();
    let unstarted = |error: io::Error| {
        let message = format!("the simulated PLCs could not start: {error}");
        Failure::message("TG-ND-006", message, "look at the limits and permissions of the process")
    };
    if ends_with_stdin {
        end_with_stdin().map_err(unstarted)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unstarted)?;
    runtime.block_on(async { work(options, devices, Stops::listen().map_err(unstarted)?).await })
}

async fn work(options: &Plcs, devices: usize, mut stops: Stops) -> Result<ExitCode, Failure> {
    let floor = Floor::open(plcs(options, devices), options.listen).await.map_err(|error| {
        let message = format!("a simulated PLC cannot listen: {error}");
        Failure::message(
            "TG-ND-007",
            message,
            "choose another --listen, fewer --devices, or let more files be open",
        )
    })?;
    let text = format!("{HEAD}{}", piece(&floor.plcs));
    match &options.config {
        Some(file) => write(file, &text)?,
        None => say(&text),
    }
    eprintln!("{devices} simulated PLCs are served; stop them with Ctrl-C");
    stops.next().await;
    let (requests, connections) = (floor.counts.requests(), floor.counts.connections());
    eprintln!("asked {requests} times over {connections} connections");
    Ok(ExitCode::SUCCESS)
}

/// The protocols in turn.
fn plcs(options: &Plcs, devices: usize) -> Vec<Plc> {
    let protocols = if options.protocol.is_empty() { &Protocol::ALL[..] } else { &options.protocol };
    let dead = if options.absent { Manner::Absent } else { Manner::Silent };
    let alive = if options.close_each { Manner::ClosesEach } else { Manner::Answers };
    let is_dead = dead_ones(options.seed, devices, options.dead_percent.into());
    let manners = is_dead.into_iter().map(|is_dead| if is_dead { dead } else { alive });
    machines(protocols, manners, options.seed)
}

/// So many PLCs in front of machines as there are manners, the protocols in turn.
pub(crate) fn machines(protocols: &[Protocol], manners: impl Iterator<Item = Manner>, seed: u64) -> Vec<Plc> {
    let began = Instant::now();
    let each = (seed..).zip(protocols.iter().cycle()).zip(manners);
    let plc = |((seed, protocol), manner): ((u64, &Protocol), Manner)| Plc {
        protocol: *protocol,
        image: machine::image(mix(seed), began),
        manner,
    };
    each.map(plc).collect()
}

/// As many as were asked for, rounded down, in places that only the seed decides.
fn dead_ones(seed: u64, devices: usize, percent: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..devices).collect();
    order.sort_by_key(|device| mix(seed ^ mix(*device as u64)));
    let mut dead = vec![false; devices];
    order[..devices * percent / 100].iter().for_each(|device| dead[*device] = true);
    dead
}

/// A file that somebody else wrote stays as it is.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed =
        |what: String, hint| Failure::message("TG-ND-008", format!("{}: {what}", file.display()), hint);
    match fs::read_to_string(file) {
        Ok(found) if !found.starts_with(HEAD) => {
            return Err(failed(
                "is there, and was not written by `tidegate sim plant`".to_owned(),
                "name another file, and copy into yours what you want of it",
            ));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed(format!("could not be read: {error}"), "look at its path and permissions"));
        }
        _ => {}
    }
    fs::write(file, text)
        .map_err(|error| failed(format!("could not be written: {error}"), "look at its path and permissions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_dead_as_was_asked_for_and_the_same_ones_again() {
        let dead = |seed, percent| dead_ones(seed, 500, percent);
        let many = |percent| dead(1, percent).iter().filter(|dead| **dead).count();
        assert_eq!((many(0), many(10), many(100)), (0, 50, 500));
        assert_eq!(dead(1, 10), dead(1, 10));
        assert_ne!(dead(1, 10), dead(2, 10));
    }

    #[test]
    fn a_file_of_its_own_is_written_again_and_another_ones_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (dir.path().join("own.toml"), dir.path().join("other.toml"));
        write(&own, &format!("{HEAD}# one\n")).unwrap();
        write(&own, &format!("{HEAD}# two\n")).unwrap();
        assert_eq!(fs::read_to_string(&own).unwrap(), format!("{HEAD}# two\n"));
        fs::write(&other, "[ingest]\n").unwrap();
        assert_eq!(write(&other, HEAD).unwrap_err().code(), "TG-ND-008");
        assert_eq!(fs::read_to_string(&other).unwrap(), "[ingest]\n");
    }
}
