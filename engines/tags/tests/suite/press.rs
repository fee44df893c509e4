//! A press with a few tags, which most tests are about.

use tidegate_engine_tags::{
    Deadband, Derived, Device, Group, Interpretation, Limits, Model, ModelConfig, Override, Quality, Shape,
    Tag, TagClass, Template, TimeField, TimeUnit, Type, Value,
};

pub(crate) const NOW_MS: u64 = 1_795_341_600_000;

pub(crate) fn tag(name: &str, of: Type) -> Tag {
    Tag { name: name.to_owned(), path: name.to_owned(), of, ..Tag::default() }
}

pub(crate) fn template(name: &str, tags: Vec<Tag>) -> Template {
    let group = Group { name: "all".to_owned(), class: None, tags };
    Template { name: name.to_owned(), groups: vec![group], ..Template::default() }
}

pub(crate) fn device(name: &str, topic: &str, template: &str) -> Device {
    Device {
        name: name.to_owned(),
        topic: topic.to_owned(),
        template: template.to_owned(),
        overrides: Vec::new(),
    }
}

pub(crate) fn press() -> ModelConfig {
    let shape =
        Shape { min: Some(-40.0), max: Some(200.0), deadband: Deadband::Absolute(0.5), ..Shape::default() };
    let temp = Tag { unit: "°C".to_owned(), shape, ..tag("temp", Type::Real) };
    let class = Some(TagClass::Critical);
    let stop = Tag { path: "state.stop".to_owned(), class, ..tag("stop", Type::Boolean) };
    let tags =
        vec![temp, tag("count", Type::Integer), tag("mode", Type::Text), tag("vib", Type::Reals), stop];
    let time = TimeField { path: "t".to_owned(), unit: TimeUnit::Nanos, ..TimeField::default() };
    let template = Template { time, quality: Some("q".to_owned()), ..template("press", tags) };
    let change = Override { scale: Some(0.1), ..Override::default() };
    let odd = Device {
        overrides: vec![("temp".to_owned(), change)],
        ..device("press-9", "line/press-9/data", "press")
    };
    let devices = vec![device("", "line/+/data", "press"), odd];
    ModelConfig { templates: vec![template], devices, limits: Limits::default() }
}

pub(crate) fn model() -> Model {
    Model::compile(&press()).unwrap()
}

/// Points by name, and the codes of what is wrong with parts of the payload.
pub(crate) type Told = (Vec<(String, Value, Quality, u64)>, Vec<&'static str>);

/// The points by name, with quality and time, and the codes of what is wrong; or the code of what is wrong with all of it.
pub(crate) fn read(model: &Model, topic: &str, payload: &str) -> Result<Told, &'static str> {
    match model.interpret(topic, payload.as_bytes(), NOW_MS) {
        Interpretation::Unknown => Err("unknown"),
        Interpretation::Malformed(_, malformed) => Err(malformed.code()),
        Interpretation::Points(located, made) => {
            let name = |tag| located.plan.tag(tag).name.to_string();
            let points = made.points.into_iter();
            let points = points.map(|point| (name(point.tag), point.value, point.quality, point.source_ms));
            Ok((points.collect(), made.faults.iter().map(|fault| fault.code()).collect()))
        }
    }
}

/// The names of everything that is made of a window.
pub(crate) fn window_names() -> Vec<String> {
    let names = Derived::ALL.iter().map(|what| format!("vib.{}", what.name()));
    names.chain(["vib".to_owned()]).collect()
}
