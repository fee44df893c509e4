//! A source tree made for one test, with a clean workspace in it to start from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use xtask::tidy::{self, Context, Finding};

static NEXT: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Fixture {
    pub(crate) root: PathBuf,
}

const ROOT: &str = "\
[workspace]
resolver = \"3\"
members = [\"kernel/*\", \"codecs/*\", \"services/*\", \"connectors/*\", \"examples/*\", \"node\"]
exclude = [\"foreign\"]

[workspace.lints.clippy]
disallowed_methods = \"warn\"
disallowed_types = \"warn\"
iter_over_hash_type = { level = \"warn\", priority = 1 }
";

const RATCHET: &str = "\
[product]
function_lines = 5
file_lines = 20

[tests]
function_lines = 8
file_lines = 30
";

pub(crate) const README: &str = "# Gate\n\n## One\n\n```sh\ngate up # start\n```\n";

impl Fixture {
    pub(crate) fn empty() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fixture-{}-{number}", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).expect("the temporary folder is writable");
        Self { root }
    }

    /// One crate in each layer that has special rules, and nothing to find.
    pub(crate) fn clean() -> Self {
        let tree = Self::empty()
            .with("Cargo.toml", ROOT)
            .with("clippy.toml", "disallowed-methods = [{ path = \"std::thread::sleep\" }]\n")
            .with("codecs/clippy.toml", include_str!("../../../../codecs/clippy.toml"))
            .with("tools/xtask/ratchet.toml", RATCHET)
            .with("README.md", README)
            .with("README.zh-CN.md", "# 闸\n\n## 一\n\n```sh\ngate up # 启动\n```\n")
            .with("docs/adr/0001-first.md", "# First\n\n## Decision\n\nSo be it.\n")
            .with_crate("kernel/flow", "tidegate-kernel-flow", "")
            .with_crate(
                "kernel/journal",
                "tidegate-kernel-journal",
                "tidegate-kernel-flow = { path = \"../flow\" }",
            )
            .with_crate(
                "codecs/mqtt",
                "tidegate-codec-mqtt",
                "tidegate-kernel-flow = { path = \"../../kernel/flow\" }",
            )
            .with_crate("connectors/file", "tidegate-connector-file", "")
            .with_crate("examples/counting", "tidegate-example-counting", "")
            .with_crate("node", "tidegate", "");
        tree.with_service("broker").with_service("ingest")
    }

    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("every file has a folder")).expect("the fixture is writable");
        fs::write(path, text).expect("the fixture is writable");
        self
    }

    pub(crate) fn without(self, path: &str) -> Self {
        fs::remove_file(self.root.join(path)).expect("the fixture has the file");
        self
    }

    /// A crate with a README and an empty library; `dependencies` are the lines after `[dependencies]`.
    pub(crate) fn with_crate(self, folder: &str, name: &str, dependencies: &str) -> Self {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lints]\nworkspace = true\n\n\
             [dependencies]\n{dependencies}\n"
        );
        let readme = format!("# {name}\n\n## What it does\n\n## What it never does\n\n## Use\n");
        self.with(&format!("{folder}/Cargo.toml"), &manifest)
            .with(&format!("{folder}/README.md"), &readme)
            .with(&format!("{folder}/src/lib.rs"), "")
    }

    pub(crate) fn with_service(self, name: &str) -> Self {
        let folder = format!("services/{name}");
        let this = self.with_crate(&folder, &format!("tidegate-service-{name}"), "");
        let this = this.append(
            &format!("{folder}/Cargo.toml"),
            "[package.metadata.tidegate]\ncapability = \"pipeline\"\n",
        );
        ["sample.toml", "src/config.rs", "src/error.rs"]
            .iter()
            .fold(this, |this, file| this.with(&format!("{folder}/{file}"), ""))
    }

    /// Adds to the end of a file: a line after a crate's dependencies, or a table of its own.
    pub(crate) fn append(self, path: &str, text: &str) -> Self {
        let before = fs::read_to_string(self.root.join(path)).expect("the fixture has the file");
        self.with(path, &format!("{before}{text}\n"))
    }

    pub(crate) fn context(&self) -> Context {
        Context::open(&self.root).expect("the fixture is a workspace")
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        tidy::check(&self.context()).expect("the rules can be checked")
    }

    /// The places of what one rule finds, `path:line`; the other rules must find nothing.
    pub(crate) fn places(&self, rule: &str) -> Vec<String> {
        let findings = self.findings();
        let (by_rule, others): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.rule == rule);
        assert!(others.is_empty(), "found by other rules: {others:#?}");
        by_rule.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // What a failed removal leaves behind lies below target/ and harms no later run.
        let _left_behind = fs::remove_dir_all(&self.root);
    }
}
