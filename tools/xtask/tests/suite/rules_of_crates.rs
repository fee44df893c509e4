//! Rules about crates and what they depend on: for each a clean tree, and one violation that turns it red.

use crate::fixture::Fixture;

#[test]
fn a_clean_workspace_has_no_findings() {
    assert_eq!(Fixture::clean().findings(), []);
}

#[test]
fn an_empty_workspace_has_no_findings() {
    let tree = Fixture::empty().with("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = []\n");
    assert_eq!(tree.findings(), []);
}

#[test]
fn a_service_on_a_service_breaks_the_layers() {
    let tree = Fixture::clean()
        .append("services/broker/Cargo.toml", "[dependencies.tidegate-service-ingest]\npath = \"../ingest\"");
    assert_eq!(tree.places("layers"), ["services/broker/Cargo.toml:14"]);
}

#[test]
fn a_service_on_a_connector_breaks_the_layers_but_not_in_its_tests() {
    let edge = |kind: &str| format!("[{kind}.tidegate-connector-file]\npath = \"../../connectors/file\"");
    let tree = Fixture::clean().append("services/broker/Cargo.toml", &edge("dependencies"));
    assert_eq!(tree.places("layers").len(), 1);
    let tree = Fixture::clean().append("services/broker/Cargo.toml", &edge("dev-dependencies"));
    assert_eq!(tree.places("layers").len(), 0);
}

#[test]
fn no_tests_below_node_reach_for_node() {
    let tree = Fixture::clean()
        .append("services/broker/Cargo.toml", "[dev-dependencies.tidegate]\npath = \"../../node\"");
    assert_eq!(tree.places("layers").len(), 1);
}

#[test]
fn a_connector_may_use_the_service_whose_port_it_implements() {
    let dependency = "tidegate-service-ingest = { path = \"../../services/ingest\" }";
    let tree = Fixture::clean().with_crate("connectors/file", "tidegate-connector-file", dependency);
    assert_eq!(tree.findings(), []);
}

#[test]
fn an_example_may_use_a_service_and_nothing_may_use_an_example() {
    let dependency = "tidegate-service-ingest = { path = \"../../services/ingest\" }";
    let tree = Fixture::clean().with_crate("examples/counting", "tidegate-example-counting", dependency);
    assert_eq!(tree.findings(), []);
    let edge = "[dependencies.tidegate-example-counting]\npath = \"../examples/counting\"";
    assert_eq!(Fixture::clean().append("node/Cargo.toml", edge).places("layers").len(), 1);
}

#[test]
fn the_kernel_keeps_its_order_except_in_tests() {
    let edge = |kind: &str| format!("[{kind}.tidegate-kernel-journal]\npath = \"../journal\"");
    let against = |kind: &str| {
        // Cargo refuses circles, so the edge that stands is turned round.
        let tree = Fixture::clean().with_crate("kernel/journal", "tidegate-kernel-journal", "");
        tree.append("kernel/flow/Cargo.toml", &edge(kind)).places("layers")
    };
    assert_eq!(against("dependencies").len(), 1);
    assert_eq!(against("dev-dependencies").len(), 0);
}

#[test]
fn an_unknown_kernel_crate_must_be_given_its_place() {
    let tree = Fixture::clean().with_crate("kernel/extra", "tidegate-kernel-extra", "");
    assert_eq!(tree.places("layers"), ["kernel/extra/Cargo.toml:1"]);
}

#[test]
fn a_codec_on_a_service_breaks_the_layers() {
    let dependency = "tidegate-service-ingest = { path = \"../../services/ingest\" }";
    let tree = Fixture::clean().with_crate("codecs/mqtt", "tidegate-codec-mqtt", dependency);
    assert_eq!(tree.places("layers"), ["codecs/mqtt/Cargo.toml:10"]);
}

#[test]
fn a_package_is_named_after_its_folder() {
    let tree = Fixture::clean().with_crate("connectors/file", "tidegate-file", "");
    assert_eq!(tree.places("naming"), ["connectors/file/Cargo.toml:2"]);
}

#[test]
fn a_codec_that_reaches_tokio_through_the_kernel_is_impure() {
    let tree = Fixture::clean()
        .with_crate("foreign/tokio", "tokio", "")
        .with_crate("kernel/flow", "tidegate-kernel-flow", "tokio = { path = \"../../foreign/tokio\" }")
        .with(
            "foreign/tokio/Cargo.toml",
            "[package]\nname = \"tokio\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
        );
    let findings = tree.findings();
    let impure: Vec<_> = findings.iter().filter(|finding| finding.rule == "purity").collect();
    assert_eq!(impure.len(), 1);
    assert!(impure[0].message.ends_with("tidegate-codec-mqtt > tidegate-kernel-flow > tokio"), "{impure:?}");
}

#[test]
fn a_codec_may_test_with_what_it_must_not_ship() {
    let tree = Fixture::clean()
        .with(
            "foreign/rand/Cargo.toml",
            "[package]\nname = \"rand\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
        )
        .with("foreign/rand/src/lib.rs", "")
        .append("codecs/mqtt/Cargo.toml", "[dev-dependencies.rand]\npath = \"../../foreign/rand\"");
    assert_eq!(tree.findings().iter().filter(|finding| finding.rule == "purity").count(), 0);
}

#[test]
fn a_pure_layer_without_bans_is_found() {
    let tree = Fixture::clean().without("codecs/clippy.toml");
    assert_eq!(tree.places("lints"), ["codecs/clippy.toml:1"]);
}

#[test]
fn a_ban_that_the_nearest_clippy_toml_forgets_is_found() {
    let bans = include_str!("../../../../codecs/clippy.toml");
    let without = |word: &str| -> String {
        bans.lines().filter(|line| !line.contains(word)).collect::<Vec<_>>().join("\n")
    };
    for word in ["std::time::Instant", "std::fs::write", "std::thread::sleep"] {
        let tree = Fixture::clean().with("codecs/mqtt/clippy.toml", &without(word));
        assert_eq!(tree.places("lints"), ["codecs/mqtt/clippy.toml:1"], "{word}");
    }
}

#[test]
fn a_crate_without_the_workspaces_lints_is_found() {
    let manifest = "[package]\nname = \"tidegate\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let tree = Fixture::clean().with("node/Cargo.toml", manifest);
    assert_eq!(tree.places("lints"), ["node/Cargo.toml:1"]);
}

#[test]
fn a_workspace_that_allows_hash_map_iteration_is_found() {
    let tree = Fixture::clean();
    let manifest = std::fs::read_to_string(tree.root.join("Cargo.toml")).expect("the fixture has a manifest");
    let tree = tree.with("Cargo.toml", &manifest.replace("level = \"warn\"", "level = \"allow\""));
    assert_eq!(tree.places("lints"), ["Cargo.toml:1"]);
}

#[test]
fn a_codec_that_turns_a_ban_off_is_found_but_not_in_its_tests() {
    let tree = Fixture::clean().with("codecs/mqtt/src/lib.rs", "\n#![allow(clippy::iter_over_hash_type)]\n");
    assert_eq!(tree.places("lints"), ["codecs/mqtt/src/lib.rs:2"]);
    let tree = Fixture::clean().with("codecs/mqtt/tests/a.rs", "#![allow(clippy::disallowed_types)]\n");
    assert_eq!(tree.findings(), []);
}

#[test]
fn a_service_must_say_its_shape_and_have_the_files_of_a_capability() {
    let tree = Fixture::clean().with_crate("services/ingest", "tidegate-service-ingest", "");
    assert_eq!(tree.places("capability"), ["services/ingest/Cargo.toml:1"]);
    let tree =
        Fixture::clean().without("services/ingest/sample.toml").without("services/broker/src/error.rs");
    assert_eq!(
        tree.places("capability"),
        ["services/broker/src/error.rs:1", "services/ingest/sample.toml:1"]
    );
}

#[test]
fn a_shape_that_does_not_exist_is_found() {
    let shape = "[package.metadata.tidegate]\ncapability = \"bus\"";
    let tree = Fixture::clean().with_crate("services/ingest", "tidegate-service-ingest", "");
    let tree = tree.append("services/ingest/Cargo.toml", shape);
    assert_eq!(tree.places("capability"), ["services/ingest/Cargo.toml:12"]);
}

#[test]
fn a_crate_without_a_readme_or_with_another_title_is_found() {
    let tree = Fixture::clean().without("node/README.md");
    assert_eq!(tree.places("headings"), ["node/README.md:1"]);
    let text = "# Flow\n\n## What it does\n\n## What it never does\n";
    let tree = Fixture::clean().with("kernel/flow/README.md", text);
    assert_eq!(tree.places("headings"), ["kernel/flow/README.md:1", "kernel/flow/README.md:1"]);
}

#[test]
fn a_file_that_allows_unsafe_code_is_found_but_for_the_one_that_may_and_for_tests() {
    let allows = "\n#![allow(unsafe_code)]\n";
    let tree = Fixture::clean().with("services/broker/src/lib.rs", allows);
    assert_eq!(tree.places("unsafe"), ["services/broker/src/lib.rs:2"]);
    let tree = Fixture::clean().with_service("probe").with("services/probe/src/sampler.rs", allows);
    assert_eq!(tree.places("unsafe"), [] as [&str; 0]);
    let tree = Fixture::clean().with("services/broker/tests/a.rs", allows);
    assert_eq!(tree.places("unsafe"), [] as [&str; 0]);
}
