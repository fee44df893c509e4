//! pymodbus killed and frozen at any time, over TCP and on a serial line.

use crate::pymodbus::{address, python, relay, server};
use crate::shared::counterpart::free_port;
use crate::shared::siege::{At, Target, besiege};
use tempfile::TempDir;
use tidegate_driver_modbus::Modbus;

const TAGS: [&str; 2] = ["40001", "40011:INT32"];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts() {
    let test = "siege::a_server_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts";
    let Some(python) = python(test) else { return };
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let taken = folder.path().join("taken");
    let start = || server(&python, port, Some(&taken));
    let address = format!("tcp://127.0.0.1:{port}/1");
    besiege(Modbus, &Target { address, tags: TAGS, at: At::Port(port), start: &start, taken: &taken }, 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts() {
    let test = "siege::a_line_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts";
    let Some(python) = python(test) else { return };
    let folder = TempDir::new().unwrap();
    let [path, taken] = ["ttyUSB0", "taken"].map(|name| folder.path().join(name));
    let start = || relay(&python, &path, Some(&taken));
    let address = address(&path, 1);
    besiege(Modbus, &Target { address, tags: TAGS, at: At::Link(&path), start: &start, taken: &taken }, 2)
        .await;
}
