//! What the tags of one group were last, and so what a read is worth telling. Pure.

use crate::driver::{Found, Trouble};
use crate::error;
use std::sync::Arc;
use tidegate_engine_tags::{Point, Quality, Value};

/// The tags of one group of one device.
#[derive(Debug)]
pub(crate) struct Memory {
    tags: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    last: Option<Value>,
    /// Why it cannot be read, which was told.
    bad: Option<&'static str>,
}

/// What a read came to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every value, and, once, each tag that cannot be read any more.
    pub(crate) points: Vec<Point>,
    pub(crate) good: u64,
    /// Why tags could not be read.
    pub(crate) bad: Vec<&'static str>,
}

impl Memory {
    pub(crate) fn new(names: impl Iterator<Item = Arc<str>>) -> Memory {
        Memory { tags: names.map(|name| Known { name, last: None, bad: None }).collect() }
    }

    /// The place of a tag among them.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.tags.iter().position(|tag| *tag.name == *name)
    }

    /// The device answered; there is one of `found` for each tag.
    pub(crate) fn answered(&mut self, found: Vec<Found>, read_ms: u64) -> Told {
        let mut told = Told::default();
        for (tag, found) in self.tags.iter_mut().zip(found) {
            tag.take(found, read_ms, &mut told);
        }
        told
    }

    /// It did not.
    pub(crate) fn failed(&mut self, trouble: &Trouble, read_ms: u64) -> Told {
        let mut told = Told::default();
        self.tags.iter_mut().for_each(|tag| tag.bad(trouble, read_ms, &mut told));
        told
    }
}

impl Known {
    fn take(&mut self, found: Found, read_ms: u64, told: &mut Told) {
        let (value, source_ms, quality) = match found {
            Found::Good { value, source_ms } => (value, source_ms, Quality::Good),
            Found::Uncertain { value, source_ms } => (value, source_ms, Quality::Uncertain),
            Found::Bad(trouble) => return self.bad(&trouble, read_ms, told),
            Found::News(news) if news.is_empty() => return told.bad.extend(self.bad),
            Found::News(news) => return news.into_iter().for_each(|found| self.take(found, read_ms, told)),
        };
        if !value.is_finite() {
            return self.bad(&error::infinite(), read_ms, told);
        }
        (self.last, self.bad) = (Some(value.clone()), None);
        told.good += 1;
        let source_ms = source_ms.unwrap_or(read_ms);
        told.points.push(Point { tag: self.name.clone(), value, quality, source_ms });
    }

    /// Told once, with what it was last; where it never was anything there is nothing to tell.
    fn bad(&mut self, trouble: &Trouble, read_ms: u64, told: &mut Told) {
        told.bad.push(trouble.code);
        if let Some(value) = self.last.clone().filter(|_| self.bad.is_none()) {
            let tag = self.name.clone();
            told.points.push(Point { tag, value, quality: Quality::Bad, source_ms: read_ms });
        }
        self.bad = Some(trouble.code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory::new(["a", "b"].into_iter().map(Arc::from))
    }

    fn told(told: &Told) -> Vec<(&str, f64, Quality)> {
        let one = |point: &'_ Point| (point.value.as_real().unwrap(), point.quality);
        told.points.iter().map(|point| (&*point.tag, one(point).0, one(point).1)).collect()
    }

    fn good(values: [f64; 2]) -> Vec<Found> {
        values.map(|value| Value::Real(value).into()).into()
    }

    #[test]
    fn a_tag_that_cannot_be_read_is_told_once_with_what_it_was_last() {
        let (mut memory, lost) = (memory(), Trouble::tag("TG-PL-013", "gone"));
        memory.answered(good([1.0, 2.0]), 5);
        let once = memory.answered(vec![Value::Real(3.0).into(), Found::Bad(lost.clone())], 6);
        assert_eq!(told(&once), [("a", 3.0, Quality::Good), ("b", 2.0, Quality::Bad)]);
        let again = memory.answered(vec![Value::Real(4.0).into(), Found::Bad(lost)], 7);
        assert_eq!((told(&again), &again.bad[..]), (vec![("a", 4.0, Quality::Good)], &["TG-PL-013"][..]));
        assert_eq!(told(&memory.answered(good([4.0, 5.0]), 8)).len(), 2);
    }

    #[test]
    fn what_came_by_itself_is_told_in_order_and_nothing_new_tells_nothing() {
        let mut memory = memory();
        let of = |value, source_ms| Found::Good { value: Value::Real(value), source_ms: Some(source_ms) };
        let doubtful = Found::Uncertain { value: Value::Real(9.0), source_ms: None };
        let told_of = memory.answered(vec![Found::News(vec![of(1.0, 3), of(2.0, 4)]), doubtful], 5);
        let expected = [("a", 1.0, Quality::Good), ("a", 2.0, Quality::Good), ("b", 9.0, Quality::Uncertain)];
        assert_eq!((told(&told_of), told_of.good), (expected.into(), 3));
        assert_eq!(told_of.points.iter().map(|point| point.source_ms).collect::<Vec<_>>(), [3, 4, 5]);
        let lost = Found::Bad(Trouble::tag("TG-PL-013", "gone"));
        assert_eq!(memory.answered(vec![Found::News(vec![]), lost], 6).points.len(), 1);
        let nothing = memory.answered(vec![Found::News(vec![]), Found::News(vec![])], 7);
        assert_eq!(
            (nothing.points.len(), &nothing.bad[..]),
            (0, &["TG-PL-013"][..]),
            "what was bad stays bad"
        );
    }

    #[test]
    fn a_device_that_never_answered_has_nothing_to_tell() {
        let (mut memory, silent) = (memory(), Trouble::device("TG-PL-011", "silent"));
        let first = memory.failed(&silent, 5);
        assert_eq!((first.points.len(), first.bad.len(), first.good), (0, 2, 0));
        memory.answered(good([1.0, 2.0]), 6);
        assert_eq!(memory.failed(&silent, 7).points.len(), 2);
        assert_eq!(memory.failed(&silent, 8).points.len(), 0);
    }

    #[test]
    fn what_is_no_finite_number_is_bad() {
        let mut memory = memory();
        memory.answered(good([1.0, 2.0]), 5);
        let odd = memory.answered(good([f64::NAN, 2.0]), 6);
        assert_eq!(told(&odd)[0], ("a", 1.0, Quality::Bad));
        assert_eq!(odd.bad, ["TG-PL-013"]);
    }
}
