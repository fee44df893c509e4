//! What is wrong with a model is told all at once.

use crate::press::{device, press, tag, template};
use tidegate_engine_tags::{
    Deadband, Derived, Device, Limits, Model, ModelConfig, Override, Shape, Tag, TagClass, Type,
};

fn codes(config: &ModelConfig) -> Vec<&'static str> {
    Model::compile(config).unwrap_err().iter().map(|fault| fault.code()).collect()
}

fn with_tags(tags: Vec<Tag>) -> ModelConfig {
    ModelConfig { templates: vec![template("a", tags)], ..ModelConfig::default() }
}

fn shaped(of: Type, shape: Shape) -> ModelConfig {
    with_tags(vec![Tag { shape, ..tag("x", of) }])
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let tags = vec![tag("x", Type::Real), Tag { path: "y".to_owned(), ..tag("x", Type::Real) }];
    let config = ModelConfig {
        templates: vec![template("a", tags), template("a", vec![tag("..", Type::Real)])],
        devices: vec![
            device("d", "t/#", "a"),
            device("e", "t", "b"),
            device("f", "u", "a"),
            device("g", "u", "a"),
        ],
        limits: Limits::default(),
    };
    let faults = Model::compile(&config).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let expected = [
        "template a: tag x: the name \"x\" is taken",
        "template a: tag ..: \"..\" is no name: 1 to 200 bytes without control characters, and not . or ..",
        "template a: tag ..: \"..\" is no path to a value: a key in it is empty, or a ~ is followed by neither 0 nor 1",
        "template a: the name \"a\" is taken",
        "device d: \"t/#\" is no topic of devices: # and U+0000 may not stand in it",
        "device e: there is no template \"b\"",
        "device g: \"u\" is no topic of devices: another device has it",
    ];
    assert_eq!(told, expected);
    assert!(faults.iter().all(|fault| !fault.hint().is_empty()));
}

#[test]
fn paths_that_cross_are_told_apart() {
    let paths = |paths: &[&str]| {
        let tags = paths.iter().enumerate();
        with_tags(
            tags.map(|(at, path)| Tag { path: (*path).to_owned(), ..tag(&format!("x{at}"), Type::Real) })
                .collect(),
        )
    };
    for crossing in [
        &["a.b", "a"][..],
        &["a", "a.b"],
        &["a", "a"],
        &["a", ""],
        &["", "a"],
        &["", ""],
        &["a..b"],
        &["/a~2"],
    ] {
        assert_eq!(codes(&paths(crossing)), ["TG-TA-003"], "{crossing:?}");
    }
    let deep = vec!["k"; 17].join(".");
    assert_eq!(codes(&paths(&[&deep])), ["TG-TA-003"]);
    assert!(Model::compile(&paths(&["a.b", "a.c", "/a/d~1e~0", ""][..3])).is_ok());
}

#[test]
fn settings_that_do_not_fit_the_type_are_told() {
    let shape = Shape::default;
    for (of, wrong) in [
        (Type::Real, Shape { scale: f64::NAN, ..shape() }),
        (Type::Real, Shape { scale: 0.0, ..shape() }),
        (Type::Integer, Shape { scale: 2.0, ..shape() }),
        (Type::Real, Shape { deadband: Deadband::Percent(-1.0), ..shape() }),
        (Type::Text, Shape { deadband: Deadband::Absolute(1.0), ..shape() }),
        (Type::Boolean, Shape { max: Some(1.0), ..shape() }),
        (Type::Real, Shape { min: Some(2.0), max: Some(1.0), ..shape() }),
        (Type::Reals, Shape { derived: vec![], keeps_samples: false, ..shape() }),
        (Type::Reals, Shape { writable: true, ..shape() }),
        (Type::Text, Shape { writable: true, write_max: Some(1.0), ..shape() }),
        (Type::Real, Shape { writable: true, write_min: Some(f64::INFINITY), ..shape() }),
        (Type::Real, Shape { writable: true, write_min: Some(2.0), max: Some(1.0), ..shape() }),
    ] {
        assert_eq!(codes(&shaped(of, wrong.clone())), ["TG-TA-006"], "{of:?} {wrong:?}");
    }
}

#[test]
fn overrides_name_a_tag_and_are_held_to_the_same_rules() {
    let with = |tag: &str, change: Override| {
        let mut config = press();
        config.devices[1].overrides = vec![(tag.to_owned(), change)];
        config
    };
    assert_eq!(codes(&with("nothing", Override::default())), ["TG-TA-005"]);
    let crossed = Override { min: Some(300.0), ..Override::default() };
    assert_eq!(codes(&with("temp", crossed)), ["TG-TA-006"]);
}

#[test]
fn there_is_a_limit_to_everything() {
    let mut config = press();
    config.limits =
        Limits { templates_max: 0, devices_max: 1, patterns_max: 0, tags_max: 5, ..Limits::default() };
    assert_eq!(codes(&config), ["TG-TA-007"; 4]);
    let config = with_tags(vec![]);
    assert_eq!(codes(&config), ["TG-TA-005"]);
    let many: Vec<Device> = (0..500).map(|at| device("d", &format!("{at}/#"), "a")).collect();
    assert_eq!(codes(&ModelConfig { devices: many, ..ModelConfig::default() }).len(), 100);
}

#[test]
fn a_window_has_tags_of_its_own_of_the_class_and_unit_it_has() {
    let shape = Shape { derived: vec![Derived::Rms], keeps_samples: false, ..Shape::default() };
    let class = Some(TagClass::Telemetry);
    let vib = Tag { unit: "mm/s".to_owned(), class, shape, ..tag("vib", Type::Reals) };
    let mut config = with_tags(vec![vib]);
    config.devices = vec![device("d", "d", "a")];
    let model = Model::compile(&config).unwrap();
    let plan = model.locate("d").unwrap().plan;
    let told: Vec<_> = plan.tags().iter().map(|tag| (&*tag.name, &*tag.unit, tag.of, tag.class)).collect();
    assert_eq!(told, [("vib", "mm/s", Type::Reals, class), ("vib.rms", "mm/s", Type::Real, class)]);
}
