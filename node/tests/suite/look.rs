//! Commands that look: the doctor, the support bundle, `top` and completions, as a person at a terminal has them.

use crate::process::{Node, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A configuration with a secret and a token's hash in it.
fn configured(dir: &Path) -> String {
    let file = dir.join("tidegate.toml");
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let hook = "[ingest.webhook.mes]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"nobody-may-see-this\"\n";
    fs::write(&file, format!("[identity.tokens.ada]\nsha256 = \"{digest}\"\n{hook}")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn every_finding_of_the_doctor_on_this_machine_is_explained_and_nothing_is_changed() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let output = run(&["doctor", "--json", "--hardening", "--data", data.to_str().unwrap()]);
    let lines = text(&output.stdout);
    let found: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_well = found.iter().all(|finding| finding["severity"] == "note");
    assert_eq!(output.status.code(), Some(i32::from(!is_well)), "{lines}");
    for finding in &found {
        let code = finding["code"].as_str().unwrap();
        let page = run(&["explain", code]);
        assert!(page.status.success() && text(&page.stdout).contains("## 中文"), "{code}");
        assert!(!finding["evidence"].as_str().unwrap().is_empty(), "{finding}");
    }
    assert!(!data.exists());
}

#[test]
fn the_doctor_speaks_the_language_it_is_told_to() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("tidegate.toml");
    fs::write(&file, "[node]\ndata = 1\n").unwrap();
    let report =
        |language| text(&run(&["doctor", "--lang", language, "--config", file.to_str().unwrap()]).stdout);
    assert!(
        report("en").contains("error[TG-DR-014]: the configuration cannot be used\n"),
        "{}",
        report("en")
    );
    assert!(report("zh").contains("错误[TG-DR-014]: 配置无法使用\n"), "{}", report("zh"));
}

#[test]
fn a_support_bundle_lists_what_it_holds_and_holds_no_secret() {
    let dir = TempDir::new().unwrap();
    let (config, out) = (configured(dir.path()), dir.path().join("bundle.txt"));
    let node = Node::start(&dir.path().join("data"));
    let admin = node.admin().to_string();
    let out_text = out.to_str().unwrap();
    let arguments = ["support-bundle", "--config", &config, "--admin", &admin, "--out", out_text];
    let shown = run(&arguments);
    let list = text(&shown.stdout);
    assert!(shown.status.success() && list.contains("nothing was written"), "{list}");
    assert!(!out.exists());
    let written = run(&[&arguments[..], &["--yes"]].concat());
    assert!(written.status.success(), "{}", text(&written.stderr));
    let bundle = fs::read_to_string(&out).unwrap();
    for part in ["version", "doctor", "settings", "/proc/meminfo", "/readyz", "/api/v1/ingest/accounts"] {
        assert!(list.contains(part) && bundle.contains(&format!("==== {part}\n")), "{part} is not in {list}");
    }
    assert!(bundle.contains("ingest.webhook.mes.secret = (removed)"), "{bundle}");
    assert!(!bundle.contains("nobody-may-see-this") && !bundle.contains("ba7816bf"), "{bundle}");
    let again = run(&[&arguments[..], &["--yes"]].concat());
    assert!(text(&again.stderr).contains("error[TG-DR-050]: "), "{}", text(&again.stderr));
}

#[test]
fn one_screen_of_top_shows_every_sink_and_what_does_not_close() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let output = run(&["top", "--once", "--admin", &node.admin().to_string()]);
    let screen = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in
        ["received               0         0.0/s", "\nfile ", "accounts that do not close: 0", "alarms: 0"]
    {
        assert!(screen.contains(part), "{part} is not in {screen}");
    }
}

#[test]
fn a_shell_is_given_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        let script = text(&output.stdout);
        assert!(
            output.status.success() && script.contains("support-bundle") && script.contains("doctor"),
            "{shell}"
        );
    }
}
