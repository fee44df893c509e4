//! What has to stand in a device for a tag to have a value, and which values may be written at all.

use crate::press::{device, tag, template};
use proptest::prelude::*;
use tidegate_engine_tags::{CommandFault, Model, ModelConfig, Override, Shape, Tag, Type, Value};

fn model(shape: Shape, of: Type, change: Override) -> Model {
    let tags = vec![Tag { shape, ..tag("speed", of) }, tag("temp", Type::Real)];
    let mut one = device("press-7", "plant/press-7", "press");
    one.overrides = vec![("speed".to_owned(), change)];
    let config = ModelConfig {
        templates: vec![template("press", tags)],
        devices: vec![one],
        ..ModelConfig::default()
    };
    Model::compile(&config).unwrap()
}

fn command(model: &Model, tag: &str, wanted: impl Into<Value>) -> Result<Value, CommandFault> {
    model.locate("plant/press-7").unwrap().plan.command(tag, &wanted.into())
}

fn writable() -> Shape {
    Shape { writable: true, ..Shape::default() }
}

#[test]
fn a_value_is_written_as_its_scale_has_it_in_the_device() {
    let model = model(Shape { scale: 0.5, offset: -10.0, ..writable() }, Type::Real, Override::default());
    assert_eq!(command(&model, "speed", 20.0), Ok(Value::Real(60.0)));
    assert_eq!(command(&model, "speed", 20), Ok(Value::Real(60.0)));
    let plan = model.locate("plant/press-7").unwrap().plan;
    let shown = plan.tag_named("speed").unwrap().shown(&Value::Real(60.0));
    assert_eq!(shown, Some(Value::Real(20.0)));
}

#[test]
fn only_what_is_declared_writable_is_written() {
    let plain = model(Shape::default(), Type::Real, Override::default());
    assert_eq!(command(&plain, "speed", 1.0), Err(CommandFault::ReadOnly));
    assert_eq!(command(&plain, "sped", 1.0), Err(CommandFault::NoTag("sped".to_owned())));
    let forbidden = Override { writable: Some(false), ..Override::default() };
    assert_eq!(command(&model(writable(), Type::Real, forbidden), "speed", 1.0), Err(CommandFault::ReadOnly));
}

#[test]
fn limits_of_writing_go_before_those_of_plausibility_and_a_device_has_its_own() {
    let shape = Shape { min: Some(0.0), max: Some(100.0), write_max: Some(50.0), ..writable() };
    let change = Override { write_min: Some(10.0), ..Override::default() };
    let model = model(shape, Type::Real, change);
    for (wanted, is_taken) in [(10.0, true), (50.0, true), (9.9, false), (50.1, false), (f64::NAN, false)] {
        let outcome = command(&model, "speed", wanted);
        assert_eq!(outcome.is_ok(), is_taken, "{wanted}");
        let code = outcome.err().map(|fault| fault.code());
        assert!(is_taken || code == Some("TG-TA-033"), "{wanted}");
    }
}

#[test]
fn a_value_of_another_type_is_not_written() {
    let values = [Value::Real(1.0), Value::Integer(1), Value::Boolean(true), "1".into()];
    let types = [Type::Real, Type::Integer, Type::Boolean, Type::Text];
    for (at, of) in types.into_iter().enumerate() {
        let model = model(writable(), of, Override::default());
        for (from, wanted) in values.iter().enumerate() {
            let outcome = command(&model, "speed", wanted.clone());
            let is_taken = at == from || (of == Type::Real && from == 1);
            assert_eq!(outcome.is_ok(), is_taken, "{wanted:?} as {of:?}");
            assert!(is_taken || outcome == Err(CommandFault::Type { stands: of }));
        }
    }
    let model = model(writable(), Type::Text, Override::default());
    let long = "x".repeat(4097);
    assert_eq!(command(&model, "speed", long.as_str()), Err(CommandFault::Length { max: 4096 }));
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_shown_again(
        scale in prop_oneof![-1e3..-1e-3_f64, 1e-3..1e3_f64], offset in -1e3..1e3_f64, wanted in -1e6..1e6_f64
    ) {
        let model = model(Shape { scale, offset, ..writable() }, Type::Real, Override::default());
        let stands = command(&model, "speed", wanted).unwrap();
        let plan = model.locate("plant/press-7").unwrap().plan;
        let shown = plan.tag_named("speed").unwrap().shown(&stands).unwrap().as_real().unwrap();
        prop_assert!((shown - wanted).abs() <= 1e-9 * (wanted.abs() + offset.abs() + 1.0), "{} {}", shown, wanted);
    }
}
