//! Rules about memory that threads share, and about the table that says which test holds which clause.

use crate::fixture::Fixture;

const PAGE: &str = "\
# Races

## Clauses

| no | clause | test |
| --- | --- | --- |
| 1 | A reader sees whole balances | `engines/book/src/board.rs` `readers_see_whole_balances` |
";
const BOARD: &str = "\
use std::sync::atomic::AtomicU64;
#[cfg(test)]
mod tests {
    #[test]
    fn readers_see_whole_balances() {}
    fn helper() {}
}
";

fn with_book() -> Fixture {
    let tree = Fixture::clean().with("engines/clippy.toml", include_str!("../../../../engines/clippy.toml"));
    let root = std::fs::read_to_string(tree.root.join("Cargo.toml")).expect("the fixture has a manifest");
    let tree = tree.with("Cargo.toml", &root.replace("\"codecs/*\"", "\"codecs/*\", \"engines/*\""));
    tree.with_crate("engines/book", "tidegate-engine-book", "")
}

#[test]
fn an_engine_that_shares_memory_is_found_but_for_the_file_that_publishes_balances_and_for_tests() {
    for text in [
        "use std::cell::Cell;",
        "use std::sync::{Arc, Mutex as Held};",
        "fn f(of: &std::sync::atomic::AtomicU64) {}",
        "static WORDS: std::sync::OnceLock<u8> = std::sync::OnceLock::new();",
        "thread_local!(static A: u8 = 1);",
        "fn f() { unsafe {} }",
        "static mut A: u8 = 1;",
    ] {
        let tree = with_book().with("engines/book/src/lib.rs", &format!("\n{text}\n"));
        assert!(tree.places("sharing").iter().all(|place| place == "engines/book/src/lib.rs:2"), "{text}");
        assert!(!tree.places("sharing").is_empty(), "{text}");
    }
    let tree = with_book().with("engines/book/src/board.rs", BOARD);
    assert_eq!(tree.findings(), []);
    let words = "//! No Mutex.\n#[cfg(test)]\nmod tests {\n    use std::sync::Mutex;\n}\npub const A: &str = \"Mutex\";\n";
    assert_eq!(with_book().with("engines/book/src/lib.rs", words).findings(), []);
}

#[test]
fn a_static_that_can_be_changed_is_found_everywhere_and_a_lock_in_a_service_is_not() {
    let text = "\nstatic mut A: u8 = 1;\nuse std::sync::Mutex;\n";
    let tree = Fixture::clean().with("services/broker/src/lib.rs", text);
    assert_eq!(tree.places("sharing"), ["services/broker/src/lib.rs:2"]);
}

#[test]
fn a_clause_has_a_test_that_is_there_and_both_languages_name_it() {
    let with_page =
        |page: &str| with_book().with("engines/book/src/board.rs", BOARD).with("docs/guides/race.md", page);
    assert_eq!(with_page(PAGE).with("docs/zh/guides/race.md", PAGE).findings(), []);
    for (from, to) in [
        ("`readers_see_whole_balances`", "`readers_see_half_balances`"),
        ("`readers_see_whole_balances`", "`helper`"),
        ("`engines/book/src/board.rs`", "`engines/book/src/bard.rs`"),
        (" `readers_see_whole_balances`", ""),
    ] {
        let tree = with_page(&PAGE.replace(from, to));
        assert_eq!(tree.places("clauses"), ["docs/guides/race.md:7"], "{to}");
    }
    let other = PAGE.replace("| 1 |", "| one |");
    let tree = with_page(PAGE).with("docs/zh/guides/race.md", &other);
    assert_eq!(tree.places("clauses"), ["docs/zh/guides/race.md:1"]);
}
