//! A host that is well, and what is found once one thing about it is not.

use super::bundle::value;
use super::case::{Case, Setup};
use super::catalog::CATALOG;
use super::finding::{Finding, Language, summary};
use super::host::{Host, Meta, Space};
use super::{findings, report};
#[path = "../../tests/suite/snapshot.rs"]
mod snapshot;
use crate::settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tidegate_kernel_plug::config::Source;

const NOW_S: u64 = 1_795_341_600;
const DAY_S: u64 = 86_400;
const DATA: &str = "/var/lib/tidegate";

/// A host as it was recorded.
#[derive(Clone)]
struct Recorded {
    files: BTreeMap<PathBuf, String>,
    metas: BTreeMap<PathBuf, Meta>,
    entries: BTreeMap<String, u64>,
    space: Space,
    open_files: Option<u64>,
    core_bytes: Option<u64>,
    uid: u32,
    now_s: u64,
    last_record_s: Option<u64>,
    dumps: Vec<String>,
    setup: Result<Setup, String>,
}

impl Host for Recorded {
    fn read(&self, path: &Path) -> Option<String> {
        self.files.get(path).cloned()
    }

    fn meta(&self, path: &Path) -> Option<Meta> {
        self.metas.get(path).copied()
    }

    fn entries(&self, folder: &str) -> Option<u64> {
        self.entries.get(folder).copied()
    }

    fn space(&self, _: &Path) -> Option<Space> {
        Some(self.space)
    }

    fn open_files(&self) -> Option<u64> {
        self.open_files
    }

    fn core_bytes(&self) -> Option<u64> {
        self.core_bytes
    }

    fn uid(&self) -> u32 {
        self.uid
    }

    fn now_s(&self) -> u64 {
        self.now_s
    }

    fn last_record_s(&self, _: &Path) -> Option<u64> {
        self.last_record_s
    }

    fn dumps(&self, _: &Path) -> Vec<String> {
        self.dumps.clone()
    }
}

impl Recorded {
    fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.into(), text.to_owned());
    }

    fn mode(&mut self, path: &str, mode: u32) {
        self.metas.insert(path.into(), Meta { mode, uid: 990, modified_s: NOW_S });
    }

    fn setup(&mut self) -> &mut Setup {
        self.setup.as_mut().expect("the configuration is well")
    }
}

/// A node of two cores and 4 GiB with Kylin V10's successor, started by its unit, with a certificate and a token for neighbours.
fn healthy() -> Recorded {
    let text = "[identity]\nanonymous = \"never\"\n";
    let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &|_| Err(String::new()) };
    let (values, _) = settings::read(&source).expect("the configuration is well");
    let setup = Setup { data: DATA.into(), ..Setup::of(&values, Some("/etc/tidegate.toml".into())) };
    let mut host = Recorded {
        files: BTreeMap::new(),
        metas: BTreeMap::new(),
        entries: BTreeMap::new(),
        space: Space { bytes: 64 << 30, free_bytes: 40 << 30, files: 4_000_000, free_files: 3_900_000 },
        open_files: Some(1_048_576),
        core_bytes: Some(0),
        uid: 990,
        now_s: NOW_S,
        last_record_s: Some(NOW_S - 5),
        dumps: Vec::new(),
        setup: Ok(setup),
    };
    for (path, text) in [
        ("/sys/class/rtc/rtc0/since_epoch", "1795341599\n"),
        ("/proc/sys/kernel/osrelease", "5.10.0-60.18.0.50.oe2203.x86_64\n"),
        ("/proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
        ("/proc/self/cgroup", "0::/system.slice/tidegate.service\n"),
        ("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "1073741824\n"),
        ("/sys/fs/cgroup/system.slice/tidegate.service/cpu.max", "max 100000\n"),
        (
            "/proc/self/mountinfo",
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / /var rw,noatime - xfs /dev/sda2 rw\n",
        ),
        ("/sys/dev/block/8:2/stat", "100 0 800 50 900 10 7200 90 0 100 140 0 0 0 0 500 900\n"),
        (
            "/proc/net/tcp",
            "  sl  local_address rem_address   st\n   0: 0100007F:0CEA 00000000:0000 0A 0 0 0 0 0\n",
        ),
        ("/proc/sys/kernel/randomize_va_space", "2\n"),
        ("/proc/sys/kernel/core_pattern", "core\n"),
    ] {
        host.put(path, text);
    }
    host.mode(DATA, 0o40700);
    host.mode("/etc/tidegate.toml", 0o100600);
    host.mode("/var/lib/tidegate/lan/token.sha256", 0o100600);
    host
}

fn examined(host: &Recorded) -> Vec<Finding> {
    findings(&Case { host, setup: host.setup.clone() }, true)
}

fn codes(host: &Recorded) -> Vec<&'static str> {
    examined(host).iter().map(|finding| finding.code).collect()
}

fn certificate(host: &mut Recorded, name: &str) {
    let path = format!("{}/tests/cases/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    host.put("/var/lib/tidegate/lan/certificate.pem", &std::fs::read_to_string(path).unwrap());
}

#[test]
fn a_host_that_is_well_has_no_findings() {
    assert_eq!(examined(&healthy()), []);
}

type Plant = fn(&mut Recorded);

/// One fault each.
const PLANTED: &[(&str, Plant)] = &[
    ("TG-DR-001", |host| host.open_files = Some(1024)),
    ("TG-DR-002", |host| {
        (host.now_s, host.last_record_s) = (946_684_800, None);
        host.put("/sys/class/rtc/rtc0/since_epoch", "946684800");
        host.metas.remove(Path::new("/var/lib/tidegate/lan/token.sha256"));
    }),
    ("TG-DR-003", |host| host.put("/sys/class/rtc/rtc0/since_epoch", "1795000000")),
    ("TG-DR-004", |host| host.last_record_s = Some(NOW_S + 3600)),
    ("TG-DR-005", |host| host.put("/proc/sys/kernel/osrelease", "3.10.0-1160.el7.x86_64")),
    ("TG-DR-006", |host| _ = host.files.remove(Path::new("/proc/pressure/memory"))),
    ("TG-DR-007", |host| host.put("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "134217728")),
    ("TG-DR-007", |host| {
        host.put("/proc/self/cgroup", "4:memory:/docker/1\n1:cpu:/docker/1");
        host.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728");
    }),
    ("TG-DR-008", |host| host.put("/sys/fs/cgroup/system.slice/tidegate.service/cpu.max", "50000 100000")),
    ("TG-DR-008", |host| {
        host.put("/proc/self/cgroup", "1:cpu:/docker/1");
        host.put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000");
        host.put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    }),
    ("TG-DR-009", |host| host.space.free_bytes = 512 << 20),
    ("TG-DR-010", |host| host.space.free_files = 1000),
    ("TG-DR-011", |host| host.setup().queue_bytes_max = 128 << 30),
    ("TG-DR-012", |host| {
        host.put("/proc/self/mountinfo", "30 22 0:40 / /var rw - nfs4 10.0.0.2:/var rw");
    }),
    ("TG-DR-013", |host| {
        host.put("/sys/dev/block/8:2/stat", "100 0 800 50 900 10 7200 90 0 100 140 0 0 0 0 500 40000");
    }),
    ("TG-DR-014", |host| host.setup = Err("f:1:1: nothing".to_owned())),
    ("TG-DR-015", |host| host.put("/proc/net/tcp", "sl\n0: 00000000:075B 00000000:0000 0A 0 0")),
    ("TG-DR-015", |host| {
        host.put("/proc/net/tcp6", "sl\n0: 00000000000000000000000000000000:075B 0:0 0A 0 0");
    }),
    ("TG-DR-016", |host| certificate(host, "expired.pem")),
    ("TG-DR-018", |host| host.uid = 1000),
    ("TG-DR-019", |host| host.setup().drain_s = 0),
    ("TG-DR-020", |host| host.setup().telemetry = vec!["#".to_owned()]),
    ("TG-DR-021", |host| host.uid = 0),
    ("TG-DR-022", |host| host.core_bytes = None),
    ("TG-DR-023", |host| host.put("/proc/sys/kernel/randomize_va_space", "0")),
    ("TG-DR-024", |host| host.mode(DATA, 0o40755)),
    ("TG-DR-025", |host| {
        host.setup().key = Some("/etc/key.pem".into());
        host.mode("/etc/key.pem", 0o100644);
    }),
    ("TG-DR-026", |host| host.mode("/etc/tidegate.toml", 0o100640)),
    ("TG-DR-027", |host| host.setup().doors[0].address = "0.0.0.0:7300".parse().unwrap()),
    ("TG-DR-028", |host| host.setup().anonymous = "loopback".to_owned()),
    ("TG-DR-029", |host| {
        let meta = Meta { mode: 0o100600, uid: 990, modified_s: NOW_S - 400 * DAY_S };
        host.metas.insert("/var/lib/tidegate/lan/token.sha256".into(), meta);
    }),
    ("TG-DR-030", |host| _ = running(host).entries.insert("/proc/77/fd".into(), 240_000)),
    ("TG-DR-031", |host| {
        host.put("/proc/self/limits", "Max file size             67108864  67108864  bytes\n")
    }),
    ("TG-DR-031", |host| {
        running(host).put("/proc/77/limits", "Max file size             67108864  unlimited  bytes\n");
    }),
    ("TG-DR-032", |host| running(host).put("/proc/77/status", "Name:\ttidegate\nVmRSS:\t  900000 kB\n")),
    // The group is that of the node, not that of whoever asks.
    ("TG-DR-007", |host| {
        running(host).put("/proc/self/cgroup", "0::/user.slice\n");
        host.put("/sys/fs/cgroup/user.slice/memory.max", "max");
        host.put("/sys/fs/cgroup/system.slice/tidegate.service/memory.max", "134217728");
    }),
    ("TG-DR-033", |host| {
        let stat = "usage_usec 9\nnr_periods 1000\nnr_throttled 150\nthrottled_usec 7\n";
        host.put("/sys/fs/cgroup/system.slice/tidegate.service/cpu.stat", stat);
    }),
    ("TG-DR-034", |host| {
        host.put("/sys/fs/cgroup/system.slice/tidegate.service/pids.max", "64");
        host.put("/sys/fs/cgroup/system.slice/tidegate.service/pids.current", "60");
    }),
    ("TG-DR-035", |host| host.dumps = vec!["20261126T141500Z-cpu".to_owned()]),
];

/// With the node of its folder at work.
fn running(host: &mut Recorded) -> &mut Recorded {
    host.put("/var/lib/tidegate/LOCK", "77\n");
    host.put("/proc/77/comm", "tidegate\n");
    host.put("/proc/77/cgroup", "0::/system.slice/tidegate.service\n");
    let limits = "Limit   Soft Limit   Hard Limit   Units\nMax open files            262144               262144               files\n\
                  Max file size             unlimited            unlimited            bytes\n";
    host.put("/proc/77/limits", limits);
    host.put("/proc/77/status", "VmRSS:\t  30000 kB\n");
    host.entries.insert("/proc/77/fd".into(), 70);
    host
}

#[test]
fn each_planted_fault_is_found_and_nothing_else_is() {
    for (code, plant) in PLANTED {
        let mut host = healthy();
        plant(&mut host);
        assert_eq!(codes(&host), [*code]);
    }
}

#[test]
fn reports_are_as_they_were() {
    let mut text = report(&examined(&healthy()), Language::English);
    for (_, plant) in PLANTED {
        let mut host = healthy();
        plant(&mut host);
        let found = examined(&host);
        text += &report(&found, Language::English);
        text += &report(&found, Language::Chinese);
        text += &found.iter().map(|finding| finding.json() + "\n").collect::<String>();
    }
    snapshot::compare("doctor.txt", &text);
}

#[test]
fn a_certificate_in_its_last_thirty_days_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let lan = crate::lan::Lan::open(dir.path()).unwrap();
    drop(lan);
    let pem = std::fs::read_to_string(dir.path().join("lan/certificate.pem")).unwrap();
    let mut host = healthy();
    host.put("/var/lib/tidegate/lan/certificate.pem", &pem);
    host.now_s = super::host::Machine.now_s();
    let late = |days: u64| {
        let mut late = host.clone();
        late.now_s += days * DAY_S;
        let found = codes(&late);
        found.into_iter().filter(|code| matches!(*code, "TG-DR-016" | "TG-DR-017")).collect::<Vec<_>>()
    };
    assert_eq!([late(700), late(800), late(900)], [vec![], vec!["TG-DR-017"], vec!["TG-DR-016"]]);
}

#[test]
fn every_code_of_the_catalogue_is_planted_once_at_least_and_is_sorted() {
    let planted: Vec<_> = PLANTED.iter().map(|(code, _)| *code).chain(["TG-DR-017"]).collect();
    assert!(CATALOG.iter().all(|entry| planted.contains(&entry.code)));
    assert!(CATALOG.is_sorted_by_key(|entry| entry.code));
}

#[test]
fn ports_of_a_node_that_runs_are_its_own() {
    let mut host = healthy();
    host.put("/proc/net/tcp", "sl\n0: 0100007F:075B 00000000:0000 0A 0 0");
    host.put("/var/lib/tidegate/LOCK", "77\n");
    host.put("/proc/77/comm", "tidegate\n");
    assert_eq!(codes(&host), [""; 0]);
}

#[test]
fn this_machine_is_examined_to_the_end_and_every_finding_is_explained() {
    let host = super::host::Machine;
    let found = findings(&Case { host: &host, setup: healthy().setup }, true);
    for language in [Language::English, Language::Chinese] {
        let text = report(&found, language);
        assert!(text.ends_with(&summary(&found, language)));
    }
    assert!(found.iter().all(|finding| !finding.evidence.is_empty()));
}

#[test]
fn a_report_is_in_the_language_of_the_person() {
    let mut host = healthy();
    host.open_files = Some(1024);
    let found = examined(&host);
    let english = "\
warning[TG-DR-001]: fewer files may be open than connections are allowed
  RLIMIT_NOFILE = 1024; mqtt.connections_max + 64 = 10064
  hint: raise LimitNOFILE of the unit or the hard limit, or allow fewer connections
0 errors, 1 warnings, 0 notes; more on each: tidegate explain CODE
";
    assert_eq!(report(&found, Language::English).replace(&needed(&host), "10064"), english);
    assert!(
        report(&found, Language::Chinese).starts_with("警告[TG-DR-001]: 可打开的文件数少于允许的连接数\n")
    );
    let of = |value: &'static str| Language::of(move |name| (name == "LANG").then(|| value.to_owned()));
    assert_eq!(
        [of("zh_CN.UTF-8"), of("C"), of("")],
        [Language::Chinese, Language::English, Language::English]
    );
}

fn needed(host: &Recorded) -> String {
    (host.setup.as_ref().unwrap().connections_max + 64).to_string()
}

#[test]
fn what_may_be_secret_is_named_and_not_shown() {
    let removed =
        ["identity.tokens.ada.sha256", "ingest.webhook.mes.secret", "ingest.mqtt_out.c.password", "tls.key"];
    assert!(removed.iter().all(|path| value(path, Some("\"x\"")) == "(removed)"));
    assert_eq!(value("mqtt.listen", Some("\"127.0.0.1:1883\"")), "\"127.0.0.1:1883\"");
}
