//! NUT's own upsd and its dummy-ups, in a folder of their own, or a word in the report that there are none here.

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const VARIABLES: [&str; 3] = ["TIDEGATE_TEST_UPSD", "TIDEGATE_TEST_DUMMY_UPS", "TIDEGATE_TEST_UPSC"];
pub(crate) const PASSWORD: &str = "ebb & \"flow\\";

const UPS: &str = "\
ups.status: OL CHRG
ups.mfr: \"The \\\"best\\\" \\\\ of all\"
battery.runtime: 1830
battery.charge: 87.5
";
const USERS: &str = "\
[tidegate]
password = \"ebb & \\\"flow\\\\\"
actions = SET
";

/// Killed when it is dropped, as one that loses its power.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Nut {
    programs: [OsString; 3],
    folder: TempDir,
    pub(crate) port: u16,
}

impl Nut {
    /// Nothing runs yet. Without the programs the test announces that it is skipped, and returns.
    pub(crate) fn new(test: &str) -> Option<Nut> {
        let programs = programs(test)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        // Where they are started by root they go on as nobody, who has to be able to write there.
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let listen = format!("LISTEN 127.0.0.1 {port}\n");
        let ups = "[dummy]\ndriver = dummy-ups\nport = dummy.dev\n";
        for (name, text) in
            [("ups.conf", ups), ("upsd.conf", &listen), ("upsd.users", USERS), ("dummy.dev", UPS)]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Some(Nut { programs, folder, port })
    }

    pub(crate) fn server(&self) -> Running {
        self.run(0, &["-F", "-u", "nobody"])
    }

    pub(crate) fn ups(&self) -> Running {
        self.run(1, &["-a", "dummy", "-F", "-u", "nobody"])
    }

    fn run(&self, program: usize, arguments: &[&str]) -> Running {
        let mut command = Command::new(&self.programs[program]);
        command
            .args(arguments)
            .env("NUT_CONFPATH", self.folder.path())
            .env("NUT_STATEPATH", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// The value as NUT's own client reads it.
    pub(crate) fn upsc(&self, variable: &str) -> String {
        let ups = format!("dummy@127.0.0.1:{}", self.port);
        let output = Command::new(&self.programs[2]).args([&ups, variable]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

fn programs(test: &str) -> Option<[OsString; 3]> {
    let programs = VARIABLES.map(env::var_os);
    if let [Some(upsd), Some(ups), Some(upsc)] = programs {
        return Some([upsd, ups, upsc]);
    }
    let reason = format!("NUT cannot be had here, {} is not set", VARIABLES[0]);
    let file = env::var_os("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|| panic!("{reason}; `cargo xtask test` installs it, or skips this test by name"));
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(format!("SKIP upsd::{test}: {reason}\n").as_bytes()).unwrap();
    None
}
