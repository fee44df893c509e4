//! Writes a run as JUnit XML, as GitLab and Jenkins read it: one suite a test binary or check, one case a test.
//!
//! Pure. The numbers are the run's own: results that were counted but whose names could not be read (a test's output ran
//! into its line) stand as cases without a name, so that a reader's sum is ours.

use std::fmt::Write as _;

use crate::report::{Case, Tally, Verdict};

pub fn write(tally: &Tally) -> String {
    let skips = tally.skips.len();
    let tests = tally.passed + tally.failed + skips as u64;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let head = format!("tests=\"{tests}\" failures=\"{}\" skipped=\"{skips}\"", tally.failed);
    let _infallible = writeln!(xml, "<testsuites name=\"tidegate\" {head}>");
    let cases = complete(tally);
    let mut rest = cases.as_slice();
    while let Some(first) = rest.first() {
        let len = rest.iter().take_while(|case| case.suite == first.suite).count();
        let (of_suite, after) = rest.split_at(len);
        suite(&mut xml, of_suite);
        rest = after;
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// The named cases, and as many without a name as the counts say are missing.
fn complete(tally: &Tally) -> Vec<Case> {
    let mut cases = tally.cases.clone();
    // An announced skip was read as a pass; a skip of a check has no case at all.
    for skip in &tally.skips {
        let verdict = Verdict::Skipped(skip.reason.clone());
        match cases.iter_mut().find(|case| case.answers_to(&skip.name)) {
            Some(case) => case.verdict = verdict,
            None => cases.push(Case { suite: "skipped".into(), name: skip.name.clone(), verdict }),
        }
    }
    let count = |cases: &[Case], wanted: fn(&Verdict) -> bool| {
        cases.iter().filter(|case| wanted(&case.verdict)).count() as u64
    };
    let failed = tally.failed.saturating_sub(count(&cases, |verdict| matches!(verdict, Verdict::Failed(_))));
    let passed = tally.passed.saturating_sub(count(&cases, |verdict| *verdict == Verdict::Passed));
    let unnamed =
        |number, verdict| Case { suite: "unnamed".into(), name: format!("result {number}"), verdict };
    cases.extend((1..=failed).map(|number| unnamed(number, Verdict::Failed("see the log".into()))));
    cases.extend((1..=passed).map(|number| unnamed(number, Verdict::Passed)));
    cases
}

fn suite(xml: &mut String, cases: &[Case]) {
    let failed = cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed(_))).count();
    let skipped = cases.iter().filter(|case| matches!(case.verdict, Verdict::Skipped(_))).count();
    let name = cases.first().map(|case| escape(&case.suite)).unwrap_or_default();
    let head = format!("tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\"", cases.len());
    let _infallible = writeln!(xml, "  <testsuite name=\"{name}\" {head}>");
    for case in cases {
        let start = format!("    <testcase classname=\"{name}\" name=\"{}\"", escape(&case.name));
        let _infallible = match &case.verdict {
            Verdict::Passed => writeln!(xml, "{start}/>"),
            Verdict::Failed(text) => {
                writeln!(xml, "{start}><failure message=\"failed\">{}</failure></testcase>", escape(text))
            }
            Verdict::Skipped(reason) => {
                writeln!(xml, "{start}><skipped message=\"{}\"/></testcase>", escape(reason))
            }
        };
    }
    xml.push_str("  </testsuite>\n");
}

/// Text for an attribute or an element; what XML 1.0 forbids becomes a mark, escape codes of terminals above all.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}') => {
                escaped.push('\u{FFFD}')
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}
