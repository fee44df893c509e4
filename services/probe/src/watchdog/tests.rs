//! The watchdog of this very process, held by a tenth of a processor or with a runtime that is stuck, and a herald that writes down.

use super::*;
use crate::config::Config;
use crate::ports::{Herald, Incident};
use crate::quota::Quota;
use serde_json::Value;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_plug::listed;
use tokio::runtime::{Builder, Runtime};

/// From the beginning of an overload to the message.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// All tests here are about the one process they share.
static ALONE: Mutex<()> = Mutex::new(());

struct Clerk(Mutex<Sender<Incident>>);

impl Herald for Clerk {
    fn tell(&self, incident: &Incident) -> Result<(), String> {
        self.0.lock().unwrap().send(incident.clone()).map_err(|error| error.to_string())
    }
}

struct Site {
    dir: TempDir,
    probe: Arc<Probe>,
    told: Receiver<Incident>,
    runtime: Runtime,
}

impl Site {
    fn watched(
        config: Config,
        quota: fn() -> Quota,
        queues: impl Fn() -> String + Send + Sync + 'static,
    ) -> Site {
        let dir = TempDir::new().unwrap();
        let probe = Arc::new(Probe::with_quota(config, dir.path().join("probe"), quota));
        let (sender, told) = channel();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let ports = Ports {
            metrics: Arc::new(|| "# all measures\n".to_owned()),
            queues: Arc::new(queues),
            herald: Some(Arc::new(Clerk(Mutex::new(sender)))),
        };
        probe.watch(&[("data-plane", runtime.handle().clone())], ports).unwrap();
        Site { dir, probe, told, runtime }
    }

    fn dump(&self, file: &str) -> String {
        let dumps = self.probe.dumps();
        String::from_utf8_lossy(&self.probe.folder.read(&dumps[0].name, file).unwrap()).into_owned()
    }

    fn about(&self) -> Value {
        serde_json::from_str(&self.dump("about.json")).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.probe.end();
    }
}

fn quick() -> Config {
    Config { profile: LOOK, stall_after: LOOK * 2, dump_gap: LOOK * 3600, ..Config::default() }
}

fn tenth() -> Quota {
    Quota { processors: 0.1, source: "a tenth".to_owned() }
}

fn many() -> Quota {
    Quota { processors: 1e6, source: "plenty".to_owned() }
}

#[inline(never)]
fn burns_too_much(stop: &AtomicBool) {
    let mut state = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        let mut rounds = 100_000;
        while rounds > 0 {
            state = (state ^ (state << 13)) ^ (state >> 7);
            rounds -= 1;
        }
    }
    black_box(state);
}

/// Also where an assertion fails: the scope waits for the burner.
struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `during` beside a thread that burns.
fn beside_a_burner<T>(during: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let burner = thread::Builder::new().name("burner".to_owned());
        burner.spawn_scoped(scope, || burns_too_much(&stop)).unwrap();
        let _stopping = Stopping(&stop);
        during()
    })
}

#[test]
fn a_quota_used_up_is_dumped_and_told_once_within_fifteen_seconds() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = Site::watched(Config { profile: LOOK * 5, ..quick() }, tenth, || "[]".to_owned());
    let began = Instant::now();
    let incident = beside_a_burner(|| {
        let incident = site.told.recv_timeout(TOLD_WITHIN).expect("told in time");
        assert!(began.elapsed() < TOLD_WITHIN, "{:?}", began.elapsed());
        assert!(site.told.recv_timeout(LOOK * 4).is_err(), "told twice");
        incident
    });
    assert_eq!(
        (incident.cause, incident.hottest[0].0.ends_with("burns_too_much")),
        (Cause::Cpu, true),
        "{incident:?}"
    );
    assert!(incident.evidence.ends_with("by a tenth"), "{}", incident.evidence);
    assert!(incident.dump.unwrap().starts_with(site.dir.path()));
    let dumps = site.probe.dumps();
    let files: Vec<_> = dumps[0].files.iter().map(|file| file.name).collect();
    assert_eq!((dumps.len(), &files[..]), (1, &crate::folder::FILES[..]));
    assert_eq!(site.about()["missing"], serde_json::json!([]));
    assert!(site.dump("tasks.json").contains("heart of data-plane"));
    let threads = site.dump("threads.txt");
    assert!(threads.contains("\"burner\" state ") && threads.contains("burns_too_much"), "{threads}");
    assert_eq!(site.dump("metrics.txt"), "# all measures\n");
}

#[test]
fn below_the_threshold_nothing_is_dumped() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = Site::watched(quick(), many, || "[]".to_owned());
    beside_a_burner(|| assert!(site.told.recv_timeout(LOOK * 6).is_err()));
    assert!(site.probe.dumps().is_empty() && site.probe.seen().load.is_some());
}

#[test]
fn a_runtime_whose_workers_are_all_blocked_is_dumped_with_the_tasks_that_block_it() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let gate = Arc::new(Mutex::new(()));
    let (blocked, others) = (gate.clone(), gate.clone());
    let site = Site::watched(quick(), many, move || {
        // Needs what the blocked task holds, as metrics may.
        drop(others.lock());
        "[]".to_owned()
    });
    let held = gate.lock().unwrap();
    for name in ["first", "second"] {
        let blocked = blocked.clone();
        site.runtime.spawn(listed("test", name, async move { waits_for_a_lock(&blocked) }));
    }
    let incident = site.told.recv_timeout(TOLD_WITHIN).expect("told in time");
    assert_eq!((incident.cause, incident.dump.is_ok()), (Cause::Stall, true));
    assert!(
        incident.evidence.contains("runtime data-plane") || incident.evidence.contains("task test/first")
    );
    assert!(site.dump("threads.txt").contains("waits_for_a_lock"), "{}", site.dump("threads.txt"));
    let tasks: Value = serde_json::from_str(&site.dump("tasks.json")).unwrap();
    let first = tasks["tasks"].as_array().unwrap().iter().find(|task| task["name"] == "first").unwrap();
    assert_eq!(first["state"], "polled");
    assert_eq!(site.about()["missing"], serde_json::json!(["queues.json: nobody told it within 2 s"]));
    assert_eq!(site.dump("metrics.txt"), "# all measures\n");
    drop(held);
}

#[inline(never)]
fn waits_for_a_lock(lock: &Mutex<()>) {
    drop(lock.lock());
}

#[test]
fn a_dump_that_cannot_be_written_is_told_all_the_same() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = Site::watched(quick(), tenth, || "[]".to_owned());
    std::fs::write(site.dir.path().join("probe"), "a file where the folder is to be").unwrap();
    let incident = beside_a_burner(|| site.told.recv_timeout(TOLD_WITHIN).expect("told in time"));
    let why = incident.dump.unwrap_err();
    assert!(why.starts_with("could not write a dump: "), "{why}");
    let seen = site.probe.seen();
    assert_eq!((seen.dumps_written, seen.dumps_failed), (0, 1));
}
