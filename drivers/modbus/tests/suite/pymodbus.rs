//! Units of pymodbus, behind a loopback port or on a serial line that is broken on purpose; or a word in the report that there are none.

use crate::shared::counterpart::{Counterpart, found};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tidegate_driver_modbus::{Modbus, Place};
use tidegate_service_plant::Driver;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/server.py");
const LINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/line.py");

/// The interpreter; without it the test, named by its full path, announces that it is skipped, and returns.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    found("TIDEGATE_TEST_PYMODBUS_PYTHON", "pymodbus", test)
}

/// Another client of Modbus; the same without it.
pub(crate) fn mbpoll(test: &str) -> Option<PathBuf> {
    found("TIDEGATE_TEST_MBPOLL", "mbpoll", test)
}

/// The units 1 and 2 behind this port. With a file, register 11 outlives them.
pub(crate) fn server(python: &Path, port: u16, kept: Option<&Path>) -> Counterpart {
    let mut command = Command::new(python);
    Counterpart::start(command.arg(SERVER).arg(port.to_string()).args(kept)).0
}

pub(crate) fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A line with the units 1 and 2 on it.
pub(crate) struct Line {
    relay: Counterpart,
    pub(crate) path: PathBuf,
    _folder: TempDir,
}

impl Line {
    pub(crate) fn start(python: &Path) -> Line {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ttyUSB0");
        Line { relay: relay(python, &path, None), path, _folder: folder }
    }

    /// Has the relay do this, now or to the next answer.
    pub(crate) fn order(&mut self, order: &str) {
        assert_eq!(self.relay.order(order), order);
    }

    pub(crate) fn address(&self, unit: u8) -> String {
        address(&self.path, unit)
    }

    pub(crate) fn place(&self, unit: u8) -> Place {
        Modbus.place(&self.address(unit)).unwrap()
    }
}

/// The line behind this link alone.
pub(crate) fn relay(python: &Path, path: &Path, kept: Option<&Path>) -> Counterpart {
    let mut command = Command::new(python);
    Counterpart::start(command.arg(LINE).arg(path).args(kept)).0
}

pub(crate) fn address(path: &Path, unit: u8) -> String {
    format!("rtu://{}/{unit}?baud=115200", path.display())
}
