//! What each partition has still to get, in order. A partition gets one batch at a time, so that its records keep their order. Pure.

use crate::record::Outgoing;
use std::collections::{BTreeMap, VecDeque};

/// A topic and the number of a partition.
pub(crate) type Berth = (String, i32);

/// Places of rows in the batch that was to be delivered.
pub(crate) type Rows = Vec<usize>;

/// By partition.
#[derive(Debug, Default)]
pub(crate) struct Cargo {
    holds: BTreeMap<Berth, Hold>,
}

#[derive(Debug)]
struct Hold {
    leader: i32,
    /// One batch each, none of them empty.
    batches: VecDeque<Rows>,
    /// Of the last batch.
    bytes: usize,
}

impl Cargo {
    /// Puts a row behind the others of its partition; a batch of more than one has at most `bytes_max`.
    pub(crate) fn stow(&mut self, row: usize, outgoing: &Outgoing, at: (i32, i32), bytes_max: usize) {
        let (partition, leader) = at;
        let hold = self.holds.entry((outgoing.topic.clone(), partition));
        let hold = hold.or_insert_with(|| Hold { leader, batches: VecDeque::new(), bytes: 0 });
        let bytes = outgoing.record.bytes();
        match hold.batches.back_mut() {
            Some(batch) if hold.bytes + bytes <= bytes_max => {
                batch.push(row);
                hold.bytes += bytes;
            }
            _ => {
                hold.batches.push_back(vec![row]);
                hold.bytes = bytes;
            }
        }
    }

    /// The next batch of each partition, by the broker that leads it; those of one topic side by side.
    pub(crate) fn next(&self) -> BTreeMap<i32, Vec<(&Berth, &Rows)>> {
        let mut round: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        for (berth, hold) in &self.holds {
            round.entry(hold.leader).or_default().extend(hold.batches.front().map(|batch| (berth, batch)));
        }
        round.retain(|_, batches| !batches.is_empty());
        round
    }

    /// Takes the batch off that was next.
    pub(crate) fn unload(&mut self, berth: &Berth) -> Rows {
        let Some(hold) = self.holds.get_mut(berth) else { return Rows::new() };
        let batch = hold.batches.pop_front().unwrap_or_default();
        if hold.batches.is_empty() {
            self.holds.remove(berth);
        }
        batch
    }

    /// Everything the partition was to get, in order.
    pub(crate) fn abandon(&mut self, berth: &Berth) -> Rows {
        self.holds.remove(berth).map_or_else(Rows::new, |hold| hold.batches.into_iter().flatten().collect())
    }

    /// Parts the next batch in two; or takes its only row off.
    pub(crate) fn halve(&mut self, berth: &Berth) -> Option<usize> {
        let batches = &mut self.holds.get_mut(berth)?.batches;
        match batches.front_mut() {
            Some(batch) if batch.len() > 1 => {
                let behind = batch.split_off(batch.len() / 2);
                batches.insert(1, behind);
                None
            }
            _ => self.unload(berth).pop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_codec_kafka::Record;

    fn outgoing(bytes: usize) -> Outgoing {
        let value = vec![0; bytes].into();
        let record = Record { key: "".into(), value, timestamp_ms: 0, headers: Vec::new() };
        Outgoing { topic: "t".to_owned(), record }
    }

    fn batches(cargo: &Cargo) -> Vec<Rows> {
        cargo.holds.values().flat_map(|hold| hold.batches.iter().cloned()).collect()
    }

    #[test]
    fn a_batch_has_a_limit_but_a_single_record_goes_whatever_its_size() {
        let mut cargo = Cargo::default();
        for (row, bytes) in [100, 100, 5000, 10, 10].into_iter().enumerate() {
            cargo.stow(row, &outgoing(bytes), (0, 1), 300);
        }
        assert_eq!(batches(&cargo), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(cargo.next()[&1].len(), 1);
    }

    #[test]
    fn halves_go_in_order_down_to_the_one_to_blame_and_the_rest_stays_behind_it() {
        let mut cargo = Cargo::default();
        (0..5).for_each(|row| cargo.stow(row, &outgoing(1), (0, 1), 1000));
        let berth = ("t".to_owned(), 0);
        assert_eq!((cargo.halve(&berth), batches(&cargo)), (None, vec![vec![0, 1], vec![2, 3, 4]]));
        assert_eq!((cargo.halve(&berth), cargo.halve(&berth)), (None, Some(0)));
        assert_eq!(cargo.unload(&berth), [1]);
        assert_eq!(cargo.abandon(&berth), [2, 3, 4]);
        assert!(cargo.next().is_empty());
    }
}
