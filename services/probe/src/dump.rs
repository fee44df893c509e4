//! One dump, on a thread of its own: what needs nobody first, then the profile, then what others tell, within a limit.
//!
//! Whatever cannot be had is named in the dump and left out of it. Takes the wall clock for its name.

use crate::error::ProbeError;
use crate::ports::{Cause, Incident, Ports, Tell};
use crate::probe::Probe;
use crate::profile::{self, Profile, Taken};
use crate::threads::{self, Thread};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_kernel_plug::tasks;

/// How long others may take to tell something.
const TELLING: Duration = Duration::from_secs(2);

/// An incident that is to be dumped and told.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) cause: Cause,
    pub(crate) evidence: String,
    pub(crate) ports: Ports,
}

/// What the dump says of itself.
#[derive(Debug, Serialize)]
struct About<'a> {
    version: &'static str,
    pid: u32,
    cause: &'static str,
    /// Milliseconds since 1970.
    at_ms: u64,
    evidence: &'a str,
    quota_processors: f64,
    quota_source: &'a str,
    samples: u64,
    samples_dropped: u64,
    hottest: &'a [(String, f64)],
    /// What could not be had, and why.
    missing: &'a [String],
}

/// Dumps, then tells; both are counted, and neither ends the other.
pub(crate) fn carry_out(probe: &Probe, order: &Order) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (at_ms, mut hottest) = (now.as_millis() as u64, Vec::new());
    let name = format!("{}-{}", written(now.as_secs()), order.cause.name());
    let dumped = write(probe, order, &name, at_ms, &mut hottest);
    probe.count_dump(dumped.is_ok());
    if let Err(error) = &dumped {
        tracing::error!(code = error.code(), hint = error.hint(), "{error}");
    }
    let path = probe.folder.path().join(name);
    tracing::warn!(code = order.cause.code(), dump = %path.display(), "dumped");
    let dump = dumped.map(|()| path).map_err(|error| error.to_string());
    let incident = Incident { cause: order.cause, at_ms, evidence: order.evidence.clone(), hottest, dump };
    let Some(herald) = &order.ports.herald else { return };
    if let Err(why) = herald.tell(&incident) {
        tracing::error!(code = order.cause.code(), "nobody could be told of it: {why}");
    }
}

fn write(
    probe: &Probe,
    order: &Order,
    name: &str,
    at_ms: u64,
    hottest: &mut Vec<(String, f64)>,
) -> Result<(), ProbeError> {
    let draft = probe.folder.draft().map_err(ProbeError::Dump)?;
    let put = |file, bytes: &[u8]| draft.put(file, bytes).map_err(ProbeError::Dump);
    let mut missing = Vec::new();
    put("tasks.json", json(&probe.now(tasks())).as_bytes())?;
    let stacks = profile::stacks().unwrap_or_else(|error| {
        missing.push(format!("stacks in threads.txt: {error}"));
        BTreeMap::new()
    });
    put("threads.txt", listed(&threads::all(), &stacks).as_bytes())?;
    let (mut samples, mut samples_dropped) = (0, 0);
    match Profile::take(probe.config.profile).map(|profile| profile.name()) {
        Ok(Taken { file, samples: taken, dropped, hottest: found }) => {
            probe.count_samples(taken, dropped);
            (samples, samples_dropped, *hottest) = (taken, dropped, found);
            put("cpu.pb.gz", &file)?;
        }
        Err(error) => missing.push(format!("cpu.pb.gz: {error}")),
    }
    for (file, tell) in [("queues.json", &order.ports.queues), ("metrics.txt", &order.ports.metrics)] {
        match within(TELLING, tell) {
            Some(text) => put(file, text.as_bytes())?,
            None => missing.push(format!("{file}: nobody told it within {} s", TELLING.as_secs())),
        }
    }
    let quota = probe.quota();
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        cause: order.cause.name(),
        at_ms,
        evidence: &order.evidence,
        quota_processors: quota.processors,
        quota_source: &quota.source,
        samples,
        samples_dropped,
        hottest,
        missing: &missing,
    };
    put("about.json", json(&about).as_bytes())?;
    draft.keep(name).map_err(ProbeError::Dump)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain values are JSON") + "\n"
}

/// Asks on another thread. If the answer does not come, that thread stays until it does.
fn within(limit: Duration, tell: &Tell) -> Option<String> {
    let (said, heard) = mpsc::channel();
    let tell = tell.clone();
    // Nobody listens any more where it took too long.
    let asked = move || drop(said.send(tell()));
    thread::Builder::new().name("dump-part".to_owned()).spawn(asked).ok()?;
    heard.recv_timeout(limit).ok()
}

/// Every thread with where it is: in the program, and in the kernel where that is told.
fn listed(threads: &[Thread], stacks: &BTreeMap<u32, Vec<String>>) -> String {
    let mut out = String::new();
    for Thread { thread, name, state, cpu_ms, kernel_wait } in threads {
        let wait = kernel_wait.as_deref().unwrap_or("-");
        let _ = writeln!(out, "thread {thread} {name:?} state {state} cpu {cpu_ms} ms kernel {wait}");
        for frame in stacks.get(thread).into_iter().flatten() {
            let _ = writeln!(out, "    {frame}");
        }
        for frame in threads::kernel_stack(*thread).as_deref().unwrap_or_default().lines() {
            let _ = writeln!(out, "    kernel {frame}");
        }
    }
    out
}

/// UTC as dumps are named: `20261126T141500Z`.
fn written(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Starts it. An error of the system: there is no thread to be had.
pub(crate) fn start(probe: Arc<Probe>, order: Order) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("dump".to_owned()).spawn(move || carry_out(&probe, &order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_dumps_are_named() {
        assert_eq!(
            (written(0), written(1_795_702_500)),
            ("19700101T000000Z".into(), "20261126T141500Z".into())
        );
    }

    #[test]
    fn who_does_not_answer_is_given_up() {
        let (open, closed) = (Arc::new(|| "said".to_owned()), mpsc::channel::<()>());
        assert_eq!(within(TELLING, &(open as Tell)).as_deref(), Some("said"));
        let gate = std::sync::Mutex::new(closed.1);
        let stuck: Tell = Arc::new(move || gate.lock().unwrap().recv().map_or("late", |()| "").to_owned());
        assert_eq!(within(Duration::from_millis(20), &stuck), None);
        drop(closed.0);
    }
}
