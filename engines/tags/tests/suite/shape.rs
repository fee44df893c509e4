//! Values that were read from the device as they stand there, instead of out of a payload.

use crate::press::{NOW_MS, model};
use tidegate_engine_tags::{Interpreted, Model, Point, Quality, Value};

fn point(tag: &str, value: Value, quality: Quality, source_ms: u64) -> Point {
    Point { tag: tag.into(), value, quality, source_ms }
}

type Told = (Vec<(String, Value, Quality, u64)>, Vec<&'static str>);

fn shape(model: &Model, topic: &str, points: &[Point]) -> Result<Told, &'static str> {
    let (plan, mut made) = (model.locate(topic).unwrap().plan.clone(), Interpreted::default());
    plan.shape_into(points, NOW_MS, &mut made).map_err(|malformed| malformed.code())?;
    let name = |tag| plan.tag(tag).name.to_string();
    let points = made.points.into_iter();
    let points = points.map(|point| (name(point.tag), point.value, point.quality, point.source_ms));
    Ok((points.collect(), made.faults.iter().map(|fault| fault.code()).collect()))
}

#[test]
fn each_value_is_scaled_and_judged_and_keeps_its_own_quality_and_time() {
    let read = [
        point("temp", Value::Integer(615), Quality::Good, NOW_MS - 7),
        point("stop", Value::Boolean(true), Quality::Bad, NOW_MS),
        point("mode", "run".into(), Quality::Good, NOW_MS - 1),
    ];
    let (points, faults) = shape(&model(), "line/press-9/data", &read).unwrap();
    let expected = [
        ("temp".to_owned(), Value::Real(61.5), Quality::Good, NOW_MS - 7),
        ("stop".to_owned(), Value::Boolean(true), Quality::Bad, NOW_MS),
        ("mode".to_owned(), "run".into(), Quality::Good, NOW_MS - 1),
    ];
    assert_eq!((&points[..], faults), (&expected[..], vec![]));
}

#[test]
fn what_is_wrong_with_one_value_costs_that_one_alone() {
    let read = [
        point("temp", Value::Real(900.0), Quality::Good, NOW_MS),
        point("count", "many".into(), Quality::Good, NOW_MS),
        point("gone", Value::Real(1.0), Quality::Good, NOW_MS),
        point("mode", "run".into(), Quality::Good, 1000),
    ];
    let (points, faults) = shape(&model(), "line/press-7/data", &read).unwrap();
    let told: Vec<_> = points.iter().map(|(tag, _, quality, _)| (&**tag, *quality)).collect();
    assert_eq!(told, [("temp", Quality::Bad), ("mode", Quality::Uncertain)]);
    assert_eq!((points[1].3, faults), (NOW_MS, vec!["TG-TA-023", "TG-TA-020", "TG-TA-024"]));
    assert_eq!(shape(&model(), "line/press-7/data", &read[2..3]), Err("TG-TA-014"));
    assert_eq!(shape(&model(), "line/press-7/data", &read[1..2]), Err("TG-TA-020"));
}
