//! How each device stands, for whoever asks. A lock that is held for a look or a change; told only of changes.

use crate::counters::Shared;
use crate::punctual::{GroupStand, Watched};
use crate::standing::Side;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    pub driver: &'static str,
    pub state: State,
    /// Which of its addresses it is asked at.
    pub side: Side,
    /// Why its last read failed: a code and words. Nothing while it answers.
    pub trouble: Option<(&'static str, String)>,
    /// From when on its state is this, in milliseconds since 1970.
    pub since_ms: u64,
    /// When it is tried again, where it is off scan; by the same clock.
    pub probe_ms: Option<u64>,
}

/// Whether it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It was not asked yet.
    New,
    Answers,
    /// Its last read failed; it is asked as often as before.
    Failing,
    /// It is probed now and then.
    OffScan,
}

impl State {
    pub(crate) const ALL: [State; 4] = [State::New, State::Answers, State::Failing, State::OffScan];

    pub fn name(self) -> &'static str {
        ["new", "answers", "failing", "off_scan"][self as usize]
    }
}

/// All devices that are asked.
#[derive(Debug, Default)]
pub(crate) struct Board(Shared<BTreeMap<Arc<str>, Entry>>);

#[derive(Debug)]
struct Entry {
    stand: Stand,
    groups: Arc<[Watched]>,
}

impl Board {
    pub(crate) fn enter(&self, device: &Arc<str>, stand: Stand, groups: Arc<[Watched]>) {
        self.0.lock().insert(device.clone(), Entry { stand, groups });
    }

    pub(crate) fn set(&self, device: &str, stand: Stand) {
        if let Some(entry) = self.0.lock().get_mut(device) {
            entry.stand = stand;
        }
    }

    pub(crate) fn forget(&self, device: &str) {
        self.0.lock().remove(device);
    }

    pub(crate) fn all(&self) -> BTreeMap<Arc<str>, Stand> {
        self.0.lock().iter().map(|(device, entry)| (device.clone(), entry.stand.clone())).collect()
    }

    /// Those of one device, in the order of the configuration; none where it is not asked.
    pub(crate) fn groups(&self, device: &str) -> Vec<GroupStand> {
        let groups = self.0.lock().get(device).map(|entry| entry.groups.clone());
        groups.iter().flat_map(|groups| groups.iter()).map(Watched::stand).collect()
    }

    /// How many devices of each driver are in each state.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, [u64; State::ALL.len()]> {
        let mut counts = BTreeMap::new();
        for Entry { stand, .. } in self.0.lock().values() {
            counts.entry(stand.driver).or_insert([0; State::ALL.len()])[stand.state as usize] += 1;
        }
        counts
    }
}
