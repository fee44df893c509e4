//! Metrics as values: a family has a name, a help line, a kind, and one series for each set of labels.
//!
//! A wrong name is a fault of the program and panics where the family is made, so one look at the page in a test finds it. What
//! comes from outside (a label's value) is cut to its limit instead. Pure.

use crate::histogram::Histogram;

/// Series a family keeps; more are dropped and counted, so that no label from outside can fill the memory.
pub const SERIES_PER_FAMILY_MAX: usize = 1000;
pub(crate) const NAME_BYTES_MAX: usize = 100;
pub(crate) const LABELS_MAX: usize = 8;
pub(crate) const LABEL_VALUE_BYTES_MAX: usize = 128;

/// What the numbers of a family do over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises; its name ends in `_total`.
    Counter,
    Gauge,
    Histogram,
}

/// A sample's value. Whole numbers stay whole: a count beyond 2^53 is not rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Whole(u64),
    Signed(i64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Number {
        Number::Whole(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::Signed(value)
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Number {
        Number::Signed(value.into())
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Number {
        Number::Real(value)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(Number),
    Histogram(Histogram),
}

/// Everything of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) series: Vec<Series>,
    pub(crate) dropped: u64,
}

impl Family {
    /// Panics unless the name is `tidegate_<capability>_<noun>_<unit>` with `_total` at the end.
    pub fn counter(name: &'static str, help: &'static str) -> Family {
        assert!(name.ends_with("_total"), "the name of counter {name} ends in _total");
        Family::new(name, help, Kind::Counter)
    }

    /// Panics unless the name is `tidegate_<capability>_<noun>_<unit>`.
    pub fn gauge(name: &'static str, help: &'static str) -> Family {
        assert!(!name.ends_with("_total"), "only counters end in _total, and {name} is a gauge");
        Family::new(name, help, Kind::Gauge)
    }

    /// Panics unless the name is `tidegate_<capability>_<noun>_<unit>`.
    pub fn histogram(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, Kind::Histogram)
    }

    fn new(name: &'static str, help: &'static str, kind: Kind) -> Family {
        assert!(name.starts_with("tidegate_") && is_name(name), "{name:?} is no metric name of this product");
        Family { name, help, kind, series: Vec::new(), dropped: 0 }
    }

    /// One series. Panics on a label name that is none, or on more labels than [`Family`] takes.
    pub fn push(&mut self, labels: &[(&'static str, &str)], value: impl Into<Number>) {
        self.insert(labels, Value::Number(value.into()));
    }

    pub fn push_histogram(&mut self, labels: &[(&'static str, &str)], histogram: Histogram) {
        self.insert(labels, Value::Histogram(histogram));
    }

    /// The same as [`Family::push`], for a family that is made in one expression.
    #[must_use]
    pub fn with(mut self, labels: &[(&'static str, &str)], value: impl Into<Number>) -> Family {
        self.push(labels, value);
        self
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    fn insert(&mut self, labels: &[(&'static str, &str)], value: Value) {
        assert!(labels.len() <= LABELS_MAX, "{} has more than {LABELS_MAX} labels", self.name);
        assert!(labels.iter().all(|(name, _)| is_name(name)), "{} has a label that is no name", self.name);
        if self.series.len() >= SERIES_PER_FAMILY_MAX {
            self.dropped += 1;
            return;
        }
        let labels = labels.iter().map(|(name, value)| (*name, cut(value).to_owned())).collect();
        self.series.push(Series { labels, value });
    }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(LABEL_VALUE_BYTES_MAX)]
}
