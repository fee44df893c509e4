//! One machine behind a PLC: it holds what it was told, a temperature that follows its setpoint and whether it may run; the rest is a
//! function of its seed and the time. Pure but for the clock that [`Living`] reads.

use crate::sim::floor::image::{Image, Kind, Life, Variable};
use crate::sim::signal::mix;
use std::f64::consts::TAU;
use std::time::Instant;

/// Where each value stands, from the highest byte on. The first two are bits 0 of their bytes.
const ENABLED: usize = 0;
const RUNNING: usize = 1;
const TEMPERATURE: usize = 2;
const POWER: usize = 6;
const COUNT: usize = 10;
const SETPOINT: usize = 14;
const BYTES: usize = 18;

/// The same by name; whether it stays as it is written.
const VARIABLES: [(&str, usize, Kind, bool); 6] = [
    ("temperature", TEMPERATURE, Kind::Real, false),
    ("power", POWER, Kind::Real, false),
    ("count", COUNT, Kind::Count, false),
    ("running", RUNNING, Kind::Flag, false),
    ("setpoint", SETPOINT, Kind::Real, true),
    ("enabled", ENABLED, Kind::Flag, true),
];

const AMBIENT: f64 = 21.0;
/// No heater does more.
const SETPOINT_MAX: f64 = 400.0;
/// In so many seconds two thirds of the way to another temperature are gone.
const SLOWNESS_S: f64 = 30.0;
/// A piece is made in each cycle, for this part of which the drive runs.
const CYCLE_S: f64 = 12.0;
const RUN_SHARE: f64 = 0.8;

#[derive(Debug)]
struct Machine {
    seed: u64,
    setpoint: f32,
    is_enabled: bool,
    /// When it was told something last, and how it was then.
    since_s: f64,
    temperature: f64,
    count: u32,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        let setpoint = 55.0 + (mix(seed) % 8) as f32 * 5.0;
        let (temperature, count) = (f64::from(setpoint), (mix(seed + 1) % 10_000) as u32);
        Machine { seed, setpoint, is_enabled: true, since_s: 0.0, temperature, count }
    }

    /// Without what the weather and the work do to it.
    fn mean(&self, at_s: f64) -> f64 {
        let setpoint = f64::from(self.setpoint);
        let is_heated = self.is_enabled && setpoint.is_finite();
        let goal = if is_heated { setpoint.clamp(0.0, SETPOINT_MAX) } else { AMBIENT };
        goal + (self.temperature - goal) * (-(at_s - self.since_s) / SLOWNESS_S).exp()
    }

    fn temperature(&self, at_s: f64) -> f64 {
        self.mean(at_s) + 0.8 * self.turn(at_s, 240.0, 2) + 0.2 * self.turn(at_s, 17.0, 3)
    }

    fn is_running(&self, at_s: f64) -> bool {
        self.is_enabled && self.phase(at_s, CYCLE_S, 4) < RUN_SHARE
    }

    fn power(&self, at_s: f64) -> f64 {
        let idle = 0.3 + 0.05 * self.turn(at_s, 31.0, 5);
        if self.is_running(at_s) { 7.5 + 1.5 * self.turn(at_s, 60.0, 6) + idle } else { idle }
    }

    fn count(&self, at_s: f64) -> u32 {
        let made = if self.is_enabled { ((at_s - self.since_s) / CYCLE_S) as u32 } else { 0 };
        self.count.wrapping_add(made)
    }

    /// From -1 to 1 and back within so many seconds; machines are not in step.
    fn turn(&self, at_s: f64, cycle_s: f64, salt: u64) -> f64 {
        (TAU * self.phase(at_s, cycle_s, salt)).sin()
    }

    fn phase(&self, at_s: f64, cycle_s: f64, salt: u64) -> f64 {
        let start = mix(self.seed.wrapping_mul(31).wrapping_add(salt)) as f64 / u64::MAX as f64;
        (at_s / cycle_s + start).fract()
    }

    /// Brings up to date what nobody can write: what was written there is gone, as after a cycle of a PLC's programme.
    fn put(&self, at_s: f64, block: &mut [u8]) {
        block[RUNNING] = u8::from(self.is_running(at_s));
        block[TEMPERATURE..POWER].copy_from_slice(&(self.temperature(at_s) as f32).to_be_bytes());
        block[POWER..COUNT].copy_from_slice(&(self.power(at_s) as f32).to_be_bytes());
        block[COUNT..SETPOINT].copy_from_slice(&self.count(at_s).to_be_bytes());
    }

    /// What it is told from now on.
    fn take(&mut self, at_s: f64, block: &[u8]) {
        (self.temperature, self.count, self.since_s) = (self.mean(at_s), self.count(at_s), at_s);
        self.is_enabled = block[ENABLED] & 1 == 1;
        let setpoint = block[SETPOINT..BYTES].first_chunk().expect("a real has four bytes");
        self.setpoint = f32::from_be_bytes(*setpoint);
    }
}

/// A machine with a clock.
struct Living {
    machine: Machine,
    began: Instant,
}

/// What a PLC in front of a machine has; the same at the same time after `began`.
pub(super) fn image(seed: u64, began: Instant) -> Image {
    let machine = Machine::new(seed);
    let mut block = vec![0; BYTES];
    block[ENABLED] = 1;
    block[SETPOINT..].copy_from_slice(&machine.setpoint.to_be_bytes());
    let variable = |(name, at, kind, is_writable): (&str, usize, Kind, bool)| Variable {
        name: name.to_owned(),
        at,
        kind,
        is_writable,
    };
    Image::new(vec![block], Living { machine, began }).with(VARIABLES.map(variable).into())
}

impl Life for Living {
    fn refresh(&mut self, blocks: &mut [Vec<u8>], _: usize, _: usize) {
        self.machine.put(self.began.elapsed().as_secs_f64(), &mut blocks[0]);
    }

    fn written(&mut self, blocks: &[Vec<u8>]) {
        self.machine.take(self.began.elapsed().as_secs_f64(), &blocks[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(machine: &mut Machine, at_s: f64, setpoint: f32, is_enabled: bool) {
        let mut block = [0; BYTES];
        block[ENABLED] = u8::from(is_enabled);
        block[SETPOINT..].copy_from_slice(&setpoint.to_be_bytes());
        machine.take(at_s, &block);
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_values_and_another_seed_others() {
        let block = |seed, at_s| {
            let mut block = [0; BYTES];
            Machine::new(seed).put(at_s, &mut block);
            block
        };
        assert_eq!(block(7, 12.5), block(7, 12.5));
        assert_ne!(block(7, 12.5), block(8, 12.5));
        assert_ne!(block(7, 12.5), block(7, 13.5));
    }

    #[test]
    fn the_temperature_goes_where_it_is_told_and_not_at_once() {
        let mut machine = Machine::new(1);
        told(&mut machine, 100.0, 120.0, true);
        let before = machine.mean(100.0);
        assert!((before - machine.temperature).abs() < 1e-9 && before < 100.0);
        assert!((machine.mean(110.0) - before) > 5.0);
        assert!((machine.temperature(600.0) - 120.0).abs() < 1.5);
        // What is none sends it nowhere.
        told(&mut machine, 600.0, f32::NAN, true);
        assert!((machine.mean(2000.0) - AMBIENT).abs() < 0.1);
    }

    #[test]
    fn a_machine_that_may_not_run_makes_nothing_and_goes_on_where_it_was() {
        let mut machine = Machine::new(3);
        let made = machine.count(100.0);
        told(&mut machine, 100.0, 60.0, false);
        assert_eq!(machine.count(1000.0), made);
        assert!(!machine.is_running(100.5) && machine.power(100.5) < 0.5);
        told(&mut machine, 1000.0, 60.0, true);
        assert_eq!(machine.count(1000.0 + CYCLE_S), made + 1);
    }

    #[test]
    fn a_machine_runs_and_rests() {
        let machine = Machine::new(5);
        let running = (0..120).filter(|at| machine.is_running(f64::from(*at))).count();
        assert!((80..=110).contains(&running), "{running}");
    }
}
