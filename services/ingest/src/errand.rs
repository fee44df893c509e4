//! One batch on its way into a sink, over as many attempts as it takes, until each row is delivered or refused for good.
//!
//! What a sink refuses without saying which row it means is halved and tried again, so the good rows get through and the bad
//! ones are found. What has been delivered is not delivered again. The number of attempts that halving may take is bounded; what
//! is left of a part when they are used up is refused whole.

use crate::sink::{Poison, Row, Setback, Sink, SinkError};
use std::ops::Range;
use std::time::Duration;
use tidegate_kernel_plug::with_causes;

/// Attempts that the halving of one batch may take: enough for a batch of 512 that is bad in every row.
const SPLITS_MAX: u32 = 1024;

/// The batch and how far it is.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) rows: Vec<Row>,
    /// Parts not delivered yet, the next one last.
    left: Vec<Range<usize>>,
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
        let whole = 0..rows.len();
        let left = Some(whole).filter(|whole| !whole.is_empty()).into_iter().collect();
        Errand { rows, left, poison: Vec::new(), splits_left: SPLITS_MAX, rows_cap: None }
    }

    /// Delivers what is left. When it waits, what is left comes again as replay.
    pub(crate) async fn run<S: Sink>(&mut self, sink: &S) -> Result<(), Wait> {
        while let Some(part) = self.left.pop() {
            let outcome = sink.deliver(&self.rows[part.clone()]).await;
            if let Err(wait) = self.take(part, outcome) {
                self.left.iter().for_each(|part| mark(&mut self.rows[part.clone()]));
                return Err(wait);
            }
        }
        Ok(())
    }

    fn take(&mut self, part: Range<usize>, outcome: Result<(), Setback>) -> Result<(), Wait> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Setback::Poison(rows)) => {
                let inside = rows.into_iter().filter(|poison| poison.row < part.len());
                self.poison.extend(inside.map(|poison| Poison { row: part.start + poison.row, ..poison }));
                Ok(())
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

    fn put_back(&mut self, part: Range<usize>, wait: Wait) -> Result<(), Wait> {
        self.left.push(part);
        Err(wait)
    }

    fn halve(&mut self, part: Range<usize>, error: &SinkError) {
        if part.len() > 1 && self.splits_left >= 2 {
            self.splits_left -= 2;
            let middle = part.start + part.len() / 2;
            self.left.push(middle..part.end);
            self.left.push(part.start..middle);
            return;
        }
        let reason = with_causes(error);
        self.poison.extend(part.map(|row| Poison { row, code: error.code, reason: reason.clone() }));
    }
}

fn mark(rows: &mut [Row]) {
    rows.iter_mut().for_each(|row| row.replay = true);
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

    #[tokio::test]
    async fn a_batch_that_is_bad_in_every_row_ends_within_the_bound() {
        let sink = Picky { bad: (0..4000).collect(), rows_max: 5000, ..Picky::default() };
        let mut errand = Errand::new(rows(4000));
        errand.run(&sink).await.unwrap();
        assert_eq!(errand.poison.len(), 4000);
        assert!(*sink.attempts.lock().unwrap() <= SPLITS_MAX + 1);
    }
}
