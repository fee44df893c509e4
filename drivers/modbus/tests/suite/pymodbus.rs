//! A real pymodbus server on a loopback port, which a test starts, kills and starts again; or a word in the report that there is none.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(120);

/// Two units behind a port.
const SERVER: &str = include_str!("server.py");

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The interpreter; without it the test, named by its full path, announces that it is skipped, and returns.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_PYMODBUS_PYTHON", "pymodbus", test)
}

/// Another client of Modbus; the same without it.
pub(crate) fn mbpoll(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_MBPOLL", "mbpoll", test)
}

fn counterpart(variable: &str, what: &str, test: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        let reason = format!("{what} cannot be had here, {variable} is not set");
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Server {
    /// Starts it and waits until it serves.
    pub(crate) async fn start(python: &Path, address: SocketAddr) -> Server {
        let mut command = Command::new(python);
        command.args(["-c", SERVER]).arg(address.port().to_string());
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ready = async {
            while TcpStream::connect(address).await.is_err() {
                // Another program's readiness can only be asked for again.
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("pymodbus serves");
        Server { child, address }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
