//! What is due when on one bus, whose devices are asked one after the other. Pure; time and chance are handed in.
//!
//! A group is due on a grid: every so many microseconds from its phase on. What was due while something else went on is read late or,
//! where it was due once more by then, missed and counted. Of a device off scan nothing is due but a probe: its first group, alone.
//!
//! Whoever does not answer costs everybody on the bus the time it is waited for. That time is a debt: for as long, those have turns alone
//! whose last read was answered. So what fails never takes more than half of the bus from them.

use crate::standing::{Change, Patience, Side, Standing, share};

/// One bus. Times are microseconds since an origin that all buses share.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    seats: Vec<Seat>,
    turns: u64,
    /// Until then nobody has a turn whose last read failed, unless that is everybody.
    rest_us: u64,
}

#[derive(Debug)]
struct Seat {
    standing: Standing,
    slots: Vec<Slot>,
    /// The turn it had last: of what is due at once, who waited longest goes first.
    turn: u64,
}

#[derive(Debug)]
struct Slot {
    every_us: u64,
    due_us: u64,
}

/// How often a group is due, and its place among all groups there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) every_us: u64,
    pub(crate) number: u64,
}

/// One group of one device that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) device: usize,
    pub(crate) group: usize,
    pub(crate) due_us: u64,
    pub(crate) side: Side,
    /// It is off scan, and this is to tell whether it is there again.
    pub(crate) is_probe: bool,
}

/// When a turn began and when it had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Times the group was due once more while it, or others, were read.
    pub(crate) missed: u64,
    pub(crate) change: Option<Change>,
}

impl Schedule {
    /// One more device; what it is asked for first is due from now on, each group at its phase.
    pub(crate) fn seat(&mut self, patience: Patience, has_backup: bool, beats: &[Beat], now_us: u64) {
        let slots = beats.iter().map(|beat| Slot { every_us: beat.every_us, due_us: beat.first_us(now_us) });
        let standing = Standing::new(patience, has_backup);
        self.seats.push(Seat { standing, slots: slots.collect(), turn: 0 });
    }

    /// What is to be read next, be it due already or not; nothing where there is nothing to read.
    pub(crate) fn next(&self) -> Option<Turn> {
        let sound = self.earliest(|seat| seat.standing.is_sound());
        let failing = self.earliest(|seat| !seat.standing.is_sound());
        let Some(sound) = sound else { return failing };
        let rested = failing.map(|turn| Turn { due_us: turn.due_us.max(self.rest_us), ..turn });
        Some(rested.filter(|turn| turn.due_us < sound.due_us).unwrap_or(sound))
    }

    fn earliest(&self, of: impl Fn(&Seat) -> bool) -> Option<Turn> {
        let seats = self.seats.iter().enumerate().filter(|(_, seat)| of(seat));
        let turns = seats.flat_map(|(device, seat)| seat.turns(device).map(move |turn| (seat.turn, turn)));
        turns.min_by_key(|(last, turn)| (turn.due_us, *last)).map(|(_, turn)| turn)
    }

    /// Where a device is asked; nothing while it is off scan.
    pub(crate) fn side(&self, device: usize) -> Option<Side> {
        let standing = &self.seats[device].standing;
        standing.probe_us().is_none().then(|| standing.side())
    }

    /// When a device is tried again; nothing while it is on scan.
    pub(crate) fn probe_us(&self, device: usize) -> Option<u64> {
        self.seats[device].standing.probe_us()
    }

    /// A turn has ended; `random` is uniform over all of `u64`.
    pub(crate) fn settle(&mut self, turn: &Turn, answered: bool, spent: Spent, random: u64) -> Settled {
        self.turns += 1;
        let now_us = spent.to_us;
        if !answered {
            self.rest_us = spent.rest_us(self.rest_us);
        }
        let has_company = self.seats.iter().any(|seat| seat.standing.probe_us().is_none());
        let seat = &mut self.seats[turn.device];
        seat.turn = self.turns;
        let change = match answered {
            true => seat.standing.answered(),
            false => seat.standing.failed(now_us, random, has_company),
        };
        let missed = if turn.is_probe { 0 } else { seat.slots[turn.group].advance(now_us) };
        if change == Some(Change::Returned) {
            let due_us = |every_us| together(now_us + share(every_us, random), every_us);
            seat.slots.iter_mut().for_each(|slot| slot.due_us = due_us(slot.every_us));
        }
        Settled { missed, change }
    }
}

impl Spent {
    /// Until when the bus is for others after such a turn failed: as long as it took, and what was owed before and is still.
    fn rest_us(self, owed_until_us: u64) -> u64 {
        self.to_us + owed_until_us.saturating_sub(self.from_us) + (self.to_us - self.from_us)
    }
}

impl Seat {
    fn turns(&self, device: usize) -> impl Iterator<Item = Turn> {
        let (side, probe_us) = (self.standing.side(), self.standing.probe_us());
        let shown = if probe_us.is_some() { 1 } else { self.slots.len() };
        self.slots.iter().take(shown).enumerate().map(move |(group, slot)| Turn {
            device,
            group,
            due_us: probe_us.unwrap_or(slot.due_us),
            side,
            is_probe: probe_us.is_some(),
        })
    }
}

impl Slot {
    /// To the first time on its grid that is not over; how many were.
    fn advance(&mut self, now_us: u64) -> u64 {
        let missed = now_us.saturating_sub(self.due_us + 1) / self.every_us;
        self.due_us += (missed + 1) * self.every_us;
        missed
    }
}

/// The golden ratio's fraction of 2^64: multiples of it lie evenly, however many there are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Phases lie no closer together than this, or than a tenth of the period.
const APART_US_MAX: u64 = 20_000;

/// A phase, moved to where others are as well: what a few groups bring in the same moment is one wakeup and one write to the journal.
/// With a moment for each of five hundred there were seven hundred writes a second.
fn together(phase_us: u64, every_us: u64) -> u64 {
    phase_us - phase_us % (every_us / 10).clamp(1, APART_US_MAX)
}

impl Beat {
    /// The first time at or after `now_us` that is on its grid. Groups of one period have phases that lie evenly in it, so that
    /// five hundred devices are not asked in the same moment, but in fifty, ten in each.
    fn first_us(&self, now_us: u64) -> u64 {
        let phase_us = together(share(self.every_us, self.number.wrapping_mul(GOLDEN)), self.every_us);
        let periods = now_us.saturating_sub(phase_us).div_ceil(self.every_us);
        phase_us + periods * self.every_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Patience =
        Patience { failures_max: 2, off_scan_us: 1_000_000, off_scan_us_max: 8_000_000 };

    fn schedule(every_us: &[u64]) -> Schedule {
        let mut schedule = Schedule::default();
        for (number, every_us) in (0..).zip(every_us) {
            schedule.seat(PATIENCE, false, &[Beat { every_us: *every_us, number }], 0);
        }
        schedule
    }

    /// Has turns until `end_us`, each taking as long as `takes_us` says, a dead device never answering; the turns with when they began.
    fn run(
        schedule: &mut Schedule,
        end_us: u64,
        takes_us: impl Fn(&Turn) -> u64,
        dead: &[usize],
    ) -> Vec<(u64, Turn)> {
        let (mut now_us, mut turns, mut random) = (0, Vec::new(), 1_u64);
        while let Some(turn) = schedule.next().filter(|turn| turn.due_us.max(now_us) < end_us) {
            let from_us = turn.due_us.max(now_us);
            now_us = from_us + takes_us(&turn);
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let spent = Spent { from_us, to_us: now_us };
            schedule.settle(&turn, !dead.contains(&turn.device), spent, random);
            turns.push((from_us, turn));
        }
        turns
    }

    #[test]
    fn five_hundred_groups_of_a_second_are_not_due_in_the_same_moment() {
        let beats = (0..500).map(|number| Beat { every_us: 1_000_000, number });
        let mut dues: Vec<u64> = beats.map(|beat| beat.first_us(77_000_000) % 1_000_000).collect();
        dues.sort_unstable();
        let most =
            dues.iter().map(|from| dues.iter().filter(|due| (*from..*from + 20_000).contains(*due)).count());
        // Evenly spread there are ten in each of fifty parts.
        assert!(most.max().unwrap() <= 15);
    }

    #[test]
    fn groups_share_their_moments_evenly() {
        for (every_us, moments_max) in [(1_000_000, 50), (200_000, 10), (50_000, 10)] {
            let beats = (0..500).map(|number| Beat { every_us, number });
            let mut moments = std::collections::BTreeMap::<u64, usize>::new();
            beats.for_each(|beat| *moments.entry(beat.first_us(77_000_000) % every_us).or_default() += 1);
            assert_eq!(moments.len(), moments_max, "{every_us}");
            let even = 500 / moments_max;
            assert!(moments.values().all(|groups| groups.abs_diff(even) <= 2), "{every_us}: {moments:?}");
        }
    }

    #[test]
    fn a_group_is_due_on_its_grid_and_what_was_due_meanwhile_is_missed() {
        let mut slot = Slot { every_us: 100, due_us: 1000 };
        assert_eq!((slot.advance(1001), slot.due_us), (0, 1100));
        assert_eq!((slot.advance(1200), slot.due_us), (0, 1200), "due at once is not missed");
        assert_eq!((slot.advance(1530), slot.due_us), (3, 1600));
    }

    #[test]
    fn a_dead_device_costs_its_neighbour_only_a_probe_now_and_then() {
        let takes = |turn: &Turn| if turn.device == 0 { 300_000 } else { 2_000 };
        let alone = run(&mut schedule(&[100_000]), 60_000_000, |_| 2_000, &[]).len();
        let turns = run(&mut schedule(&[100_000, 100_000]), 60_000_000, takes, &[0]);
        let (dead, alive): (Vec<_>, Vec<_>) = turns.into_iter().partition(|(_, turn)| turn.device == 0);
        assert!(dead.len() < 20, "{} turns for a dead device", dead.len());
        assert!(alive.len() > alone * 9 / 10, "{} turns of {alone}", alive.len());
    }

    proptest! {
        #[test]
        fn nothing_is_read_before_it_is_due_and_each_time_is_read_or_missed(
            every_us in prop::collection::vec(50_000..2_000_000_u64, 1..8), takes_us in 1..400_000_u64,
        ) {
            let mut schedule = schedule(&every_us);
            let first: Vec<u64> = schedule.seats.iter().map(|seat| seat.slots[0].due_us).collect();
            let (mut now_us, mut seen) = (0, vec![0_u64; every_us.len()]);
            for _ in 0..200 {
                let turn = schedule.next().unwrap();
                let from_us = turn.due_us.max(now_us);
                now_us = from_us + takes_us;
                let settled = schedule.settle(&turn, true, Spent { from_us, to_us: now_us }, 0);
                seen[turn.device] += 1 + settled.missed;
                let due_us = schedule.seats[turn.device].slots[0].due_us;
                prop_assert_eq!(due_us, first[turn.device] + seen[turn.device] * every_us[turn.device]);
                prop_assert!(due_us >= now_us, "the next time is not over");
            }
        }

        #[test]
        fn on_a_bus_that_cannot_keep_up_everybody_has_a_turn(
            every_us in prop::collection::vec(50_000..500_000_u64, 2..8), takes_us in 500_000..900_000_u64,
        ) {
            let turns = run(&mut schedule(&every_us), 60_000_000, |_| takes_us, &[]);
            for round in turns[every_us.len()..].windows(2 * every_us.len()) {
                let of = |device| round.iter().any(|(_, turn)| turn.device == device);
                prop_assert!((0..every_us.len()).all(of), "{round:?}");
            }
        }

        #[test]
        fn two_probes_never_follow_each_other_while_a_device_that_is_alive_waits(
            alive in 1..4_usize, dead in 2..8_usize, takes_us in 100_000..900_000_u64,
        ) {
            let mut schedule = schedule(&vec![200_000; alive + dead]);
            let dead: Vec<usize> = (alive..alive + dead).collect();
            let takes = |turn: &Turn| if dead.contains(&turn.device) { takes_us } else { 1_000 };
            let turns = run(&mut schedule, 60_000_000, takes, &dead);
            for pair in turns.windows(2) {
                let [(_, first), (began_us, second)] = pair else { unreachable!() };
                let waits = second.is_probe && first.is_probe && *began_us > second.due_us;
                let alive_due = |(later_us, turn): &(u64, Turn)| {
                    *later_us > *began_us && !turn.is_probe && turn.due_us <= *began_us
                };
                prop_assert!(!waits || !turns.iter().any(alive_due));
            }
        }

        #[test]
        fn what_fails_takes_no_more_than_half_of_the_bus_from_those_that_answer(
            failing in prop::collection::vec((1_000..2_000_000_u64, 0..4_u64), 1..8), failures_max in 1..100_u32, every_us in 50_000..2_000_000_u64,
        ) {
            let (patience, mut schedule) = (Patience { failures_max, ..PATIENCE }, Schedule::default());
            for number in 0..=failing.len() as u64 {
                schedule.seat(patience, false, &[Beat { every_us, number }], 0);
            }
            // The first answers each time, and the others every so often, or never.
            let (mut now_us, mut failed_us, mut turns) = (0, 0, vec![0; failing.len() + 1]);
            let owed_us: u64 = failing.iter().map(|(takes_us, _)| takes_us).sum();
            while now_us < 100_000_000 {
                let turn = schedule.next().unwrap();
                turns[turn.device] += 1;
                let (takes_us, answered) = match turn.device.checked_sub(1).map(|at| failing[at]) {
                    None => (1_000, true),
                    Some((takes_us, often)) => (takes_us, often > 0 && turns[turn.device] % (often + 1) == 0),
                };
                let from_us = turn.due_us.max(now_us);
                now_us = from_us + takes_us;
                failed_us += if answered { 0 } else { takes_us };
                schedule.settle(&turn, answered, Spent { from_us, to_us: now_us }, u64::MAX / 2);
                prop_assert!(2 * failed_us <= now_us + owed_us, "{failed_us} of {now_us}");
            }
            prop_assert!(turns.iter().all(|turns| *turns > 0), "and everybody has a turn: {turns:?}");
        }

        #[test]
        fn a_device_off_scan_is_asked_for_its_first_group_alone(failures in 2..10_usize, groups in 2..5_u64) {
            let mut schedule = Schedule::default();
            let beats: Vec<Beat> = (0..groups).map(|number| Beat { every_us: 60_000, number }).collect();
            schedule.seat(PATIENCE, false, &beats, 0);
            let turns = run(&mut schedule, 20_000_000, |_| 1_000, &[0]);
            prop_assert!(turns.len() > failures.min(3));
            for (_, turn) in &turns[2..] {
                prop_assert!(turn.is_probe && turn.group == 0);
            }
        }
    }
}
