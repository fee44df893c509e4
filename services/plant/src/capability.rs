//! The plant as the node holds it: its counts as metrics, its end as a first step of a drain.
//!
//! A device that does not answer makes no node unready: there is always one that is switched off.

use crate::board::State;
use crate::counters::{Cycle, Fate, Paces, Tallies};
use crate::plant::Plant;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};

impl Capability for Plant {
    fn name(&self) -> &'static str {
        "plant"
    }

    fn stage(&self) -> Stage {
        Stage::Intake
    }

    fn metrics(&self) -> Vec<Family> {
        let tallies = self.counters.tallies.lock().clone();
        if tallies.is_empty() {
            return Vec::new();
        }
        let mut families = vec![self.devices(), self.panicked_buses()];
        families.extend(reads(&tallies));
        families.extend(samples(&tallies));
        families.extend(pace(&self.counters.paces.lock()));
        families
    }

    fn readiness(&self) -> Readiness {
        match self.failed.load(Ordering::Relaxed) {
            0 => Readiness::Ready,
            many => Readiness::Unready(format!("{many} buses are not asked any more (TG-PL-030)")),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let count = self.stop(deadline.into()).await;
            let (part, what) = ("plant".to_owned(), "buses cut in the middle of a read");
            (count > 0).then_some(Leftover { part, count, what }).into_iter().collect()
        })
    }
}

impl Plant {
    fn devices(&self) -> Family {
        let mut devices =
            Family::gauge("tidegate_plant_asked_devices", "Devices that are asked, by how they stand.");
        for (driver, counts) in self.board.counts() {
            for state in State::ALL {
                devices.push(&[("driver", driver), ("state", state.name())], counts[state as usize]);
            }
        }
        devices
    }

    fn panicked_buses(&self) -> Family {
        let help = "Panics that ended the task of a bus, which was begun again unless there were too many.";
        let panics = self.panics.load(Ordering::Relaxed);
        Family::counter("tidegate_plant_bus_panics_total", help).with(&[], panics)
    }
}

fn reads(tallies: &Tallies) -> Vec<Family> {
    let mut cycles = Family::counter(
        "tidegate_plant_cycles_total",
        "Times a group was due, by how that ended; missed are those that came while it, or a neighbour on its bus, was being read, or while it rested after a failure.",
    );
    let mut connections = Family::counter("tidegate_plant_connections_total", "Connections made to devices.");
    let mut demotions = Family::counter("tidegate_plant_demotions_total", "Times a device went off scan.");
    let mut switches = Family::counter(
        "tidegate_plant_switches_total",
        "Times a device on scan was asked at its other address from then on.",
    );
    for (driver, tally) in tallies {
        let (tally, driver) = (tally.lock(), ("driver", *driver));
        for cycle in Cycle::ALL {
            cycles.push(&[driver, ("outcome", cycle.name())], tally.cycles[cycle as usize]);
        }
        connections.push(&[driver], tally.connections);
        demotions.push(&[driver], tally.demotions);
        switches.push(&[driver], tally.switches);
    }
    vec![cycles, connections, demotions, switches]
}

fn samples(tallies: &Tallies) -> Vec<Family> {
    let mut samples = Family::counter(
        "tidegate_plant_samples_total",
        "What reads brought, by what became of it; those that wait for room are in none yet.",
    );
    let mut waiting = Family::gauge("tidegate_plant_waiting_samples", "Samples that wait for room.");
    let mut values = Family::counter("tidegate_plant_values_total", "Tags that were read.");
    let mut bad = Family::counter(
        "tidegate_plant_bad_values_total",
        "Tags that could not be read, each time, by code; of a device that does not answer all that were due.",
    );
    for (driver, tally) in tallies {
        let (tally, driver) = (tally.lock(), ("driver", *driver));
        for fate in Fate::ALL {
            samples.push(&[driver, ("outcome", fate.name())], tally.samples[fate as usize]);
        }
        waiting.push(&[driver], tally.waiting);
        values.push(&[driver], tally.values);
        for (code, count) in &tally.bad {
            bad.push(&[driver, ("code", code)], *count);
        }
    }
    vec![samples, waiting, values, bad]
}

fn pace(paces: &Paces) -> Vec<Family> {
    let mut late = Family::histogram(
        "tidegate_plant_read_delay_seconds",
        "From when a read was due to when it began, by template and group.",
    );
    let mut every = Family::histogram(
        "tidegate_plant_read_interval_seconds",
        "From the beginning of one read of a group to that of the next, by template and group.",
    );
    for ((template, group), pace) in paces {
        let (pace, labels) = (pace.lock(), [("template", &**template), ("group", group.as_str())]);
        late.push_histogram(&labels, pace.late.clone());
        every.push_histogram(&labels, pace.every.clone());
    }
    vec![late, every]
}
