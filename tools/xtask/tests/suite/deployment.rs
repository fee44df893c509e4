//! What `deploy/` and `docs/ci/` say agrees with what this tool and the product do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::image::{COMMAND, DATA_FOLDER, PORTS, USER};

use crate::fixture::Fixture;
use crate::skips;

const UNIT: &str = "deploy/tidegate.service";

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_dockerfile_makes_the_image_that_xtask_writes() {
    let text = text("deploy/Dockerfile");
    let (_, last_stage) = text.split_once("FROM scratch\n").expect("the image is made from scratch");
    let words: Vec<String> = COMMAND.iter().map(|word| format!("\"{word}\"")).collect();
    let ports: Vec<String> = PORTS.iter().map(u16::to_string).collect();
    let lines = [
        "COPY --from=build --chmod=0555 /image/tidegate /tidegate".to_owned(),
        format!("COPY --from=build --chown={USER}:{USER} --chmod=0750 /image/data /{DATA_FOLDER}"),
        format!("USER {USER}:{USER}"),
        format!("EXPOSE {}", ports.join(" ")),
        "ENTRYPOINT [\"/tidegate\"]".to_owned(),
        format!("CMD [{}]", words.join(", ")),
    ];
    assert_eq!(last_stage.lines().collect::<Vec<_>>(), lines);
}

/// `KEY=VALUE` lines by key.
fn unit() -> BTreeMap<String, String> {
    let text = text(UNIT);
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_unit_waits_longer_for_the_end_than_the_node_drains() {
    let unit = unit();
    let words: Vec<&str> = unit["ExecStart"].split(' ').collect();
    let at = words.iter().position(|word| *word == "--drain-timeout").expect("the unit names it");
    let drain_s: u32 = words[at + 1].parse().expect("seconds");
    let stop_s: u32 = unit["TimeoutStopSec"].parse().expect("seconds");
    assert!(stop_s >= drain_s + 5, "{stop_s} s to stop, {drain_s} s to drain");
}

/// Of its complaints those that name the unit, with a program that is there in the place of one that is not yet.
fn complaints(unit: &str) -> Option<String> {
    let own = std::env::current_exe().expect("this test runs");
    let start = format!("ExecStart={}", own.display());
    let text = unit.replace("ExecStart=/usr/bin/tidegate", &start);
    let tree = Fixture::empty().with("tidegate.service", &text);
    let mut command = Command::new("systemd-analyze");
    let output = command.arg("verify").arg(tree.root.join("tidegate.service")).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let own: Vec<&str> = said.lines().filter(|line| line.contains("tidegate.service")).collect();
    Some(own.join("\n"))
}

#[test]
fn systemd_has_no_complaint_about_the_unit() {
    let Some(said) = complaints(&text(UNIT)) else {
        let name = "deployment::systemd_has_no_complaint_about_the_unit";
        return skips::announce(name, "systemd-analyze is not installed");
    };
    assert_eq!(said, "");
    let planted = text(UNIT).replace("RestrictRealtime=yes", "RestrictRealtime=perhaps\nRestrictTime=yes");
    let said = complaints(&planted).expect("it ran before");
    assert!(said.contains("perhaps") || said.contains("RestrictRealtime"), "{said}");
    assert!(said.contains("RestrictTime"), "{said}");
}

/// The words after each `cargo xtask` in a text.
fn calls(text: &str) -> Vec<&str> {
    text.split("cargo xtask ").skip(1).map(|rest| rest.lines().next().unwrap_or_default().trim()).collect()
}

#[test]
fn the_pipeline_calls_what_xtask_has_and_publishes_what_it_writes() {
    let text = text("docs/ci/gitlab-ci.yml");
    let help = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("--help").output().expect("it was built");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let calls = calls(&text);
    for verb in ["test", "coverage", "dist", "image"] {
        assert!(calls.iter().any(|call| call.split(' ').next() == Some(verb)), "{verb} in {calls:?}");
        assert!(help.contains(&format!("cargo xtask {verb} ")), "{verb} in {help}");
    }
    for line in [
        "junit: target/junit.xml",
        "junit: target/coverage/junit.xml",
        "coverage_format: cobertura",
        "path: target/coverage/cobertura.xml",
        "coverage: '/^lines: (\\d+\\.\\d+) %/'",
    ] {
        assert!(text.lines().any(|found| found.trim() == line), "no line {line:?}");
    }
}

#[test]
fn both_languages_give_the_same_commands() {
    let commands = |path| -> Vec<String> {
        let text = text(path);
        text.split("```").skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(commands("deploy/README.md"), commands("deploy/README.zh-CN.md"));
}

/// What `systemd-analyze security` makes of the unit alone: 0 is locked up, 10 is open.
fn exposure(unit: &str) -> Option<f64> {
    let tree = Fixture::empty().with("tidegate.service", unit);
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]).arg(tree.root.join("tidegate.service"));
    let said = String::from_utf8(command.output().ok()?.stdout).ok()?;
    let (_, rest) = said.rsplit_once("Overall exposure level for tidegate.service: ")?;
    rest.split(' ').next()?.parse().ok()
}

#[test]
fn systemd_finds_the_service_confined() {
    let unit = text(UNIT);
    let Some(found) = exposure(&unit) else {
        let name = "deployment::systemd_finds_the_service_confined";
        return skips::announce(name, "systemd-analyze 250 or newer is not installed");
    };
    assert!(found <= 2.0, "an exposure of {found}");
    let open = exposure(&unit.replace("ProtectSystem=strict\n", "").replace("PrivateDevices=yes\n", ""));
    assert!(open.expect("it ran before") > found, "an open unit is found as confined");
}

#[test]
fn the_unit_names_what_the_packages_install_and_bounds_memory() {
    let unit = unit();
    assert!(unit["ExecStart"].starts_with("/usr/bin/tidegate up --config /etc/tidegate/tidegate.toml "));
    for (key, value) in [
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", "CAP_SYS_NICE"),
        ("MemoryMax", "75%"),
    ] {
        assert_eq!(unit[key], value, "{key}");
    }
}
