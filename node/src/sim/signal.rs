//! What devices of the plant measure: a function of the device and the time since the plant began, with noise that is the same
//! every time. Pure.

use crate::sim::site::{Kind, Place};
use serde_json::{Value, json};
use std::f64::consts::TAU;

/// The reefer that warms up, when it begins within each of its cycles, and how long warming and cooling take.
const WARM_REEFER: usize = 7;
const WARM_CYCLE_S: f64 = 75.0;
const WARM_BEGIN_S: f64 = 3.0;
const WARM_RISE_S: f64 = 8.0;
const WARM_HOLD_S: f64 = 15.0;
const WARM_KELVIN: f64 = 6.5;
/// The pump that shakes, likewise.
const SHAKY_PUMP: usize = 3;
const SHAKE_CYCLE_S: f64 = 140.0;
const SHAKE_BEGIN_S: f64 = 60.0;
const SHAKE_S: f64 = 20.0;

/// The payload of one device at one time.
pub(super) fn payload(place: Place, at_s: f64) -> Value {
    let wave = Wave { place, at_s };
    match place.group.kind {
        Kind::Crane => wave.crane(),
        Kind::Reefer => wave.reefer(),
        Kind::Pump => wave.pump(),
        Kind::Agv => wave.agv(),
        Kind::Tide => json!({"level": rounded(2.1 + 1.6 * wave.turn(1800.0) + wave.noise(0.001), 3)}),
        Kind::Gate => wave.gate(),
    }
}

#[derive(Clone, Copy)]
struct Wave {
    place: Place,
    at_s: f64,
}

impl Wave {
    /// A lift, a travel, a set-down, and a while of nothing.
    fn crane(self) -> Value {
        let (state, load) = match self.phase(60.0) {
            phase if phase < 0.2 => ("hoist", 24.0 + 3.0 * self.number()),
            phase if phase < 0.5 => ("travel", 24.0 + 3.0 * self.number()),
            phase if phase < 0.65 => ("lower", 24.0 + 3.0 * self.number()),
            _ => ("idle", 0.0),
        };
        let load = if load > 0.0 { load + self.noise(0.15) } else { 0.0 };
        let wind = 9.0 + 4.0 * self.turn(300.0) + self.noise(0.6);
        json!({"load": rounded(load, 1), "wind": rounded(wind, 1), "state": state, "moves": self.cycles(60.0)})
    }

    /// Cools while the compressor runs; one of them warms up once in each cycle.
    fn reefer(self) -> Value {
        let compressor = self.phase(40.0) < 0.55;
        let sway = 0.5 * self.turn(40.0) + self.noise(0.03);
        let warm = if self.place.number == WARM_REEFER { warmth(self.at_s) } else { 0.0 };
        json!({"temp": rounded(-18.0 - 0.1 * self.number() + sway + warm, 2), "compressor": compressor})
    }

    fn pump(self) -> Value {
        let shakes = self.place.number == SHAKY_PUMP
            && (SHAKE_BEGIN_S..SHAKE_BEGIN_S + SHAKE_S).contains(&(self.at_s % SHAKE_CYCLE_S));
        let vib = if shakes { 8.4 } else { 2.2 } + 0.2 * self.turn(17.0) + self.noise(0.15);
        let pressure = 5.2 + 0.3 * self.turn(120.0) + self.noise(0.02);
        json!({"pressure": rounded(pressure, 2), "vib": rounded(vib, 2)})
    }

    fn agv(self) -> Value {
        let phase = self.phase(90.0);
        let (zone, speed) = match phase {
            phase if phase < 0.4 => ("quay", 3.6),
            phase if phase < 0.8 => ("yard", 5.2),
            _ => ("charger", 0.0),
        };
        let speed = if speed > 0.0 { speed + self.noise(0.2) } else { 0.0 };
        let battery = if phase < 0.8 { 92.0 - 30.0 * phase } else { 68.0 + 120.0 * (phase - 0.8) };
        json!({"battery": rounded(battery, 1), "speed": rounded(speed, 1), "zone": zone})
    }

    fn gate(self) -> Value {
        let barrier = if self.phase(18.0) < 0.3 { "up" } else { "down" };
        json!({"barrier": barrier, "trucks": self.cycles(18.0)})
    }

    fn number(self) -> f64 {
        self.place.number as f64
    }

    /// Where it is within a cycle, from 0 to 1; devices of one kind are not in step.
    fn phase(self, cycle_s: f64) -> f64 {
        (self.at_s / cycle_s + 0.37 * self.number()).fract()
    }

    fn cycles(self, cycle_s: f64) -> u64 {
        (self.at_s / cycle_s + 0.37 * self.number()) as u64
    }

    fn turn(self, cycle_s: f64) -> f64 {
        (TAU * self.phase(cycle_s)).sin()
    }

    /// From -size to size, as good as random.
    fn noise(self, size: f64) -> f64 {
        let seed = ((self.at_s * 1000.0) as u64) ^ (self.place.number as u64) << 48;
        let mixed = mix(seed ^ (self.place.group.kind as u64) << 56);
        size * (mixed as f64 / u64::MAX as f64 * 2.0 - 1.0)
    }
}

/// Kelvin above what it should be.
fn warmth(at_s: f64) -> f64 {
    let since = at_s % WARM_CYCLE_S - WARM_BEGIN_S;
    let rising = since / WARM_RISE_S;
    let falling = (WARM_RISE_S + WARM_HOLD_S + WARM_RISE_S - since) / WARM_RISE_S;
    WARM_KELVIN * rising.min(falling).clamp(0.0, 1.0)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(super) fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::site::places;

    fn temp(number: usize, at_s: f64) -> f64 {
        let is_it = |place: &Place| place.group.kind == Kind::Reefer && place.number == number;
        payload(places().find(is_it).unwrap(), at_s)["temp"].as_f64().unwrap()
    }

    #[test]
    fn one_reefer_crosses_the_threshold_and_comes_back_and_the_others_never_do() {
        let seconds = || (0..600).map(f64::from);
        let crossings = seconds().filter(|at| (temp(7, *at) > -15.0) != (temp(7, at + 1.0) > -15.0)).count();
        assert_eq!(crossings, 16, "up and down in each of eight cycles");
        let others = (1..=16).filter(|number| *number != 7);
        assert!(others.flat_map(|number| seconds().map(move |at| temp(number, at))).all(|temp| temp < -16.5));
    }

    #[test]
    fn the_same_time_gives_the_same_payload() {
        for place in places() {
            assert_eq!(payload(place, 12.5), payload(place, 12.5));
        }
    }
}
