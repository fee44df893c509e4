//! Metrics as text, in the Prometheus text exposition format 0.0.4.
//!
//! Families come out in the order they were handed in, each under its HELP and TYPE line. Pure.

use crate::metric::{Family, Kind, Number, Series, Value};
use std::fmt::Write;

/// What an HTTP answer with this text says it is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const WRITES: &str = "writing to a string does not fail";

/// The page a scraper reads. Families of the same name must be one family: the format allows a name once.
pub fn exposition(families: &[Family]) -> String {
    let mut out = String::with_capacity(4096);
    families.iter().for_each(|family| put_family(&mut out, family));
    let dropped: u64 = families.iter().map(|family| family.dropped).sum();
    if dropped > 0 {
        let help = "Series left out of this page because their family had too many.";
        put_family(&mut out, &Family::gauge("tidegate_metrics_dropped_series", help).with(&[], dropped));
    }
    out
}

fn put_family(out: &mut String, family: &Family) {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let name = family.name;
    write!(out, "# HELP {name} {}\n# TYPE {name} {kind}\n", escaped(family.help, false)).expect(WRITES);
    for series in &family.series {
        put_series(out, name, series);
    }
}

fn put_series(out: &mut String, name: &str, series: &Series) {
    let labels = labels(series);
    let histogram = match &series.value {
        Value::Number(number) => return put_sample(out, name, "", &labels, *number),
        Value::Histogram(histogram) => histogram,
    };
    for (bound, count) in histogram.cumulative() {
        let mut with_bound = labels.clone();
        with_bound.push(format!("le=\"{}\"", real(bound)));
        put_sample(out, name, "_bucket", &with_bound, count.into());
    }
    put_sample(out, name, "_sum", &labels, histogram.sum().into());
    put_sample(out, name, "_count", &labels, histogram.count().into());
}

fn put_sample(out: &mut String, name: &str, suffix: &str, labels: &[String], number: Number) {
    out.push_str(name);
    out.push_str(suffix);
    if !labels.is_empty() {
        write!(out, "{{{}}}", labels.join(",")).expect(WRITES);
    }
    match number {
        Number::Whole(value) => writeln!(out, " {value}"),
        Number::Signed(value) => writeln!(out, " {value}"),
        Number::Real(value) => writeln!(out, " {}", real(value)),
    }
    .expect(WRITES);
}

fn labels(series: &Series) -> Vec<String> {
    series.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true))).collect()
}

fn escaped(text: &str, quoted: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out
}

fn real(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
