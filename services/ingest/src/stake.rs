//! What a sink has of readings that are not in the journal: telemetry, and those in which nothing was news. Pure.
//!
//! Both are counted at admission, once for all sinks. A sink's share is what was counted since it was opened, so a base is kept
//! for each, with what became of its telemetry: the register `ingest.sink.NAME`. Absorbed readings are routed and absorbed in
//! one step; telemetry that a start finds neither settled nor in memory went with the process and counts as shed.
//!
//! ```text
//! version u8, 1; absorbed base by class u64 x 3; telemetry base u64; delivered, coalesced, shed, dead lettered u64
//! ```

use crate::sources::Sources;
use crate::telemetry::TelemetryTally;
use bytes::Buf;

const VERSION: u8 = 1;

/// One sink's bases and settled telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stake {
    absorbed_base: [u64; 3],
    telemetry_base: u64,
    tally: TelemetryTally,
}

/// The name of the register of this sink's stake.
pub(crate) fn register_name(sink: &str) -> String {
    format!("ingest.sink.{sink}")
}

impl Stake {
    /// Of a sink that is opened for the first time.
    pub(crate) fn new(sources: &Sources) -> Stake {
        let (absorbed_base, telemetry_base) = (sources.absorbed(), sources.telemetry());
        Stake { absorbed_base, telemetry_base, tally: TelemetryTally::default() }
    }

    /// After a start: what was in memory is gone.
    pub(crate) fn bereave(&mut self, sources: &Sources) {
        (self.tally.lag, self.tally.in_flight) = (0, 0);
        let routed = self.telemetry_routed(sources);
        self.tally.shed += routed.saturating_sub(self.tally.settled());
        self.detach(sources);
    }

    /// Nobody takes telemetry for this sink: what comes is not routed to it.
    pub(crate) fn detach(&mut self, sources: &Sources) {
        self.telemetry_base = sources.telemetry().saturating_sub(self.tally.settled());
    }

    pub(crate) fn tally(&self) -> TelemetryTally {
        self.tally
    }

    pub(crate) fn update(&mut self, tally: TelemetryTally) {
        self.tally = tally;
    }

    /// Readings in which nothing was news since this sink was opened, by class.
    pub(crate) fn absorbed(&self, sources: &Sources) -> [u64; 3] {
        let (all, base) = (sources.absorbed(), self.absorbed_base);
        [0, 1, 2].map(|class| all[class].saturating_sub(base[class]))
    }

    pub(crate) fn telemetry_routed(&self, sources: &Sources) -> u64 {
        sources.telemetry().saturating_sub(self.telemetry_base)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let TelemetryTally { delivered, coalesced, shed, dead_lettered, .. } = self.tally;
        let mut out = vec![VERSION];
        let numbers = [self.telemetry_base, delivered, coalesced, shed, dead_lettered];
        self.absorbed_base
            .iter()
            .chain(&numbers)
            .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        out
    }

    /// Nothing for a later version or a value that is too short or too long.
    pub(crate) fn decode(mut value: &[u8]) -> Option<Stake> {
        if value.try_get_u8().ok()? != VERSION || value.len() != 64 {
            return None;
        }
        let mut number = || value.get_u64_le();
        let (absorbed_base, telemetry_base) = ([number(), number(), number()], number());
        let (delivered, coalesced, shed, dead_lettered) = (number(), number(), number(), number());
        let tally = TelemetryTally { delivered, coalesced, shed, dead_lettered, ..TelemetryTally::default() };
        Some(Stake { absorbed_base, telemetry_base, tally })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;
    use crate::reading::Source;

    fn taken(telemetry: u64) -> Sources {
        let mut sources = Sources::default();
        (0..telemetry).for_each(|_| sources.keep(Source::Mqtt, Class::Telemetry));
        sources
    }

    #[test]
    fn what_was_in_memory_at_an_end_is_shed_and_what_comes_while_nobody_takes_is_not_routed() {
        let mut stake = Stake::new(&taken(5));
        stake.update(TelemetryTally { delivered: 2, coalesced: 1, lag: 4, ..TelemetryTally::default() });
        let mut found = Stake::decode(&stake.encode()).unwrap();
        found.bereave(&taken(12));
        assert_eq!(
            (found.telemetry_routed(&taken(12)), found.tally().settled(), found.tally().shed),
            (7, 7, 4)
        );
        found.detach(&taken(20));
        assert_eq!(found.telemetry_routed(&taken(20)), 7);
    }

    #[test]
    fn a_stake_that_was_cut_or_prolonged_is_none() {
        let mut bytes = Stake::new(&taken(5)).encode();
        assert!((0..bytes.len()).all(|end| Stake::decode(&bytes[..end]).is_none()));
        bytes.push(0);
        assert_eq!(Stake::decode(&bytes), None);
    }
}
