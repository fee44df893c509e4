//! One batch on its way into a sink, over as many attempts as it takes, until each row is delivered or refused for good.
//!
//! What a sink refuses without saying which row it means is halved and tried again, so the good rows get through and the bad
//! ones are found. What has been delivered is not delivered again. The number of attempts that halving may take is bounded; what
//! is left of a part when they are used up is refused whole.

use crate::sink::{Poison, Row, Setback, Sink, SinkError};
use std::borrow::Cow;
use std::time::Duration;
use tidegate_kernel_plug::with_causes;

/// Attempts that the halving of one batch may take: enough for a batch of 512 that is bad in every row.
const SPLITS_MAX: u32 = 1024;

/// Places of rows in the batch, rising. Not a range, for a sink may have delivered some of a batch and not others.
type Part = Vec<usize>;

/// The batch and how far it is.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) rows: Vec<Row>,
    /// Parts not delivered yet, the next one last.
    left: Vec<Part>,
    pub(crate) poison: Vec<Poison>,
    splits_left: u32,
    /// The largest part the other side had no objection to the size of, if it had any to a larger one.
    pub(crate) rows_cap: Option<usize>,
}

/// Why an errand waits.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) error: SinkError,
    pub(crate) after: Option<Duration>,
    /// Trying again soon is in vain.
    pub(crate) hopeless: bool,
}

impl Errand {
    pub(crate) fn new(rows: Vec<Row>) -> Errand {
        let whole: Part = (0..rows.len()).collect();
        let left = Some(whole).filter(|whole| !whole.is_empty()).into_iter().collect();
        Errand { rows, left, poison: Vec::new(), splits_left: SPLITS_MAX, rows_cap: None }
    }

    /// Delivers what is left. When it waits, what is left comes again as replay.
    pub(crate) async fn run<S: Sink>(&mut self, sink: &S) -> Result<(), Wait> {
        while let Some(part) = self.left.pop() {
            let outcome = sink.deliver(&self.batch(&part)).await;
            if let Err(wait) = self.take(part, outcome) {
                for row in self.left.iter().flatten() {
                    self.rows[*row].replay = true;
                }
                return Err(wait);
            }
        }
        Ok(())
    }

    /// The rows of a part; copied only where it has gaps.
    fn batch(&self, part: &[usize]) -> Cow<'_, [Row]> {
        match part {
            [first, .., last] if last - first + 1 > part.len() => {
                part.iter().map(|row| self.rows[*row].clone()).collect()
            }
            [first, ..] => Cow::Borrowed(&self.rows[*first..first + part.len()]),
            [] => Cow::Borrowed(&[]),
        }
    }

    fn take(&mut self, part: Part, outcome: Result<(), Setback>) -> Result<(), Wait> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Setback::Poison(rows)) => {
                self.condemn(&part, rows);
                Ok(())
            }
            Err(Setback::Partly { left, outcome, poison }) => {
                self.condemn(&part, poison);
                let left: Part = left.into_iter().filter_map(|at| part.get(at).copied()).collect();
                if left.is_empty() { Ok(()) } else { self.take(left, Err(*outcome)) }
            }
            Err(Setback::Refused(error)) => {
                self.halve(part, &error);
                Ok(())
            }
            Err(Setback::TooLarge(error)) => {
                self.rows_cap = Some((part.len() / 2).max(1));
                self.halve(part, &error);
                Ok(())
            }
            Err(Setback::Retry { error, after }) => {
                self.put_back(part, Wait { error, after, hopeless: false })
            }
            Err(Setback::Misconfigured(error)) => {
                self.put_back(part, Wait { error, after: None, hopeless: true })
            }
        }
    }

    /// A sink speaks of places in the part it was given.
    fn condemn(&mut self, part: &[usize], poison: Vec<Poison>) {
        let known = poison.into_iter().filter_map(|bad| Some(Poison { row: *part.get(bad.row)?, ..bad }));
        self.poison.extend(known);
    }

    fn put_back(&mut self, part: Part, wait: Wait) -> Result<(), Wait> {
        self.left.push(part);
        Err(wait)
    }

    fn halve(&mut self, mut part: Part, error: &SinkError) {
        if part.len() > 1 && self.splits_left >= 2 {
            self.splits_left -= 2;
            self.left.push(part.split_off(part.len() / 2));
            self.left.push(part);
            return;
        }
        let reason = with_causes(error);
        let poison = |row| Poison { row, code: error.code, reason: reason.clone() };
        self.poison.extend(part.into_iter().map(poison));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;
    use crate::reading::{Reading, Source};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use tidegate_kernel_journal::Id;

    /// Refuses any batch with a bad row, and anything while its patience lasts with a hiccup now and then.
    #[derive(Debug, Default)]
    struct Picky {
        bad: BTreeSet<u64>,
        rows_max: usize,
        hiccup_every: u32,
        attempts: Mutex<u32>,
        taken: Mutex<Vec<u64>>,
    }

    impl Sink for Picky {
        async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
            let attempt = {
                let mut attempts = self.attempts.lock().unwrap();
                *attempts += 1;
                *attempts
            };
            let error = || SinkError::new("TG-FI-002", "no");
            if self.hiccup_every > 0 && attempt % self.hiccup_every == 0 {
                return Err(error().into());
            }
            if batch.len() > self.rows_max {
                return Err(Setback::TooLarge(error()));
            }
            if batch.iter().any(|row| self.bad.contains(&row.seq)) {
                return Err(Setback::Refused(error()));
            }
            self.taken.lock().unwrap().extend(batch.iter().map(|row| row.seq));
            Ok(())
        }
    }

    fn reading() -> Reading {
        Reading::raw(Source::Mqtt, "a".parse().unwrap(), "1")
    }

    fn rows(many: usize) -> Vec<Row> {
        let row = |seq| Row {
            seq,
            id: Id::v7(1),
            stamp_ms: 1,
            class: Class::Process,
            replay: false,
            reading: reading(),
        };
        (0..many as u64).map(row).collect()
    }

    proptest! {
        #[test]
        fn every_good_row_is_delivered_once_in_order_and_every_bad_one_found(
            many in 0..200_usize, bad in prop::collection::btree_set(0..200_u64, 0..20), rows_max in 1..300_usize, hiccup_every in 0..5_u32
        ) {
            prop_assume!(hiccup_every != 1);
            let sink = Picky { bad, rows_max, hiccup_every, ..Picky::default() };
            let mut errand = Errand::new(rows(many));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut tries = 0;
            while runtime.block_on(errand.run(&sink)).is_err() {
                tries += 1;
                prop_assert!(tries < 10_000);
            }
            let bad: Vec<u64> = sink.bad.iter().copied().filter(|seq| *seq < many as u64).collect();
            let good: Vec<u64> = (0..many as u64).filter(|seq| !bad.contains(seq)).collect();
            prop_assert_eq!(&*sink.taken.lock().unwrap(), &good);
            prop_assert!(errand.poison.iter().map(|poison| poison.row as u64).eq(bad));
        }
    }

    /// Three places, as partitions are: each takes its rows or not, whatever the others do.
    #[derive(Debug, Default)]
    struct Sorting {
        bad: BTreeSet<u64>,
        rows_max: usize,
        /// Which place fails at the next attempts, and how.
        script: Mutex<Vec<(u64, bool)>>,
        taken: Mutex<Vec<u64>>,
    }

    const PLACES: u64 = 3;

    impl Sink for Sorting {
        async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
            let fails = self.script.lock().unwrap().pop();
            let (mut left, mut outcome) = (Vec::new(), None);
            for place in 0..PLACES {
                let rows: Vec<usize> =
                    (0..batch.len()).filter(|at| batch[*at].seq % PLACES == place).collect();
                let error = || SinkError::new("TG-FI-002", "no");
                let setback = match fails {
                    Some((fails, true)) if fails == place => Some(Setback::from(error())),
                    Some((fails, false)) if fails == place => Some(Setback::Misconfigured(error())),
                    _ if rows.len() > self.rows_max => Some(Setback::TooLarge(error())),
                    _ if rows.iter().any(|at| self.bad.contains(&batch[*at].seq)) => {
                        Some(Setback::Refused(error()))
                    }
                    _ => None,
                };
                match setback {
                    None => self.taken.lock().unwrap().extend(rows.iter().map(|at| batch[*at].seq)),
                    // The others' turn comes with the same rows again.
                    Some(setback) if outcome.is_none() => (left, outcome) = (rows, Some(setback)),
                    Some(_) => left.extend(rows),
                }
            }
            let Some(outcome) = outcome else { return Ok(()) };
            left.sort_unstable();
            Err(Setback::Partly { left, outcome: Box::new(outcome), poison: Vec::new() })
        }
    }

    proptest! {
        #[test]
        fn what_was_delivered_of_a_batch_is_not_delivered_again_and_each_place_keeps_its_order(
            many in 0..100_usize, bad in prop::collection::btree_set(0..100_u64, 0..5), rows_max in 1..50_usize,
            script in prop::collection::vec((0..PLACES, any::<bool>()), 0..10)
        ) {
            let sink = Sorting { bad, rows_max, script: script.into(), ..Sorting::default() };
            let mut errand = Errand::new(rows(many));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut tries = 0;
            while runtime.block_on(errand.run(&sink)).is_err() {
                tries += 1;
                prop_assert!(tries <= 10);
            }
            let taken = sink.taken.lock().unwrap();
            let bad: BTreeSet<u64> = errand.poison.iter().map(|poison| poison.row as u64).collect();
            prop_assert_eq!(bad.len(), errand.poison.len());
            prop_assert!(bad.iter().eq(sink.bad.iter().filter(|seq| **seq < many as u64)));
            for place in 0..PLACES {
                let of_place = taken.iter().copied().filter(|seq| seq % PLACES == place);
                prop_assert!(of_place.eq((place..many as u64).step_by(PLACES as usize).filter(|seq| !bad.contains(seq))));
            }
        }
    }

    #[tokio::test]
    async fn a_batch_that_is_bad_in_every_row_ends_within_the_bound() {
        let sink = Picky { bad: (0..4000).collect(), rows_max: 5000, ..Picky::default() };
        let mut errand = Errand::new(rows(4000));
        errand.run(&sink).await.unwrap();
        assert_eq!(errand.poison.len(), 4000);
        assert!(*sink.attempts.lock().unwrap() <= SPLITS_MAX + 1);
    }
}
