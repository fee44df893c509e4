//! The capability: what the watchdog has seen, its dumps, and its start and end. One lock, held for the copy of a few numbers.

use crate::config::Config;
use crate::folder::{Dump, Folder};
use crate::heart::{Heart, Runtime};
use crate::meter::Load;
use crate::ports::{Cause, Ports};
use crate::quota::Quota;
use crate::watchdog::Watchdog;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use tidegate_kernel_plug::Tasks;
use tokio::runtime::Handle;

/// The watchdog as the node holds it.
#[derive(Debug)]
pub struct Probe {
    pub(crate) config: Config,
    pub(crate) folder: Folder,
    pub(crate) quota_of: fn() -> Quota,
    hearts: OnceLock<Vec<Heart>>,
    seen: Mutex<Seen>,
    /// Dropping it ends the watchdog.
    stop: Mutex<Option<Sender<()>>>,
}

/// What was seen and counted since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Of the last second; nothing before the first.
    pub(crate) load: Option<Load>,
    /// By cause, and whether it was told.
    pub(crate) incidents: BTreeMap<(&'static str, bool), u64>,
    pub(crate) dumps_written: u64,
    pub(crate) dumps_failed: u64,
    pub(crate) samples: u64,
    pub(crate) samples_dropped: u64,
}

/// What the process is doing now.
#[derive(Debug, Clone, Serialize)]
pub struct Now {
    pub runtimes: Vec<Runtime>,
    #[serde(flatten)]
    pub tasks: Tasks,
}

impl Probe {
    /// Dumps go to folders in `path`, which is made with the first of them.
    pub fn new(config: Config, path: PathBuf) -> Probe {
        Probe::with_quota(config, path, Quota::of_this_machine)
    }

    /// With another way to know the quota.
    pub(crate) fn with_quota(config: Config, path: PathBuf, quota_of: fn() -> Quota) -> Probe {
        let folder = Folder::open(path, config.dumps_max, config.dumps_bytes_max);
        let (hearts, seen, stop) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Probe { config, folder, quota_of, hearts, seen, stop }
    }

    /// Begins to watch, once; does nothing where it is not to watch.
    pub fn watch(self: &Arc<Probe>, runtimes: &[(&'static str, Handle)], ports: Ports) -> io::Result<()> {
        let start = |(name, handle): &(&'static str, Handle)| Heart::start(name, handle.clone());
        if self.hearts.set(runtimes.iter().map(start).collect()).is_err() || !self.config.watch {
            return Ok(());
        }
        let (sender, stop) = channel();
        let watchdog = Watchdog::new(self.clone(), ports);
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || watchdog.run(&stop))?;
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Ok(())
    }

    pub(crate) fn end(&self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The dumps that are kept, the newest first.
    pub fn dumps(&self) -> Vec<Dump> {
        self.folder.list()
    }

    pub(crate) fn now(&self, tasks: Tasks) -> Now {
        Now { runtimes: self.runtimes(), tasks }
    }

    pub(crate) fn hearts(&self) -> &[Heart] {
        self.hearts.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn runtimes(&self) -> Vec<Runtime> {
        self.hearts().iter().map(Heart::told).collect()
    }

    pub(crate) fn quota(&self) -> Quota {
        self.seen().load.as_ref().map_or_else(self.quota_of, |load| load.quota.clone())
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, load: &Load) {
        self.seen().load = Some(load.clone());
    }

    pub(crate) fn count_incident(&self, cause: Cause, is_told: bool) {
        *self.seen().incidents.entry((cause.name(), is_told)).or_default() += 1;
    }

    pub(crate) fn count_dump(&self, is_written: bool) {
        let mut seen = self.seen();
        seen.dumps_written += u64::from(is_written);
        seen.dumps_failed += u64::from(!is_written);
    }

    pub(crate) fn count_samples(&self, taken: u64, dropped: u64) {
        let mut seen = self.seen();
        seen.samples += taken;
        seen.samples_dropped += dropped;
    }
}
