//! A real broker, a single node in KRaft mode on free loopback ports, in a folder that outlives it; or a word in the report that there
//! is none here.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const VARIABLE: &str = "TIDEGATE_TEST_KAFKA";
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The consumer ends when nothing has come for so long.
const QUIET_MS: u32 = 5000;
/// Every user's password.
pub(crate) const PASSWORD: &str = "hush";

/// What runs main classes of Kafka; without it the test announces that it is skipped, and returns.
pub(crate) fn program(test: &str) -> Option<PathBuf> {
    let found = env::var_os(VARIABLE).map(PathBuf::from);
    if found.is_none() {
        let reason =
            format!("Kafka is not here, {VARIABLE} is not set: cargo xtask services --heavy installs it");
        let file = env::var_os("TIDEGATE_TEST_SKIPS")
            .unwrap_or_else(|| panic!("{reason}; `cargo xtask test` skips this test by name without it"));
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

pub(crate) struct Kafka {
    program: PathBuf,
    folder: TempDir,
    child: Child,
    /// Anybody may write here.
    pub(crate) address: SocketAddr,
    /// Only who logs in.
    pub(crate) guarded: SocketAddr,
    /// With TLS.
    pub(crate) secure: SocketAddr,
}

/// What the consumer of Kafka's own tools read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) time_ms: u64,
    pub(crate) partition: usize,
    pub(crate) headers: String,
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Kafka {
    /// Lays out its folder, starts it and waits until it serves.
    pub(crate) async fn start(program: PathBuf) -> Kafka {
        let folder = TempDir::new().unwrap();
        let [address, guarded, secure, controller] = free_addresses();
        let keys = ["server.key", "server.pem"].map(|file| fs::read_to_string(tls(file)).unwrap());
        fs::write(folder.path().join("keys.pem"), keys.concat()).unwrap();
        let listeners =
            [("OPEN", address), ("GUARDED", guarded), ("SECURE", secure), ("CONTROLLER", controller)];
        fs::write(folder.path().join("server.properties"), properties(folder.path(), listeners)).unwrap();
        let scram = |hash: &str| format!("SCRAM-{hash}=[name=plant,password={PASSWORD}]");
        let properties = folder.path().join("server.properties").display().to_string();
        let format = ["kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", &properties];
        let logins = ["--add-scram", &scram("SHA-512"), "--add-scram", &scram("SHA-256")];
        tool(&program, &[&format[..], &logins[..]].concat());
        let child = run(&program, folder.path());
        let kafka = Kafka { program, folder, child, address, guarded, secure };
        kafka.ready().await;
        kafka
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// After a kill, with what it has on its disk.
    pub(crate) async fn restart(&mut self) {
        self.child = run(&self.program, self.folder.path());
        self.ready().await;
    }

    pub(crate) fn create(&self, topic: &str, partitions: u32, settings: &[&str]) {
        let (at, partitions) = (self.address.to_string(), partitions.to_string());
        let mut args = vec!["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", &at, "--create"];
        args.extend(["--topic", topic, "--partitions", &partitions]);
        settings.iter().for_each(|setting| args.extend(["--config", setting]));
        tool(&self.program, &args);
    }

    /// Bytes a second that a client of this id may write.
    pub(crate) fn limit(&self, client_id: &str, bytes: u32) {
        let (at, rate) = (self.address.to_string(), format!("producer_byte_rate={bytes}"));
        let args = ["kafka.admin.ConfigCommand", "--bootstrap-server", &at, "--alter", "--add-config", &rate];
        tool(
            &self.program,
            &[&args[..], &["--entity-type", "clients", "--entity-name", client_id][..]].concat(),
        );
    }

    /// Everything in a topic, by Kafka's own consumer.
    pub(crate) fn consume(&self, topic: &str) -> Vec<Consumed> {
        let (at, quiet) = (self.address.to_string(), QUIET_MS.to_string());
        let consumer = "org.apache.kafka.tools.consumer.ConsoleConsumer";
        let ask = [
            consumer,
            "--bootstrap-server",
            &at,
            "--topic",
            topic,
            "--from-beginning",
            "--timeout-ms",
            &quiet,
        ];
        let mut args = ask.map(str::to_owned).to_vec();
        for shown in ["timestamp", "partition", "headers", "key"].map(|part| format!("print.{part}=true")) {
            args.extend(["--property".to_owned(), shown]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        tool(&self.program, &args).lines().filter_map(consumed).collect()
    }

    /// Its port is there before it leads its partitions; it says so at last.
    async fn ready(&self) {
        let log = self.folder.path().join("log");
        let started = async {
            while !fs::read_to_string(&log).unwrap_or_default().contains("Kafka Server started") {
                // Another program's readiness can only be asked for again.
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(READY_WITHIN, started)
            .await
            .unwrap_or_else(|_| panic!("{}", fs::read_to_string(&log).unwrap()));
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line such as `CreateTime:5 TAB Partition:0 TAB a:1,b:2 TAB key TAB value`.
fn consumed(line: &str) -> Option<Consumed> {
    let mut parts = line.splitn(5, '\t');
    let time_ms = parts.next()?.strip_prefix("CreateTime:")?.parse().ok()?;
    let partition = parts.next()?.strip_prefix("Partition:")?.parse().ok()?;
    let mut text = || parts.next().map(str::to_owned);
    Some(Consumed { time_ms, partition, headers: text()?, key: text()?, value: text()? })
}

fn run(program: &Path, folder: &Path) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.arg("kafka.Kafka").arg(folder.join("server.properties"));
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// What a tool says on standard output; it has to end well.
fn tool(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // The consumer calls it an error that nothing more came.
    assert!(output.status.success() || said.contains("Processed a total of"), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// A file of the certificates for tests.
pub(crate) fn tls(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/tests/cases/tls").join(file)
}

/// The listener of the controllers is the last one.
fn properties(folder: &Path, listeners: [(&str, SocketAddr); 4]) -> String {
    let all = listeners.map(|(name, at)| format!("{name}://{at}"));
    let login = "org.apache.kafka.common.security";
    let at = |file: &str| folder.join(file).display().to_string();
    let lines = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        ("controller.quorum.voters", format!("1@{}", listeners[3].1)),
        ("listeners", all.join(",")),
        ("advertised.listeners", all[..3].join(",")),
        (
            "listener.security.protocol.map",
            "OPEN:PLAINTEXT,GUARDED:SASL_PLAINTEXT,SECURE:SSL,CONTROLLER:PLAINTEXT".to_owned(),
        ),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("inter.broker.listener.name", "OPEN".to_owned()),
        ("listener.name.secure.ssl.keystore.type", "PEM".to_owned()),
        ("listener.name.secure.ssl.keystore.location", at("keys.pem")),
        ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512".to_owned()),
        (
            "listener.name.guarded.plain.sasl.jaas.config",
            format!("{login}.plain.PlainLoginModule required user_plant=\"secret\";"),
        ),
        (
            "listener.name.guarded.scram-sha-256.sasl.jaas.config",
            format!("{login}.scram.ScramLoginModule required;"),
        ),
        (
            "listener.name.guarded.scram-sha-512.sasl.jaas.config",
            format!("{login}.scram.ScramLoginModule required;"),
        ),
        ("log.dirs", at("data")),
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("offsets.topic.num.partitions", "1".to_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
    ];
    lines.map(|(key, value)| format!("{key}={value}\n")).concat()
}
