//! One row of a benchmark, as JSON for programs and as a line of a table for people. Pure; has no goals in it.

use serde::Serialize;

/// A measured value with everything needed to read it later. Fields that do not apply are left out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    pub scenario: String,
    pub metric: &'static str,
    pub unit: &'static str,
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p999_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_op: Option<f64>,
    /// The most memory there ever was of what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_peak_bytes: Option<u64>,
    /// What was sent and did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// What was sent more than once, because nobody had acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resent: Option<u64>,
    /// The bytes of memory that the configuration allows in all to what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<u64>,
    /// The value is a median, and in 19 of 20 runs the true one lies between these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<[f64; 2]>,
    /// What the value is compared with, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_value: Option<f64>,
    /// The value divided by the peer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// What kept the value from being larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<&'static str>,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    pub load: String,
    pub machine: String,
    pub loadavg: f64,
    pub command: String,
}

/// The head of the table that [`Row::line`] makes lines of.
pub const TABLE_HEAD: &str =
    "scenario         metric               value unit        p50 us   p99 us  cpu us/op   ratio  to";

impl Row {
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("strings and finite numbers are JSON")
    }

    /// One line under [`TABLE_HEAD`].
    pub fn line(&self) -> String {
        let number =
            |value: Option<f64>, digits| value.map_or_else(String::new, |value| format!("{value:.digits$}"));
        let value = match self.skipped {
            Some(_) => "skipped".to_owned(),
            None => number(Some(self.value), if self.value < 1000.0 { 1 } else { 0 }),
        };
        let line = format!(
            "{:<16} {:<12} {value:>13} {:<9} {:>8} {:>8} {:>10} {:>7}  {}",
            self.scenario,
            self.metric,
            self.unit,
            number(self.p50_us, 0),
            number(self.p99_us, 0),
            number(self.cpu_us_per_op, 2),
            number(self.ratio, 2),
            self.remark(),
        );
        line.trim_end().to_owned()
    }

    fn remark(&self) -> String {
        let peer = self.peer.map(str::to_owned);
        let limit = self.limited_by.map(|limit| format!("limited by {limit}"));
        peer.or(limit).or_else(|| self.skipped.clone()).unwrap_or_default()
    }

    /// Three digits behind the point say more than the measurement does.
    pub(crate) fn rounded(mut self) -> Row {
        self.value = round(self.value);
        for field in [&mut self.cpu_us_per_op, &mut self.peer_value, &mut self.ratio] {
            *field = field.map(round);
        }
        self.between = self.between.map(|bounds| bounds.map(round));
        self
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Row {
        Row {
            scenario: "journal.w16".to_owned(),
            metric: "rate",
            unit: "commit/s",
            value: 31_000.0,
            ratio: Some(0.775_04),
            peer: Some("bare"),
            peer_value: Some(40_000.0),
            load: "16 threads".to_owned(),
            ..Row::default()
        }
    }

    #[test]
    fn what_does_not_apply_is_left_out_of_the_object() {
        let expected = concat!(
            r#"{"scenario":"journal.w16","metric":"rate","unit":"commit/s","value":31000.0,"#,
            r#""peer":"bare","peer_value":40000.0,"ratio":0.775,"load":"16 threads","#,
            r#""machine":"","loadavg":0.0,"command":""}"#,
        );
        assert_eq!(sample().rounded().json(), expected);
    }

    #[test]
    fn a_line_of_the_table_stands_under_its_head() {
        let line = sample().line();
        let end_of = |text: &str, word: &str| text.find(word).map(|at| at + word.len());
        assert_eq!(end_of(&line, "31000"), end_of(TABLE_HEAD, "value"));
        assert_eq!(end_of(&line, "0.78"), end_of(TABLE_HEAD, "ratio"));
        assert!(line.ends_with("  bare"));
    }

    #[test]
    fn a_row_without_a_value_says_why() {
        let row = Row { skipped: Some("too little room".to_owned()), ..sample() };
        assert!(row.line().contains("skipped"));
        assert!(row.json().contains(r#""skipped":"too little room""#));
    }
}
