//! A real PostgreSQL on a free loopback port, in a folder of its own, as a user without rights; or a word in the report that there is none here.

use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls, Row};

const VARIABLES: [&str; 2] = ["TIDEGATE_TEST_POSTGRES", "TIDEGATE_TEST_INITDB"];
pub(crate) const PASSWORD: &str = "ebb and flow";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The programs `postgres` and `initdb`.
struct Programs {
    postgres: PathBuf,
    initdb: PathBuf,
}

pub(crate) struct Server {
    child: Option<Child>,
    folder: TempDir,
    pub(crate) port: u16,
    /// Settings beyond those of every test.
    extra: Vec<String>,
}

/// Without them the test announces that it is skipped, and returns.
fn programs(test: &str) -> Option<Programs> {
    let [postgres, initdb] = VARIABLES.map(|name| env::var_os(name).map(PathBuf::from));
    if let (Some(postgres), Some(initdb)) = (postgres, initdb) {
        return Some(Programs { postgres, initdb });
    }
    let reason = format!("PostgreSQL cannot be had here, {} is not set", VARIABLES[0]);
    let file = env::var_os("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|| panic!("{reason}; `cargo xtask test` installs it, or skips this test by name"));
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
    None
}

/// PostgreSQL does not run as root: user and group of `postgres`, or of nobody.
fn user() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    find("postgres").or_else(|| find("nobody"))
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

fn own(path: &Path) {
    if let Some((user, group)) = user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// A cluster that nothing was done with; making one takes a second, a copy of it much less.
fn template(programs: &Programs) -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres-template");
        if !place.exists() {
            let making = TempDir::new().unwrap();
            own(making.path());
            let secret = making.path().join("secret");
            fs::write(&secret, PASSWORD).unwrap();
            own(&secret);
            let cluster = making.path().join("cluster");
            let mut command = as_user(&programs.initdb);
            command.args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--username=tidegate",
                "--encoding=UTF8",
                "--locale=C",
            ]);
            command.args(["--wal-segsize=1", "--no-instructions"]).arg("--pwfile").arg(&secret).arg(&cluster);
            let made = command.output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let beside = place.with_extension(std::process::id().to_string());
            copy(&cluster, &beside);
            // Another test program may have been faster.
            if fs::rename(&beside, &place).is_err() {
                fs::remove_dir_all(&beside).unwrap();
            }
        }
        place
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    own(to);
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
            own(&target);
        }
    }
}

impl Server {
    pub(crate) async fn start(test: &str) -> Option<Server> {
        Server::with(test, &[]).await
    }

    /// One with other settings, `name=value` each.
    pub(crate) async fn with(test: &str, extra: &[String]) -> Option<Server> {
        let programs = programs(test)?;
        let folder = TempDir::new().unwrap();
        own(folder.path());
        copy(template(&programs), &folder.path().join("cluster"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server { child: None, folder, port, extra: extra.to_vec() };
        server.again().await;
        Some(server)
    }

    /// Starts it, after it was stopped, and waits until it serves.
    pub(crate) async fn again(&mut self) {
        let programs = programs("").unwrap();
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = as_user(&programs.postgres);
        command.arg("-D").arg(self.folder.path().join("cluster")).arg("-p").arg(self.port.to_string());
        let plain = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "autovacuum=off",
        ];
        for setting in plain.into_iter().chain(self.extra.iter().map(String::as_str)) {
            command.arg("-c").arg(setting);
        }
        self.child = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let serves = async {
            while self.client().await.is_none() {
                // Another program's readiness can only be asked for again.
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, serves).await.is_err() {
            panic!("{}", fs::read_to_string(self.folder.path().join("log")).unwrap());
        }
    }

    /// At once, without a word to those who are connected; it recovers at the next start.
    pub(crate) fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_raw(child.id() as i32).unwrap();
            kill_process(pid, Signal::QUIT).unwrap();
            child.wait().unwrap();
        }
    }

    /// Settings for the next start.
    pub(crate) fn set(&mut self, extra: &[String]) {
        self.extra = extra.to_vec();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn own(&self, path: &Path) {
        own(path);
    }

    pub(crate) async fn client(&self) -> Option<Client> {
        let login =
            format!("host=127.0.0.1 port={} user=tidegate password='{PASSWORD}' dbname=postgres", self.port);
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let login: tokio_postgres::Config = login.parse().unwrap();
        let (client, connection) = login.connect_raw(stream, NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// What a person at `psql` does.
    pub(crate) async fn sql(&self, text: &str) -> Vec<Row> {
        self.client().await.unwrap().query(text, &[]).await.unwrap()
    }

    pub(crate) async fn number(&self, text: &str) -> i64 {
        self.sql(text).await[0].get(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}
