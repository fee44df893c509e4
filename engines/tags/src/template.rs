//! What can be said about devices: templates, groups, tags, overrides. As it is written down; nothing is checked here.

use crate::value::{Quality, Type};

/// Everything a [`Model`](crate::Model) is compiled from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelConfig {
    pub templates: Vec<Template>,
    pub devices: Vec<Device>,
    pub limits: Limits,
}

/// What devices of one kind have in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    pub name: String,
    pub groups: Vec<Group>,
    pub time: TimeField,
    /// Where the payload says how far it can be trusted: `true`, `"good"`, or an OPC quality such as 192.
    pub quality: Option<String>,
}

/// Tags that are of one class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    pub name: String,
    /// Where nothing is said, the topic decides.
    pub class: Option<TagClass>,
    pub tags: Vec<Tag>,
}

/// One tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// Unique in its template.
    pub name: String,
    /// Keys with dots between them, or a JSON pointer (RFC 6901); empty for a payload that is the value itself.
    pub path: String,
    pub of: Type,
    pub unit: String,
    /// Before its group's.
    pub class: Option<TagClass>,
    pub shape: Shape,
}

/// What a device may have otherwise than its template.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The value is `scale` times the number in the payload, plus `offset`.
    pub scale: f64,
    pub offset: f64,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The quality of a value outside `min` and `max`.
    pub implausible: Quality,
    pub deadband: Deadband,
    /// An unchanged value is no news.
    pub by_exception: bool,
    /// A value is news when none was reported for so long; 0 for never.
    pub forced_ms: u64,
    /// What is made of a window of samples.
    pub derived: Vec<Derived>,
    /// The samples themselves are a point too.
    pub keeps_samples: bool,
    /// Values may be written to it.
    pub writable: bool,
    /// What may be written; what is plausible, where nothing is said.
    pub write_min: Option<f64>,
    pub write_max: Option<f64>,
}

/// How far a value must move to be news.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Deadband {
    #[default]
    None,
    /// In the tag's unit.
    Absolute(f64),
    /// Of the span from `min` to `max` where both are given, else of what was last reported.
    Percent(f64),
}

/// What is made of a window of samples, as a tag `NAME.rms` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Derived {
    Rms,
    /// The largest magnitude.
    Peak,
    /// The fourth standardised moment: 3 for noise, more for shocks.
    Kurtosis,
}

/// How safe a reading with this tag must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagClass {
    Critical,
    Process,
    Telemetry,
}

/// Where the payload says when it was so.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeField {
    /// As in [`Tag::path`]; empty where the payload says nothing.
    pub path: String,
    pub unit: TimeUnit,
    /// A time further ahead of ours, or further behind, is not believed.
    pub ahead_ms_max: u64,
    pub behind_ms_max: u64,
}

/// What a time counts since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    Seconds,
    #[default]
    Millis,
    Micros,
    Nanos,
}

/// A device, or as many as a `+` stands for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Device {
    /// The name of the one device; of the devices behind a `+`, their level of the topic is the name.
    pub name: String,
    /// A topic, or an MQTT filter with one `+`.
    pub topic: String,
    pub template: String,
    /// By the name of the tag.
    pub overrides: Vec<(String, Override)>,
}

/// What is otherwise on one device; what is left out is as in the template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Override {
    pub scale: Option<f64>,
    pub offset: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub deadband: Option<Deadband>,
    pub by_exception: Option<bool>,
    pub forced_ms: Option<u64>,
    pub writable: Option<bool>,
    pub write_min: Option<f64>,
    pub write_max: Option<f64>,
}

/// How much a model and a payload may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub templates_max: usize,
    pub devices_max: usize,
    /// Devices whose topic has a `+`; each is looked at for a topic that was not seen before.
    pub patterns_max: usize,
    /// Tags of one template, those that are made of windows included.
    pub tags_max: usize,
    pub path_depth_max: usize,
    pub payload_bytes_max: usize,
    pub array_len_max: usize,
    pub text_bytes_max: usize,
}

/// Bytes of a name: with what derived tags add, it fits the byte that counts it in the journal.
pub const NAME_BYTES_MAX: usize = 200;
/// The most tags that [`Limits::tags_max`] may allow.
pub const TAGS_MAX: usize = 1000;

impl Default for Tag {
    fn default() -> Tag {
        Tag {
            name: String::new(),
            path: String::new(),
            of: Type::Real,
            unit: String::new(),
            class: None,
            shape: Shape::default(),
        }
    }
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            scale: 1.0,
            offset: 0.0,
            min: None,
            max: None,
            implausible: Quality::Bad,
            deadband: Deadband::None,
            by_exception: false,
            forced_ms: 0,
            derived: Derived::ALL.to_vec(),
            keeps_samples: true,
            writable: false,
            write_min: None,
            write_max: None,
        }
    }
}

impl Default for TimeField {
    fn default() -> TimeField {
        TimeField {
            path: String::new(),
            unit: TimeUnit::Millis,
            ahead_ms_max: 300_000,
            behind_ms_max: 604_800_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            templates_max: 256,
            devices_max: 10_000,
            patterns_max: 256,
            tags_max: TAGS_MAX,
            path_depth_max: 16,
            payload_bytes_max: 262_144,
            array_len_max: 8192,
            text_bytes_max: 4096,
        }
    }
}

impl Derived {
    pub const ALL: [Derived; 3] = [Derived::Rms, Derived::Peak, Derived::Kurtosis];

    pub fn name(self) -> &'static str {
        match self {
            Derived::Rms => "rms",
            Derived::Peak => "peak",
            Derived::Kurtosis => "kurtosis",
        }
    }
}

impl TimeUnit {
    /// A count of this unit in milliseconds; nothing before 1970.
    pub(crate) fn millis(self, count: i64) -> Option<u64> {
        let count = u64::try_from(count).ok()?;
        match self {
            TimeUnit::Seconds => count.checked_mul(1000),
            TimeUnit::Millis => Some(count),
            TimeUnit::Micros => Some(count / 1000),
            TimeUnit::Nanos => Some(count / 1_000_000),
        }
    }

    /// The same of a count with a fraction, which is how some write seconds.
    pub(crate) fn millis_of_real(self, count: f64) -> Option<u64> {
        let per_second = match self {
            TimeUnit::Seconds => 1.0,
            TimeUnit::Millis => 1e3,
            TimeUnit::Micros => 1e6,
            TimeUnit::Nanos => 1e9,
        };
        let millis = count / per_second * 1000.0;
        // Beyond this a real no longer tells one millisecond from the next.
        (0.0..9e15).contains(&millis).then_some(millis as u64)
    }
}

impl Override {
    pub(crate) fn apply(&self, shape: &mut Shape) {
        shape.scale = self.scale.unwrap_or(shape.scale);
        shape.offset = self.offset.unwrap_or(shape.offset);
        shape.min = self.min.or(shape.min);
        shape.max = self.max.or(shape.max);
        shape.deadband = self.deadband.unwrap_or(shape.deadband);
        shape.by_exception = self.by_exception.unwrap_or(shape.by_exception);
        shape.forced_ms = self.forced_ms.unwrap_or(shape.forced_ms);
        shape.writable = self.writable.unwrap_or(shape.writable);
        shape.write_min = self.write_min.or(shape.write_min);
        shape.write_max = self.write_max.or(shape.write_max);
    }
}
