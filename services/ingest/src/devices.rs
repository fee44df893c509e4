//! Templates and devices as the configuration file says them: `[ingest.templates.NAME]`, `[ingest.devices.NAME]`.

use tidegate_engine_tags::{
    Deadband, Derived, Device, Group as TagGroup, Model, ModelConfig, ModelFault, Override, Quality, Shape,
    Tag, TagClass, Template, TimeField, TimeUnit, Type,
};
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Values};

const TEXT: Kind = Kind::Text { bytes_max: 1024 };
const NUMBER: Kind = Kind::Real { min: f64::MIN, max: f64::MAX };
const CLASS: Kind = Kind::Choice(&["critical", "process", "telemetry"]);
const FORCED: Kind = Kind::Duration { min_ms: 0, max_ms: 31 * 24 * 3_600_000 };
const FAR: Kind = Kind::Duration { min_ms: 0, max_ms: 366 * 24 * 3_600_000 };

/// `[ingest.templates.NAME]`: what devices of one kind have in common.
pub(crate) const TEMPLATES: Group = Group::many(
    "templates",
    "What devices of one kind have in common.",
    Many { groups_max: 256, reload: Reload::Live },
    &[
        Field::optional(
            "time",
            TEXT,
            "The path of the time in the payload; without it, when it was received.",
        )
        .live(),
        Field::new(
            "time_unit",
            Kind::Choice(&["s", "ms", "us", "ns"]),
            "ms",
            "What that time counts since 1970.",
        )
        .live(),
        Field::new("time_ahead_max", FAR, "5 min", "A time further ahead of ours is replaced.").live(),
        Field::new("time_behind_max", FAR, "168 h", "A time further behind ours is replaced.").live(),
        Field::optional("quality", TEXT, "The path of the quality in the payload.").live(),
    ],
)
.with(&[GROUPS, TAGS]);

const GROUPS: Group = Group::many(
    "groups",
    "Tags that are of one class.",
    Many { groups_max: 64, reload: Reload::Live },
    &[Field::optional(
        "class",
        CLASS,
        "How safe a reading with one of these tags must be; else the topic decides.",
    )
    .live()],
);

const TAGS: Group = Group::many(
    "tags",
    "One value in the payload.",
    Many { groups_max: 1000, reload: Reload::Live },
    &[
        Field::optional(
            "path",
            TEXT,
            "Keys with dots between them, or a JSON pointer; empty for a payload that is the value. The tag's name by default.",
        )
        .live(),
        Field::new("type", Kind::Choice(&["real", "integer", "boolean", "text", "reals"]), "real", "What it is.").live(),
        Field::optional("group", TEXT, "The group it is in.").live(),
        Field::optional("class", CLASS, "Before its group's.").live(),
        Field::new("unit", TEXT, "", "For people.").live(),
        Field::new("scale", NUMBER, "1", "The value is so many times the number in the payload.").live(),
        Field::new("offset", NUMBER, "0", "What is added to that.").live(),
        Field::optional("min", NUMBER, "Below it, the value is not plausible.").live(),
        Field::optional("max", NUMBER, "Above it, the value is not plausible.").live(),
        Field::new("implausible", Kind::Choice(&["bad", "uncertain", "good"]), "bad", "The quality it then has.").live(),
        Field::optional("deadband", NUMBER, "A value that moved no further than this is no news.").live(),
        Field::optional("deadband_percent", NUMBER, "The same in percent of the span, or else of the last value.").live(),
        Field::new("by_exception", Kind::Flag, "false", "A value that has not changed is no news.").live(),
        Field::new("forced", FORCED, "0 s", "After so long any value is news; 0 for never.").live(),
        Field::new(
            "derived",
            Kind::List { of: &Kind::Choice(&["rms", "peak", "kurtosis"]), items_max: 3 },
            "[\"rms\", \"peak\", \"kurtosis\"]",
            "The tags that are made of a window of samples.",
        )
        .live(),
        Field::new("samples", Kind::Flag, "true", "The samples themselves are kept as well.").live(),
        Field::new("writable", Kind::Flag, "false", "Values may be written to it, where the device has a driver.").live(),
        Field::optional("write_min", NUMBER, "The least that may be written; min where nothing is said.").live(),
        Field::optional("write_max", NUMBER, "The most that may be written; max where nothing is said.").live(),
    ],
);

/// `[ingest.devices.NAME]`: topics and their template.
pub(crate) const DEVICES: Group = Group::many(
    "devices",
    "A device, or as many as a + in the topic stands for.",
    Many { groups_max: 10_000, reload: Reload::Live },
    &[
        Field::required(
            "topic",
            TEXT,
            "A topic, or an MQTT filter with one + where the device's name stands.",
        )
        .live(),
        Field::required("template", TEXT, "What its payloads mean.").live(),
    ],
)
.with(&[OVERRIDES]);

const OVERRIDES: Group = Group::many(
    "tags",
    "What is otherwise than in the template.",
    Many { groups_max: 1000, reload: Reload::Live },
    &[
        Field::optional("scale", NUMBER, "As in the template.").live(),
        Field::optional("offset", NUMBER, "As in the template.").live(),
        Field::optional("min", NUMBER, "As in the template.").live(),
        Field::optional("max", NUMBER, "As in the template.").live(),
        Field::optional("deadband", NUMBER, "As in the template.").live(),
        Field::optional("deadband_percent", NUMBER, "As in the template.").live(),
        Field::optional("by_exception", Kind::Flag, "As in the template.").live(),
        Field::optional("forced", FORCED, "As in the template.").live(),
        Field::optional("writable", Kind::Flag, "As in the template.").live(),
        Field::optional("write_min", NUMBER, "As in the template.").live(),
        Field::optional("write_max", NUMBER, "As in the template.").live(),
    ],
);

/// The model that the section `ingest` says; what is wrong with it is a fault of the template or device it is about.
pub fn model_config(values: &Values, faults: &mut Faults) -> ModelConfig {
    let templates = values.named("templates").map(|(name, values)| template(name, values)).collect();
    let devices = values.named("devices").map(|(name, values)| device(name, values)).collect();
    let config = ModelConfig { templates, devices, ..ModelConfig::default() };
    for fault in Model::compile(&config).err().into_iter().flatten() {
        let message = format!("{fault} ({})", fault.code());
        faults.push(place_of(values, &fault).fault_here(message, fault.hint()));
    }
    config
}

/// The group that a fault is about.
fn place_of<'v>(values: &'v Values, fault: &ModelFault) -> &'v Values {
    let find = |group: &str, kind: &str| {
        let rest = fault.place.strip_prefix(kind)?;
        values.named(group).find(|(name, _)| rest == *name || rest.starts_with(&format!("{name}:")))
    };
    let found = find("templates", "template ").or_else(|| find("devices", "device "));
    found.map_or(values, |(_, values)| values)
}

fn template(name: &str, values: &Values) -> Template {
    let mut groups: Vec<_> = values
        .named("groups")
        .map(|(name, values)| TagGroup { name: name.to_owned(), class: class(values), tags: Vec::new() })
        .collect();
    for (name, values) in values.named("tags") {
        let of: String = values.find("group").unwrap_or_else(|| "tags".to_owned());
        let at = groups.iter().position(|group| group.name == of).unwrap_or_else(|| {
            groups.push(TagGroup { name: of, ..TagGroup::default() });
            groups.len() - 1
        });
        groups[at].tags.push(tag(name, values));
    }
    let time = TimeField {
        path: values.find("time").unwrap_or_default(),
        unit: time_unit(&values.get::<String>("time_unit")),
        ahead_ms_max: values.millis("time_ahead_max"),
        behind_ms_max: values.millis("time_behind_max"),
    };
    Template { name: name.to_owned(), groups, time, quality: values.find("quality") }
}

fn tag(name: &str, values: &Values) -> Tag {
    Tag {
        name: name.to_owned(),
        path: values.find("path").unwrap_or_else(|| name.to_owned()),
        of: type_of(&values.get::<String>("type")),
        unit: values.get("unit"),
        class: class(values),
        shape: shape(values),
    }
}

fn shape(values: &Values) -> Shape {
    Shape {
        scale: values.get("scale"),
        offset: values.get("offset"),
        min: values.find("min"),
        max: values.find("max"),
        implausible: quality(&values.get::<String>("implausible")),
        deadband: deadband(values).unwrap_or_default(),
        by_exception: values.get("by_exception"),
        forced_ms: values.millis("forced"),
        derived: values.get::<Vec<String>>("derived").iter().filter_map(|word| derived(word)).collect(),
        keeps_samples: values.get("samples"),
        writable: values.get("writable"),
        write_min: values.find("write_min"),
        write_max: values.find("write_max"),
    }
}

fn device(name: &str, values: &Values) -> Device {
    let overrides = values.named("tags").map(|(name, values)| (name.to_owned(), change(values)));
    Device {
        name: name.to_owned(),
        topic: values.get("topic"),
        template: values.get("template"),
        overrides: overrides.collect(),
    }
}

fn change(values: &Values) -> Override {
    let forced: Option<std::time::Duration> = values.find("forced");
    Override {
        scale: values.find("scale"),
        offset: values.find("offset"),
        min: values.find("min"),
        max: values.find("max"),
        deadband: deadband(values),
        by_exception: values.find("by_exception"),
        forced_ms: forced.map(|forced| forced.as_millis() as u64),
        writable: values.find("writable"),
        write_min: values.find("write_min"),
        write_max: values.find("write_max"),
    }
}

fn deadband(values: &Values) -> Option<Deadband> {
    let absolute = values.find("deadband").map(Deadband::Absolute);
    absolute.or_else(|| values.find("deadband_percent").map(Deadband::Percent))
}

fn class(values: &Values) -> Option<TagClass> {
    match values.find::<String>("class")?.as_str() {
        "critical" => Some(TagClass::Critical),
        "telemetry" => Some(TagClass::Telemetry),
        _ => Some(TagClass::Process),
    }
}

fn type_of(word: &str) -> Type {
    match word {
        "integer" => Type::Integer,
        "boolean" => Type::Boolean,
        "text" => Type::Text,
        "reals" => Type::Reals,
        _ => Type::Real,
    }
}

fn time_unit(word: &str) -> TimeUnit {
    match word {
        "s" => TimeUnit::Seconds,
        "us" => TimeUnit::Micros,
        "ns" => TimeUnit::Nanos,
        _ => TimeUnit::Millis,
    }
}

fn quality(word: &str) -> Quality {
    match word {
        "good" => Quality::Good,
        "uncertain" => Quality::Uncertain,
        _ => Quality::Bad,
    }
}

fn derived(word: &str) -> Option<Derived> {
    Derived::ALL.into_iter().find(|derived| derived.name() == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECTION;
    use tidegate_kernel_plug::config::{Source, Table};

    fn read(text: &str) -> Result<ModelConfig, Vec<String>> {
        let none = |_: &_| Err(String::new());
        let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &none };
        let mut reading = Table::new(&[SECTION]).read(&source);
        let config = reading.section("ingest", model_config);
        match reading.finish() {
            Ok(_) => Ok(config.expect("a section without faults makes its settings")),
            Err(faults) => {
                let told = faults.iter().map(|fault| format!("{} {}", fault.place_in("f"), fault.message));
                Err(told.collect())
            }
        }
    }

    const PRESS: &str = r#"
[ingest.templates.press]
time = "t"
time_unit = "ns"
[ingest.templates.press.groups.safety]
class = "critical"
[ingest.templates.press.tags.temp]
unit = "C"
deadband = 0.5
[ingest.templates.press.tags.stop]
type = "boolean"
group = "safety"
[ingest.devices.presses]
topic = "line/+/data"
template = "press"
[ingest.devices.presses.tags.temp]
scale = 0.1
"#;

    #[test]
    fn templates_and_devices_are_read_into_a_model() {
        let config = read(PRESS).unwrap();
        let model = Model::compile(&config).unwrap();
        let located = model.locate("line/press-7/data").unwrap();
        let tags: Vec<_> = located.plan.tags().iter().map(|tag| (&*tag.name, tag.class)).collect();
        assert_eq!(located.device, "press-7");
        assert_eq!(tags, [("stop", Some(TagClass::Critical)), ("temp", None)]);
        assert_eq!(config.devices[0].overrides[0].1.scale, Some(0.1));
        assert_eq!(config.templates[0].time.unit, TimeUnit::Nanos);
    }

    #[test]
    fn what_is_wrong_is_a_fault_where_it_stands() {
        let text = format!("{PRESS}[ingest.devices.other]\ntopic = \"a/#\"\ntemplate = \"press\"\n");
        let faults = read(&text).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("f:18:") && faults[0].ends_with("(TG-TA-004)"), "{faults:?}");
    }
}
