//! The plant as a table: its kinds of devices, how many of each there are, how often they report, and the model a node needs of
//! them. Pure.

use std::fmt::Write;
use std::time::Duration;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Crane,
    Reefer,
    Pump,
    Agv,
    Tide,
    Gate,
}

/// Devices of one kind.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) devices: usize,
    pub(super) period: Duration,
    /// Tags as the file of a node names them.
    tags: &'static str,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) group: &'static Group,
    /// From 1.
    pub(super) number: usize,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const GROUPS: &[Group] = &[
    Group {
        kind: Kind::Crane,
        name: "crane",
        devices: 4,
        period: ms(500),
        tags: "load = { unit = \"t\", deadband = 0.2 }\nwind = { unit = \"m/s\", deadband = 0.3 }\n\
               state = { type = \"text\", by_exception = true, forced = \"1 min\" }\n\
               moves = { type = \"integer\", by_exception = true }\n",
    },
    Group {
        kind: Kind::Reefer,
        name: "reefer",
        devices: 16,
        period: ms(1000),
        tags: "temp = { unit = \"°C\", deadband = 0.1 }\n\
               compressor = { type = \"boolean\", by_exception = true, forced = \"1 min\" }\n",
    },
    Group {
        kind: Kind::Pump,
        name: "pump",
        devices: 6,
        period: ms(500),
        tags: "pressure = { unit = \"bar\", deadband = 0.05 }\nvib = { unit = \"mm/s\", deadband = 0.1 }\n",
    },
    Group {
        kind: Kind::Agv,
        name: "agv",
        devices: 8,
        period: ms(400),
        tags: "battery = { unit = \"%\", deadband = 0.5 }\nspeed = { unit = \"m/s\", deadband = 0.1 }\n\
               zone = { type = \"text\", by_exception = true, forced = \"1 min\" }\n",
    },
    Group {
        kind: Kind::Tide,
        name: "tide",
        devices: 2,
        period: ms(1000),
        tags: "level = { unit = \"m\", deadband = 0.002 }\n",
    },
    Group {
        kind: Kind::Gate,
        name: "gate",
        devices: 2,
        period: ms(1000),
        tags: "barrier = { type = \"text\", by_exception = true, forced = \"1 min\" }\n\
               trucks = { type = \"integer\", by_exception = true }\n",
    },
];

const RULES: &str = "\
# What people are told of. A reefer warms up from time to time, and cools down again.
[ingest.rules.reefer-warm]
when = \"$device.temp raise > -15 clear < -16\"
devices = [REEFERS]
alarm = \"$device is too warm / 冷藏箱温度过高\"
severity = \"high\"

[ingest.rules.pump-shakes]
when = \"$device.vib raise > 7.1 clear < 6 for 1 s\"
devices = [PUMPS]
alarm = \"$device shakes / 水泵振动过大\"
severity = \"medium\"
";

/// How many devices there are.
pub(crate) const DEVICES: usize = {
    let (mut all, mut at) = (0, 0);
    while at < GROUPS.len() {
        all += GROUPS[at].devices;
        at += 1;
    }
    all
};

pub(super) fn places() -> impl Iterator<Item = Place> {
    GROUPS.iter().flat_map(|group| (1..=group.devices).map(move |number| Place { group, number }))
}

impl Place {
    pub(super) fn name(&self) -> String {
        format!("{}-{:02}", self.group.name, self.number)
    }

    pub(super) fn topic(&self) -> String {
        format!("port/{}/{}", self.group.name, self.name())
    }
}

/// The model and the rules, as sections of a node's configuration, with more lines for its `[ingest]`.
pub(crate) fn model(ingest: &str) -> String {
    let mut text = String::from("# The devices of `tidegate sim plant`. What passes a gate is critical.\n");
    text.push_str("[ingest]\ncritical = [\"port/gate/#\"]\n");
    text.push_str(ingest);
    for group in GROUPS {
        let _ = write!(text, "\n[ingest.templates.{}.tags]\n{}", group.name, group.tags);
    }
    text.push('\n');
    for place in places() {
        let (name, template) = (place.name(), place.group.name);
        let _ = writeln!(
            text,
            "[ingest.devices.{name}]\ntopic = \"{}\"\ntemplate = \"{template}\"",
            place.topic()
        );
    }
    text.push('\n');
    text + &RULES.replace("REEFERS", &names(Kind::Reefer)).replace("PUMPS", &names(Kind::Pump))
}

fn names(kind: Kind) -> String {
    let named = places().filter(|place| place.group.kind == kind);
    named.map(|place| format!("\"{}\"", place.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    #[test]
    fn a_node_takes_the_model_up_as_it_is_printed() {
        let text = model("");
        let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &|_| Err(String::new()) };
        let (_, settings) =
            settings::read(&source).unwrap_or_else(|faults| panic!("{}", faults.report("model")));
        assert_eq!(settings.model.devices.len(), DEVICES);
        assert_eq!(DEVICES, places().count());
        assert!(!settings.rules.rules.is_empty());
    }
}
