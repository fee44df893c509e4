//! What is news, against a reference that keeps everything that was ever reported.

use crate::press::{device, tag, template};
use proptest::prelude::*;
use tidegate_engine_tags::{
    Deadband, Model, ModelConfig, Quality, Reporter, Shape, Tag, TagPoint, Type, Value, Verdict,
};

fn model(shape: &Shape) -> Model {
    let tags = vec![
        Tag { shape: shape.clone(), ..tag("x", Type::Real) },
        Tag {
            shape: Shape { deadband: Deadband::None, min: None, max: None, ..shape.clone() },
            ..tag("y", Type::Text)
        },
    ];
    let devices = vec![device("d", "d", "a")];
    Model::compile(&ModelConfig { templates: vec![template("a", tags)], devices, ..ModelConfig::default() })
        .unwrap()
}

fn point(value: impl Into<Value>) -> TagPoint {
    TagPoint { tag: 0, value: value.into(), quality: Quality::Good, source_ms: 0 }
}

/// What becomes of a run of values, each with the time it came.
fn verdicts(shape: Shape, run: &[(f64, u64)]) -> Vec<Verdict> {
    let model = model(&shape);
    let plan = model.locate("d").unwrap().plan;
    let mut reporter = Reporter::default();
    let mut judge = |(value, now_ms): &(f64, u64)| {
        let verdict = reporter.judge(plan, &point(*value), *now_ms);
        if verdict == Verdict::Report {
            reporter.apply(&point(*value), *now_ms);
        }
        verdict
    };
    run.iter().map(&mut judge).collect()
}

use Verdict::{Deadband as Within, Report, Unchanged};

#[test]
fn a_value_within_the_deadband_of_the_last_reported_one_is_no_news() {
    let shape = Shape { deadband: Deadband::Absolute(1.0), ..Shape::default() };
    let run = [(10.0, 0), (10.9, 1), (11.0, 2), (11.1, 3), (10.2, 4), (10.0, 5)];
    assert_eq!(verdicts(shape, &run), [Report, Within, Within, Report, Within, Report]);
}

#[test]
fn a_percentage_is_of_the_span_or_else_of_the_last_value() {
    let percent = Shape { deadband: Deadband::Percent(10.0), ..Shape::default() };
    assert_eq!(verdicts(percent.clone(), &[(100.0, 0), (110.0, 1), (110.5, 2)]), [Report, Within, Report]);
    let spanned = Shape { min: Some(0.0), max: Some(10.0), ..percent };
    assert_eq!(verdicts(spanned, &[(5.0, 0), (6.0, 1), (6.5, 2)]), [Report, Within, Report]);
}

#[test]
fn by_exception_an_unchanged_value_is_no_news_until_it_is_forced() {
    let shape = Shape { by_exception: true, forced_ms: 100, ..Shape::default() };
    let run = [(1.0, 0), (1.0, 99), (1.0, 100), (1.0, 150), (2.0, 151)];
    assert_eq!(verdicts(shape, &run), [Report, Unchanged, Report, Unchanged, Report]);
}

#[test]
fn a_change_of_quality_is_always_news_and_a_clock_that_runs_back_is_no_reason() {
    let shape = Shape { by_exception: true, forced_ms: 100, ..Shape::default() };
    let model = model(&shape);
    let plan = model.locate("d").unwrap().plan;
    let mut reporter = Reporter::default();
    reporter.apply(&point(1.0), 1000);
    let uncertain = TagPoint { quality: Quality::Uncertain, ..point(1.0) };
    assert_eq!(reporter.judge(plan, &uncertain, 1001), Report);
    assert_eq!(reporter.judge(plan, &point(1.0), 5), Unchanged);
    let text = TagPoint { tag: 1, ..point("on") };
    reporter.apply(&text, 0);
    assert_eq!(reporter.judge(plan, &text, 1), Unchanged);
    assert_eq!(reporter.judge(plan, &TagPoint { tag: 1, ..point("off") }, 1), Report);
}

#[test]
fn what_was_judged_and_not_told_is_still_news() {
    let model = model(&Shape { by_exception: true, ..Shape::default() });
    let plan = model.locate("d").unwrap().plan;
    let reporter = Reporter::default();
    assert_eq!(reporter.judge(plan, &point(1.0), 0), Report);
    assert_eq!(reporter.judge(plan, &point(1.0), 1), Report);
}

proptest! {
    #[test]
    fn any_run_is_judged_as_by_the_reference(
        run in prop::collection::vec((-20..20_i32, 0..40_u64), 1..100),
        band in prop::option::of(0..5_i32),
        by_exception: bool,
        forced_ms in prop::sample::select(&[0, 50][..]),
    ) {
        let deadband = band.map_or(Deadband::None, |band| Deadband::Absolute(band.into()));
        let mut now = 0;
        let run: Vec<_> = run.into_iter().map(|(value, step)| { now += step; (f64::from(value), now) }).collect();
        let found = verdicts(Shape { deadband, by_exception, forced_ms, ..Shape::default() }, &run);
        let mut reported: Vec<(f64, u64)> = Vec::new();
        for ((value, at), verdict) in run.into_iter().zip(found) {
            let news = match reported.last() {
                None => true,
                Some((_, last_at)) if forced_ms > 0 && at - last_at >= forced_ms => true,
                Some((last, _)) => match band {
                    Some(band) => (value - last).abs() > band.into(),
                    None => !by_exception || value != *last,
                },
            };
            prop_assert_eq!(verdict == Report, news, "{} at {}", value, at);
            if news { reported.push((value, at)) }
        }
    }
}
