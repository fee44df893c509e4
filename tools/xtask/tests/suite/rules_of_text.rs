//! Rules about what stands in files: for each a clean tree, and one violation that turns it red.

use xtask::docs;
use xtask::tidy::ratchet;

use crate::fixture::{Fixture, README};

const PAGE: &str = "# TG-ST-004: sold out\n\n## What happened\n\n## Why\n\n## What to do\n\n## 中文\n";

fn flow(text: &str) -> Fixture {
    Fixture::clean().with("kernel/flow/src/lib.rs", text)
}

fn codec(text: &str) -> Fixture {
    Fixture::clean().with("codecs/mqtt/src/lib.rs", text)
}

#[test]
fn an_unfinished_mark_is_found_in_code_comments_and_configuration() {
    let (words, call) = (["FIX", "ME"].concat(), ["to", "do!"].concat());
    assert_eq!(flow(&format!("\n// {words} later\n")).places("marks"), ["kernel/flow/src/lib.rs:2"]);
    assert_eq!(flow(&format!("fn f() {{ std::{call}() }}\n")).places("marks"), ["kernel/flow/src/lib.rs:1"]);
    assert_eq!(Fixture::clean().append("clippy.toml", &format!("# {words}")).places("marks").len(), 1);
}

#[test]
fn a_word_that_only_contains_a_mark_is_fine_and_so_is_prose() {
    let word = ["TO", "DO"].concat();
    assert_eq!(flow(&format!("pub const {word}S: u8 = 1;\npub const MAS{word}: u8 = 1;\n")).findings(), []);
    assert_eq!(Fixture::clean().append("README.md", &format!("no {word} here")).findings(), []);
}

#[test]
fn a_codec_that_reads_the_clock_disk_or_network_is_found() {
    for text in [
        "fn f() -> bool { std::time::Instant::now().elapsed().is_zero() }",
        "use std::{collections::BTreeMap, fs};",
        "use std::time::{Duration, SystemTime};",
        "use std::net::*;",
        "fn f() { assert!(std::env::args().len() > 1) }",
        "async fn f() {}",
    ] {
        assert_eq!(codec(text).places("senses"), ["codecs/mqtt/src/lib.rs:1"], "{text}");
    }
}

#[test]
fn a_codec_may_count_durations_speak_of_the_disk_and_use_it_in_tests() {
    for text in [
        "use std::time::{Duration};\nuse std::{time::Duration as Pause, collections::BTreeMap};",
        "//! Never std::fs.\n/// Nor std::net.\npub const WORDS: &str = \"std::time::Instant\";",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
    ] {
        assert_eq!(codec(text).findings(), [], "{text}");
    }
    let tree = Fixture::clean().with("codecs/mqtt/tests/a.rs", "use std::fs;\n");
    assert_eq!(tree.findings(), []);
}

#[test]
fn a_service_may_have_senses() {
    let tree = Fixture::clean().with("services/broker/src/lib.rs", "use std::{fs, net, time};\n");
    assert_eq!(tree.findings(), []);
}

#[test]
fn an_error_code_and_its_page_go_together() {
    let code = "pub const SOLD_OUT: &str = \"TG-ST-004\";\n";
    assert_eq!(flow(code).places("error-pages"), ["kernel/flow/src/lib.rs:1"]);
    assert_eq!(flow(code).with("docs/errors/TG-ST-004.md", PAGE).findings(), []);
    let tree = Fixture::clean().with("docs/errors/TG-ST-004.md", PAGE);
    assert_eq!(tree.places("error-pages"), ["docs/errors/TG-ST-004.md:1"]);
}

#[test]
fn a_crate_of_an_example_needs_pages_as_well_and_an_example_of_a_crate_does_not() {
    let code = "pub const SOLD_OUT: &str = \"TG-ST-004\";\n";
    let with = |path: &str| Fixture::clean().with(path, code).places("error-pages");
    assert_eq!(with("examples/counting/src/lib.rs"), ["examples/counting/src/lib.rs:1"]);
    assert!(with("kernel/flow/examples/sale.rs").is_empty());
}

#[test]
fn a_code_in_an_attribute_counts_and_one_in_a_doc_comment_or_test_does_not() {
    let attribute = "#[code(\"TG-ST-004\")]\npub struct SoldOut;\n";
    assert_eq!(flow(attribute).places("error-pages"), ["kernel/flow/src/lib.rs:1"]);
    let words = "//! \"TG-ST-004\"\n/// \"TG-ST-005\"\npub struct A;\n#[cfg(test)]\nmod tests {\n    const A: &str = \"TG-ST-006\";\n}\n";
    assert_eq!(flow(words).findings(), []);
}

#[test]
fn a_page_without_title_or_heading_is_found() {
    let code = "pub const SOLD_OUT: &str = \"TG-ST-004\";\n";
    for part in [": sold out", "## Why\n", "## 中文\n"] {
        let tree = flow(code).with("docs/errors/TG-ST-004.md", &PAGE.replace(part, "\n"));
        assert_eq!(tree.places("error-pages"), ["docs/errors/TG-ST-004.md:1"], "{part}");
    }
    let tree = Fixture::clean().with("docs/errors/sold-out.md", PAGE);
    assert_eq!(tree.places("error-pages"), ["docs/errors/sold-out.md:1"]);
}

#[test]
fn a_metric_and_its_row_in_the_reference_go_together() {
    let page = "docs/reference/metrics.md";
    let code = "pub const OPEN: &str = \"tidegate_flow_open_breakers\";\n";
    assert_eq!(flow(code).places("metrics"), ["docs/reference/metrics.md:1"]);
    assert_eq!(flow(code).with(page, "# Metrics\n").places("metrics"), ["kernel/flow/src/lib.rs:1"]);
    let row = "# Metrics\n| `tidegate_flow_open_breakers` | gauge |\n";
    assert_eq!(flow(code).with(page, row).findings(), []);
    assert_eq!(Fixture::clean().with(page, row).places("metrics"), ["docs/reference/metrics.md:2"]);
    let other = "pub const OTHER: &str = \"tidegate_flow\";\n// tidegate_flow_open_breakers\n";
    assert_eq!(flow(other).findings(), []);
}

#[test]
fn a_metric_and_a_code_without_documentation_are_what_docs_refuses_and_nothing_else() {
    let code =
        "pub const NAME: &str = \"tidegate_flow_things_total\";\npub const SOLD_OUT: &str = \"TG-ST-004\";\n";
    let (word, tree) = (["FIX", "ME"].concat(), Fixture::clean());
    let tree = tree.with("kernel/flow/src/lib.rs", &format!("{code}// {word}\n"));
    let found = docs::check(&tree.context()).expect("the tree can be read");
    assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["metrics", "error-pages"]);
    assert_eq!(docs::check(&Fixture::clean().context()).expect("the tree can be read"), []);
}

#[test]
fn the_two_languages_have_the_same_sections_and_commands() {
    for (part, other) in [("## 一", "text"), ("gate up", "gate down"), ("gate up", "# gate up")] {
        let tree = Fixture::clean();
        let text = std::fs::read_to_string(tree.root.join("README.zh-CN.md")).expect("the fixture has it");
        let tree = tree.with("README.zh-CN.md", &text.replace(part, other));
        assert_eq!(tree.places("languages").len(), 1, "{part} -> {other}");
    }
    assert_eq!(Fixture::clean().without("README.zh-CN.md").places("languages"), ["README.zh-CN.md:1"]);
}

#[test]
fn a_picture_may_be_translated() {
    let tree = Fixture::clean().with("README.md", &format!("{README}\n```text\nsensor -> file\n```\n"));
    assert_eq!(tree.findings(), []);
}

#[test]
fn a_decision_record_has_a_number_a_title_and_a_decision() {
    let record = "# Second\n\n## Decision\n";
    assert_eq!(Fixture::clean().with("docs/adr/0002-b.md", record).findings(), []);
    for (path, text) in [
        ("0001-second.md", record),
        ("second.md", record),
        ("0002-b.md", "# Second\n"),
        ("0002-b.md", "\n## Decision\n"),
    ] {
        let tree = Fixture::clean().with(&format!("docs/adr/{path}"), text);
        assert_eq!(tree.places("adr"), [format!("docs/adr/{path}:1")], "{text}");
    }
}

#[test]
fn a_path_of_somebodys_machine_is_found_in_any_text() {
    for folder in ["home", "root", "work"] {
        let tree = Fixture::clean().with("deploy/run.md", &format!("one\nrun `/{folder}/ann/gate`\n"));
        assert_eq!(tree.places("machine-paths"), ["deploy/run.md:2"]);
        let tree = Fixture::clean()
            .with("deploy/run.md", &format!("target/{folder}/x ./{folder}/y $A/{folder}/z\n"));
        assert_eq!(tree.findings(), []);
    }
}

#[test]
fn a_function_longer_than_the_record_is_found_with_its_line() {
    let text = "\nfn short() {}\nimpl A {\n    fn long() {\n        a();\n        b();\n        c();\n        d();\n    }\n}\n";
    assert_eq!(flow(text).places("ratchet"), ["kernel/flow/src/lib.rs:4"]);
    // Eight lines are for tests only.
    assert_eq!(flow(&format!("#[cfg(test)]\nmod tests {{{text}}}\n")).findings(), []);
}

#[test]
fn a_file_longer_than_the_record_is_found() {
    assert_eq!(flow(&"\n".repeat(20)).findings(), []);
    assert_eq!(flow(&"\n".repeat(21)).places("ratchet"), ["kernel/flow/src/lib.rs:1"]);
    let tests = |lines: usize| Fixture::clean().with("kernel/flow/tests/suite/main.rs", &"\n".repeat(lines));
    assert_eq!(tests(30).findings(), []);
    assert_eq!(tests(31).places("ratchet"), ["kernel/flow/tests/suite/main.rs:1"]);
}

#[test]
fn the_ratchet_lowers_what_fell_and_raises_nothing() {
    let tree = flow(&format!("fn f() {{\n}}\n{}", "\n".repeat(22)));
    ratchet::lower(&tree.context()).expect("the record can be written");
    let written = std::fs::read_to_string(tree.root.join(ratchet::FILE)).expect("the record is there");
    let table: toml::Table = written.parse().expect("it is TOML");
    assert_eq!(table["product"]["function_lines"].as_integer(), Some(2));
    assert_eq!(table["product"]["file_lines"].as_integer(), Some(20));
    assert_eq!(tree.places("ratchet"), ["kernel/flow/src/lib.rs:1"]);
}

#[test]
fn a_finding_is_a_line_for_people_and_an_object_for_programs() {
    let tree = flow(&"\n".repeat(21));
    let [finding] = &tree.findings()[..] else { panic!("one finding was planted") };
    assert!(
        finding
            .to_string()
            .starts_with("kernel/flow/src/lib.rs:1: ratchet: 21 lines, and the longest file has 20 (")
    );
    let object: serde_json::Value = serde_json::from_str(&finding.json()).expect("it is JSON");
    assert_eq!((&object["rule"], &object["line"]), (&"ratchet".into(), &1.into()));
}
