//! What was taken, by the way it came and by class. Pure.
//!
//! Readings in the journal are counted here as well as there. The register holds these counts as of a record; what came after it
//! and before a crash is recounted from the records themselves, so they agree after a kill at any moment.

use crate::class::Class;
use crate::reading::Source;
use serde::Serialize;

/// What was taken by one way in one class, over all starts of this data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SourceAccount {
    pub source: &'static str,
    pub class: Class,
    /// Taken, be it into the journal, into memory or absorbed.
    pub accepted: u64,
    /// Of those, how many brought nothing that was news.
    pub absorbed: u64,
}

/// The counts of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Taken {
    /// In the journal or in memory, by class in the order of [`Class::ALL`].
    pub(crate) kept: [u64; 3],
    /// Nothing in it was news.
    pub(crate) absorbed: [u64; 3],
}

/// The counts of all ways, in the order of [`Source::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sources(pub(crate) [Taken; Source::ALL.len()]);

impl Sources {
    pub(crate) fn keep(&mut self, source: Source, class: Class) {
        self.of_mut(source).kept[class.index()] += 1;
    }

    pub(crate) fn absorb(&mut self, source: Source, class: Class) {
        self.of_mut(source).absorbed[class.index()] += 1;
    }

    pub(crate) fn add(&mut self, other: &Sources) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            for class in 0..3 {
                mine.kept[class] += theirs.kept[class];
                mine.absorbed[class] += theirs.absorbed[class];
            }
        }
    }

    /// Everything that rules made.
    pub(crate) fn derived(&self) -> u64 {
        self.of(Source::Rule).total()
    }

    /// Taken and not in the journal: what only the register knows of.
    pub(crate) fn unjournaled(&self) -> u64 {
        self.telemetry() + self.absorbed().iter().sum::<u64>()
    }

    /// Taken into memory.
    pub(crate) fn telemetry(&self) -> u64 {
        self.0.iter().map(|taken| taken.kept[Class::Telemetry.index()]).sum()
    }

    /// Absorbed, by class.
    pub(crate) fn absorbed(&self) -> [u64; 3] {
        [0, 1, 2].map(|class| self.0.iter().map(|taken| taken.absorbed[class]).sum())
    }

    /// In the journal.
    pub(crate) fn journaled(&self) -> u64 {
        let of = |taken: &Taken| taken.kept[0] + taken.kept[1];
        self.0.iter().map(of).sum()
    }

    pub(crate) fn accounts(&self) -> Vec<SourceAccount> {
        let of_source = |source: Source| Class::ALL.map(|class| self.account(source, class));
        let all = Source::ALL.into_iter().flat_map(of_source);
        all.filter(|account| account.accepted > 0).collect()
    }

    fn account(&self, source: Source, class: Class) -> SourceAccount {
        let taken = self.of(source);
        let absorbed = taken.absorbed[class.index()];
        SourceAccount {
            source: source.name(),
            class,
            accepted: taken.kept[class.index()] + absorbed,
            absorbed,
        }
    }

    fn of(&self, source: Source) -> &Taken {
        &self.0[source.index()]
    }

    fn of_mut(&mut self, source: Source) -> &mut Taken {
        &mut self.0[source.index()]
    }
}

impl Taken {
    fn total(&self) -> u64 {
        self.kept.iter().chain(&self.absorbed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_told_by_source_and_class() {
        let mut sources = Sources::default();
        sources.keep(Source::Mqtt, Class::Process);
        sources.keep(Source::Rule, Class::Critical);
        sources.keep(Source::Http, Class::Telemetry);
        sources.absorb(Source::Http, Class::Telemetry);
        let told: Vec<_> = sources
            .accounts()
            .iter()
            .map(|row| (row.source, row.class, row.accepted, row.absorbed))
            .collect();
        let expected = [
            ("mqtt", Class::Process, 1, 0),
            ("http", Class::Telemetry, 2, 1),
            ("rule", Class::Critical, 1, 0),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            (sources.journaled(), sources.telemetry(), sources.unjournaled(), sources.derived()),
            (2, 1, 2, 1)
        );
    }
}
