//! A CPU profile: every thread of the process sampled by the CPU time it spends, for so long. And the stacks of all threads at once.
//!
//! Blocks its thread for the span. One at a time in a process: there is one signal and one ring. Takes the monotonic clock, and the wall
//! clock for when it began.

use crate::error::ProbeError;
use crate::mapping::Mapping;
use crate::pprof;
use crate::ring::Ring;
use crate::sampler::{self, Timer};
use crate::symbols::{self, Named, readable};
use crate::threads;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Samples for each second of CPU time, of each thread.
pub const HZ: u32 = 100;
/// Between two looks at the ring, and at which threads there are.
const LOOK: Duration = Duration::from_millis(100);
/// Different stacks that are kept apart; more are counted as dropped.
const STACKS_MAX: usize = 20_000;
/// How long threads have to answer when all are asked for their stack.
const ANSWER: Duration = Duration::from_millis(250);

static TAKEN: Mutex<()> = Mutex::new(());

/// What was sampled.
#[derive(Debug, Default)]
pub struct Profile {
    /// Milliseconds since 1970.
    pub(crate) began_ms: u64,
    pub(crate) span_ns: u64,
    /// By the thread and its stack, the interrupted instruction first: samples.
    pub(crate) stacks: BTreeMap<(u32, Vec<usize>), u64>,
    /// The names of threads.
    pub(crate) names: BTreeMap<u32, String>,
    pub(crate) dropped: u64,
    /// Threads that no timer could be made for.
    pub(crate) unreached: u64,
}

/// A profile as a file, and what stands out in it.
#[derive(Debug)]
pub struct Taken {
    /// In the form of pprof, compressed.
    pub file: Vec<u8>,
    pub samples: u64,
    pub dropped: u64,
    /// Functions by samples in them themselves, most first, with their part of all.
    pub hottest: Vec<(String, f64)>,
}

impl Profile {
    /// Samples all threads for so long.
    pub fn take(span: Duration) -> Result<Profile, ProbeError> {
        let _taken = exclusively()?;
        let ring = ready()?;
        let began = Instant::now();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut profile = Profile { began_ms: since.as_millis() as u64, ..Profile::default() };
        let mut reached = Reached::default();
        while began.elapsed() < span {
            reached.look();
            thread::park_timeout(LOOK.min(span.saturating_sub(began.elapsed())));
            ring.drain(|thread, frames| profile.add(thread, frames));
        }
        (profile.unreached, profile.span_ns) = (reached.failed, began.elapsed().as_nanos() as u64);
        profile.names = reached.end()?;
        ring.drain(|thread, frames| profile.add(thread, frames));
        profile.dropped += ring.take_dropped();
        Ok(profile)
    }

    fn add(&mut self, thread: u32, frames: Vec<usize>) {
        let key = (thread, callers(frames));
        if self.stacks.len() >= STACKS_MAX && !self.stacks.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        *self.stacks.entry(key).or_default() += 1;
    }

    /// The CPU time that one sample stands for.
    pub(crate) fn period_ns(&self) -> u64 {
        1_000_000_000 / u64::from(HZ)
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.stacks.keys().flat_map(|(_, frames)| frames.iter().copied())
    }

    /// With the names of functions, which takes a moment: symbol tables are read for it.
    pub fn name(&self) -> Taken {
        let mappings = named(self.addresses().collect());
        let mut own: BTreeMap<String, u64> = BTreeMap::new();
        for ((_, frames), count) in &self.stacks {
            let name = frames.first().map(|leaf| name_of(&mappings, *leaf)).unwrap_or_default();
            *own.entry(name).or_default() += count;
        }
        let samples: u64 = self.stacks.values().sum();
        let part = |(name, count): (String, u64)| (name, count as f64 / samples as f64);
        let mut hottest: Vec<_> = own.into_iter().map(part).collect();
        hottest.sort_by(|one, other| other.1.total_cmp(&one.1));
        hottest.truncate(5);
        Taken { file: pprof::file(self, &mappings), samples, dropped: self.dropped, hottest }
    }
}

/// Timers of the threads there are, and the threads' names.
#[derive(Debug, Default)]
struct Reached {
    timers: BTreeMap<u32, Option<Timer>>,
    names: BTreeMap<u32, String>,
    failed: u64,
    why: Option<std::io::Error>,
}

impl Reached {
    /// Makes a timer for each thread that is new.
    fn look(&mut self) {
        for thread in threads::numbers() {
            if self.timers.contains_key(&thread) {
                continue;
            }
            self.names.insert(thread, threads::name(thread));
            let timer = Timer::of_thread(thread, HZ);
            if let Err(error) = timer.as_ref().map(|_| ()) {
                // One that ended meanwhile is no trouble.
                self.failed += u64::from(threads::numbers().contains(&thread));
                self.why = Some(std::io::Error::from(error.kind()));
            }
            self.timers.insert(thread, timer.ok());
        }
    }

    /// The names. No thread at all could be sampled: then there is no profile.
    fn end(mut self) -> Result<BTreeMap<u32, String>, ProbeError> {
        if let Some(error) = self.why.filter(|_| self.timers.values().all(Option::is_none)) {
            return Err(ProbeError::Sampler(error));
        }
        for (thread, known) in &mut self.names {
            // A thread names itself, and may not have when it was first seen; one that has ended has none any more.
            let name = threads::name(*thread);
            if !name.is_empty() {
                *known = name;
            }
        }
        Ok(self.names)
    }
}

/// Where each other thread is, whether it runs or waits, as names of functions. A thread that does not answer, deep in the kernel, is
/// not among them.
pub(crate) fn stacks() -> Result<BTreeMap<u32, Vec<String>>, ProbeError> {
    let _taken = exclusively()?;
    let ring = ready()?;
    let own = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    let others: Vec<u32> = threads::numbers().into_iter().filter(|thread| *thread != own).collect();
    others.iter().for_each(|thread| sampler::strike(*thread));
    let (until, mut found) = (Instant::now() + ANSWER, BTreeMap::new());
    while found.len() < others.len() && Instant::now() < until {
        thread::park_timeout(Duration::from_millis(2));
        ring.drain(|thread, frames| drop(found.insert(thread, callers(frames))));
    }
    let mappings = named(found.values().flatten().copied().collect());
    let names = |frames: Vec<usize>| frames.into_iter().map(|frame| name_of(&mappings, frame)).collect();
    Ok(found.into_iter().map(|(thread, frames)| (thread, names(frames))).collect())
}

fn exclusively() -> Result<MutexGuard<'static, ()>, ProbeError> {
    match TAKEN.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => Err(ProbeError::Busy),
    }
}

/// The ring, without what came too late for the one before.
fn ready() -> Result<&'static Ring, ProbeError> {
    let ring = sampler::install().map_err(ProbeError::Sampler)?;
    ring.drain(|_, _| {});
    ring.take_dropped();
    Ok(ring)
}

/// A caller is at the call, which is before where it goes on.
fn callers(mut frames: Vec<usize>) -> Vec<usize> {
    frames.iter_mut().skip(1).for_each(|frame| *frame = frame.saturating_sub(1));
    frames
}

fn named(mut addresses: Vec<usize>) -> Vec<(Mapping, Named)> {
    addresses.sort_unstable();
    addresses.dedup();
    let named = |mapping: Mapping| {
        let own: Vec<_> = addresses.iter().copied().filter(|address| mapping.contains(*address)).collect();
        let named = if own.is_empty() { Named::default() } else { symbols::named(&mapping, &own) };
        (mapping, named)
    };
    Mapping::all().into_iter().map(named).collect()
}

/// The address itself where no name is known.
fn name_of(mappings: &[(Mapping, Named)], address: usize) -> String {
    let known = |(mapping, named): &(Mapping, Named)| {
        let name = named.functions.get(&address).map(|name| readable(name));
        let file = mapping.file.rsplit('/').next().unwrap_or_default();
        name.unwrap_or_else(|| format!("{file}+{:#x}", mapping.file_offset(address)))
    };
    let found = mappings.iter().find(|(mapping, _)| mapping.contains(address));
    found.map_or_else(|| format!("{address:#x}"), known)
}
