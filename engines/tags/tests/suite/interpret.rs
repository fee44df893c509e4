//! Payloads against a reference that reads them into a tree first and then looks for each tag.

use crate::press::{NOW_MS, device, model, read, tag, template};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tidegate_engine_tags::{Model, ModelConfig, Quality, Shape, Tag, Type, Value};

#[test]
fn a_payload_is_read_by_the_template_with_its_time_and_the_device_s_overrides() {
    let payload = r#"{"dev":123,"t":1795341599000000000,"temp":61.20,"state":{"x":0,"stop":1},"count":5.0,"mode":"run"}"#;
    let (points, faults) = read(&model(), "line/press-7/data", payload).unwrap();
    let at = |name: &str, value: Value| (name.to_owned(), value, Quality::Good, 1_795_341_599_000);
    let expected = [
        at("temp", Value::Real(61.2)),
        at("stop", Value::Boolean(true)),
        at("count", Value::Integer(5)),
        at("mode", Value::from("run")),
    ];
    assert_eq!((points.as_slice(), faults), (&expected[..], vec![]));
    let (points, _) = read(&model(), "line/press-9/data", payload).unwrap();
    assert_eq!(points[0].1, Value::Real(61.2 * 0.1));
}

#[test]
fn a_whole_payload_can_be_the_value() {
    let whole = |of| {
        let tag = Tag { path: String::new(), ..tag("x", of) };
        let devices = vec![device("d", "d", "a")];
        let config =
            ModelConfig { templates: vec![template("a", vec![tag])], devices, ..ModelConfig::default() };
        Model::compile(&config).unwrap()
    };
    let value =
        |of, payload| read(&whole(of), "d", payload).map(|(points, _)| points.last().unwrap().1.clone());
    assert_eq!(value(Type::Real, " 21.5\n"), Ok(Value::Real(21.5)));
    assert_eq!(value(Type::Text, "\"on\""), Ok(Value::from("\"on\"")));
    assert_eq!(value(Type::Boolean, "1"), Ok(Value::Boolean(true)));
    assert_eq!(value(Type::Reals, "[1,2]"), Ok(Value::Reals([1.0, 2.0].into())));
    assert_eq!(value(Type::Real, "21.5 C"), Err("TG-TA-010"));
    assert_eq!(value(Type::Real, "on"), Err("TG-TA-010"));
}

/// The tags that documents here may hold, by name and path.
const TAGS: [(&str, &str, Type); 5] = [
    ("r", "r", Type::Real),
    ("i", "n.i", Type::Integer),
    ("b", "n.m.b", Type::Boolean),
    ("s", "s", Type::Text),
    ("w", "n.w", Type::Reals),
];

fn reference_model() -> Model {
    let shape = Shape { scale: 2.0, offset: 1.0, derived: vec![], ..Shape::default() };
    let made = TAGS.map(|(name, path, of)| {
        let shape = if matches!(of, Type::Real | Type::Reals) { shape.clone() } else { Shape::default() };
        Tag { name: name.to_owned(), path: path.to_owned(), of, shape, ..Tag::default() }
    });
    let devices = vec![device("d", "d", "a")];
    let config =
        ModelConfig { templates: vec![template("a", made.to_vec())], devices, ..ModelConfig::default() };
    Model::compile(&config).unwrap()
}

fn scalars() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1e9..1e9_f64).prop_map(Json::from),
        "[a-z]{0,8}".prop_map(Json::from),
        (-100..100_i64).prop_map(|whole| json!(whole as f64)),
    ]
}

fn documents() -> impl Strategy<Value = Json> {
    let keys = || prop::sample::select(&["r", "i", "b", "s", "w", "n", "m", "x"][..]).prop_map(str::to_owned);
    scalars().prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            4 => prop::collection::btree_map(keys(), inner, 0..7).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// What a tag is worth by the tree: nothing where it is not there, an error where it is of another type.
fn expected(tree: &Json, path: &str, of: Type) -> Option<Result<Value, ()>> {
    let found = path.split('.').try_fold(tree, |tree, key| tree.as_object()?.get(key))?;
    let scaled = |number: &Json| number.as_f64().map(|number| number * 2.0 + 1.0);
    if found.is_null() {
        return None;
    }
    let value = match of {
        Type::Real => scaled(found).map(Value::Real),
        Type::Integer => found.as_i64().or_else(|| whole(found)).map(Value::Integer),
        Type::Boolean => found.as_bool().or_else(|| bit(found)).map(Value::Boolean),
        Type::Text => found.as_str().map(Value::from),
        Type::Reals => found.as_array().filter(|samples| !samples.is_empty()).and_then(|samples| {
            samples.iter().map(scaled).collect::<Option<Vec<f64>>>().map(|reals| Value::Reals(reals.into()))
        }),
    };
    Some(value.ok_or(()))
}

fn whole(number: &Json) -> Option<i64> {
    let real = number.as_f64().filter(|_| number.is_f64())?;
    (real.fract() == 0.0 && real.abs() < 9e15).then_some(real as i64)
}

fn bit(number: &Json) -> Option<bool> {
    match number.as_i64()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_document_reads_as_by_the_reference(tree in documents()) {
        let model = reference_model();
        let expected: Vec<_> = TAGS.iter().filter_map(|(name, path, of)| Some((*name, expected(&tree, path, *of)?))).collect();
        let found = read(&model, "d", &tree.to_string());
        let values: Vec<_> = expected.iter().filter_map(|(name, value)| Some((*name, value.clone().ok()?))).collect();
        match found {
            Err(code) => {
                prop_assert!(values.is_empty());
                prop_assert_eq!(code == "TG-TA-014", expected.is_empty(), "{}", code);
            }
            Ok((mut points, faults)) => {
                points.sort_by_key(|point| TAGS.iter().position(|tag| tag.0 == point.0));
                let points: Vec<_> = points.iter().map(|point| (point.0.as_str(), point.1.clone())).collect();
                prop_assert_eq!(faults.len(), expected.len() - values.len());
                prop_assert_eq!(points, values);
            }
        }
    }
}

#[test]
fn an_empty_stretch_of_time_is_no_fault() {
    let (points, faults) = read(&model(), "line/press-7/data", "{\"temp\":1}").unwrap();
    assert_eq!((points[0].3, faults), (NOW_MS, vec![]));
}
