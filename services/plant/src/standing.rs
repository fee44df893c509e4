//! Whether a device is on scan, off scan or on its other address, decided by how its reads end. Pure; time and chance are handed in.
//!
//! ```text
//!   on scan ── failures_max in a row ──> on scan at the other address       where there is one, once
//!      ↑                       └───────> off scan ── a probe fails ──> off scan for longer, at the other address
//!      └──────────── a probe is answered ──┘
//! ```

/// How often a device may fail, and how long it then stays off scan, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Reads in a row that may fail; with this many the device leaves its address or the scan.
    pub failures_max: u32,
    /// The longest wait for a probe; on a bus where others answer, each further one waits up to twice as long.
    pub off_scan_us: u64,
    /// No wait is longer.
    pub off_scan_us_max: u64,
}

/// Which of its addresses a device is asked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Primary,
    Backup,
}

/// What a read changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is asked at this address from now on.
    Switched(Side),
    /// It is off scan until it is probed.
    Demoted { probe_us: u64 },
    /// It was off scan, and has answered.
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    OnScan { failures: u32, switched: bool },
    OffScan { probe_us: u64, probes: u32 },
}

/// One device.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    patience: Patience,
    has_backup: bool,
    side: Side,
    state: State,
}

/// Doublings after which a wait is longer than any limit.
const DOUBLINGS_MAX: u32 = 32;

impl Standing {
    pub(crate) fn new(patience: Patience, has_backup: bool) -> Standing {
        let state = State::OnScan { failures: 0, switched: false };
        Standing { patience, has_backup, side: Side::Primary, state }
    }

    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Whether its last read was answered, or it was not asked yet.
    pub(crate) fn is_sound(&self) -> bool {
        matches!(self.state, State::OnScan { failures: 0, switched: false })
    }

    /// When it is to be probed; nothing while it is on scan.
    pub(crate) fn probe_us(&self) -> Option<u64> {
        match self.state {
            State::OnScan { .. } => None,
            State::OffScan { probe_us, .. } => Some(probe_us),
        }
    }

    /// It answered.
    pub(crate) fn answered(&mut self) -> Option<Change> {
        let was_off = self.probe_us().is_some();
        self.state = State::OnScan { failures: 0, switched: false };
        was_off.then_some(Change::Returned)
    }

    /// It did not; `random` is uniform over all of `u64`. Probes become rarer for the sake of others on the bus, where there are any
    /// that answer.
    pub(crate) fn failed(&mut self, now_us: u64, random: u64, has_company: bool) -> Option<Change> {
        match self.state {
            State::OnScan { failures, switched } if failures + 1 < self.patience.failures_max => {
                self.state = State::OnScan { failures: failures + 1, switched };
                None
            }
            State::OnScan { switched: false, .. } if self.has_backup => {
                self.state = State::OnScan { failures: 0, switched: true };
                self.side = self.side.other();
                Some(Change::Switched(self.side))
            }
            State::OnScan { .. } => Some(self.demote(now_us, 0, random)),
            State::OffScan { probes, .. } => {
                if self.has_backup {
                    self.side = self.side.other();
                }
                let probes = if has_company { probes.saturating_add(1) } else { 0 };
                self.demote(now_us, probes, random);
                None
            }
        }
    }

    fn demote(&mut self, now_us: u64, probes: u32, random: u64) -> Change {
        let probe_us = now_us.saturating_add(self.patience.wait_us(probes, random));
        self.state = State::OffScan { probe_us, probes };
        Change::Demoted { probe_us }
    }
}

impl Patience {
    /// From half of what it can be to all of it: those that failed together do not come back together, and none at once.
    fn wait_us(&self, probes: u32, random: u64) -> u64 {
        let longest = u128::from(self.off_scan_us) << probes.min(DOUBLINGS_MAX);
        let longest_us = u64::try_from(longest).unwrap_or(u64::MAX).min(self.off_scan_us_max);
        longest_us / 2 + share(longest_us - longest_us / 2, random)
    }
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Primary => Side::Backup,
            Side::Backup => Side::Primary,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub fn name(self) -> &'static str {
        match self {
            Side::Primary => "primary",
            Side::Backup => "backup",
        }
    }
}

/// As much of the whole as the number is of all numbers.
pub(crate) fn share(whole: u64, random: u64) -> u64 {
    ((u128::from(whole) * u128::from(random)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Patience =
        Patience { failures_max: 3, off_scan_us: 10_000_000, off_scan_us_max: 60_000_000 };

    #[test]
    fn three_failures_in_a_row_take_a_device_off_scan_and_one_answer_brings_it_back() {
        let mut standing = Standing::new(PATIENCE, false);
        assert_eq!((standing.failed(1, 0, true), standing.failed(2, 0, true)), (None, None));
        assert_eq!(standing.failed(3, 0, true), Some(Change::Demoted { probe_us: 5_000_003 }));
        assert_eq!(standing.answered(), Some(Change::Returned));
        assert_eq!((standing.probe_us(), standing.answered()), (None, None));
    }

    #[test]
    fn probes_become_rarer_only_where_somebody_else_on_the_bus_answers() {
        let waits = |has_company| {
            let mut standing = Standing::new(PATIENCE, false);
            (0..6).for_each(|_| {
                standing.failed(0, u64::MAX, has_company);
            });
            standing.probe_us().expect("it is off scan").div_ceil(1_000_000)
        };
        assert_eq!((waits(true), waits(false)), (60, 10));
    }

    #[test]
    fn a_device_with_a_backup_is_asked_there_before_it_goes_off_scan() {
        let mut standing = Standing::new(PATIENCE, true);
        let changes: Vec<_> = (0..6).filter_map(|now| standing.failed(now, 0, true)).collect();
        assert!(matches!(changes[..], [Change::Switched(Side::Backup), Change::Demoted { .. }]));
        assert_eq!(
            (standing.failed(9, 0, true), standing.side()),
            (None, Side::Primary),
            "probes go to each in turn"
        );
        standing.answered();
        for now in 0..3 {
            standing.failed(now, 0, true);
        }
        assert_eq!((standing.side(), standing.probe_us()), (Side::Backup, None), "it may change sides again");
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_of_its_longest_and_all_of_it(
            probes in 0..80_u32, random: u64, off in 1..1_000_000_000_u64, max in 1..10_000_000_000_u64,
        ) {
            let patience = Patience { failures_max: 1, off_scan_us: off, off_scan_us_max: max };
            let wait_us = patience.wait_us(probes, random);
            prop_assert!(wait_us <= max);
            prop_assert!(wait_us >= off.min(max) / 2);
        }

        #[test]
        fn whatever_happens_a_device_is_on_scan_exactly_if_it_answered_since_its_limit_of_failures(
            reads in prop::collection::vec(any::<bool>(), 0..60), failures_max in 1..5_u32, has_backup: bool,
        ) {
            let mut standing = Standing::new(Patience { failures_max, ..PATIENCE }, has_backup);
            let allowed = failures_max * if has_backup { 2 } else { 1 };
            let mut in_a_row = 0;
            for (now_us, answered) in reads.into_iter().enumerate() {
                let change = if answered { standing.answered() } else { standing.failed(now_us as u64, 7, true) };
                let was_off = in_a_row >= allowed;
                in_a_row = if answered { 0 } else { in_a_row + 1 };
                prop_assert_eq!(standing.probe_us().is_some(), in_a_row >= allowed);
                prop_assert_eq!(change == Some(Change::Returned), answered && was_off);
                prop_assert!(has_backup || standing.side() == Side::Primary);
            }
        }
    }
}
