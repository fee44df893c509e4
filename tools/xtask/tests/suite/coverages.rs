//! The gate on covered lines, what it counts, and the reports; the whole way is `cargo xtask coverage --self-test`.

use std::path::Path;

use xtask::coverage::gate::{self, Measure};
use xtask::coverage::{cobertura, lcov};

const RECORDS: &str = "\
TN:
SF:/src/kernel/flow/src/lib.rs
FN:1,f
DA:1,3
DA:2,0
DA:4,1
DA:5,1
DA:8,7
LF:5
end_of_record
SF:/src/kernel/flow/tests/suite.rs
DA:1,1
end_of_record
SF:/src/tools/xtask/src/lib.rs
DA:1,0
end_of_record
SF:/rustc/library/core.rs
DA:1,0
end_of_record
";

/// Lines 3 to 6 are a test's.
const LIB: &str = "\
pub fn f() -> u8 {
    1 }
#[cfg(test)]
mod tests {
    #[test] fn f() {}
}
mod inner {
    pub fn g() {}
}
";

fn product() -> lcov::Files {
    let files = lcov::read(RECORDS).expect("the records are well formed");
    gate::product(files, Path::new("/src"), |_| LIB.to_owned())
}

#[test]
fn the_gate_stands_at_85_percent_to_the_line() {
    let enough = |covered, lines| Measure { covered, lines }.is_enough();
    assert!(!enough(849, 1000));
    assert!(enough(850, 1000));
    assert!(!enough(8_499_999, 10_000_000));
    assert!(enough(1, 1));
    assert!(!enough(0, 0));
}

#[test]
fn a_figure_is_never_rounded_up() {
    let percent = |covered, lines| Measure { covered, lines }.percent();
    assert_eq!(percent(8_499_999, 10_000_000), "84.99");
    assert_eq!(percent(849, 1000), "84.90");
    assert_eq!(percent(1, 100), "1.00");
    assert_eq!(percent(0, 0), "0.00");
}

#[test]
fn only_lines_of_product_code_count() {
    let files = product();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["kernel/flow/src/lib.rs"]);
    assert_eq!(Measure::of(&files), Measure { covered: 2, lines: 3 });
}

#[test]
fn a_file_that_stands_twice_is_summed() {
    let twice = format!("{RECORDS}SF:/src/kernel/flow/src/lib.rs\nDA:2,5\nend_of_record\n");
    let files = lcov::read(&twice).expect("the records are well formed");
    assert_eq!(files["/src/kernel/flow/src/lib.rs"][&2], 5);
}

#[test]
fn records_that_make_no_sense_are_refused() {
    for text in ["DA:1,1\n", "SF:a\nDA:one,1\n", "SF:a\nDA:1\n"] {
        assert!(lcov::read(text).is_err(), "{text:?}");
    }
}

#[test]
fn cobertura_names_files_by_their_path_in_the_repository() {
    let xml = cobertura::write(&product(), 7);
    let class =
        "<class name=\"kernel/flow/src/lib.rs\" filename=\"kernel/flow/src/lib.rs\" line-rate=\"0.6667\"";
    for part in [
        "lines-covered=\"2\" lines-valid=\"3\"",
        "<package name=\"kernel/flow\" line-rate=",
        class,
        "<line number=\"2\" hits=\"0\"/>",
        "timestamp=\"7\"",
    ] {
        assert!(xml.contains(part), "no {part} in {xml}");
    }
    assert!(!xml.contains("number=\"5\""));
}
