//! What the documentation tells people to type, typed: its settings are read, its commands run beside a real node.
//!
//! A block marked `by-hand` or `fragment` needs something a test does not have, and is left to the reader.

use crate::process::{Node, binary};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A block of a page: its page and line, the words behind its fence, its text.
struct Block {
    place: String,
    info: String,
    text: String,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The blocks of every page people read to use the product, in order.
fn blocks() -> Vec<Block> {
    let folders = ["", "guides", "zh", "zh/guides"];
    let mut pages: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(docs().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages.iter().flat_map(|page| blocks_of(page)).collect()
}

fn blocks_of(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (line, number) in text.lines().zip(1..) {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(info) => {
                is_open = true;
                let place = format!("{}:{number}", page.strip_prefix(docs()).unwrap().display());
                blocks.push(Block { place, info: info.to_owned(), text: String::new() });
            }
            None if is_open => blocks.last_mut().unwrap().text += &format!("{line}\n"),
            None => {}
        }
    }
    blocks
}

#[test]
fn every_configuration_in_the_documentation_is_sound() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tidegate.toml");
    let sound: Vec<_> = blocks().into_iter().filter(|block| block.info == "toml").collect();
    for block in &sound {
        fs::write(&file, &block.text).unwrap();
        let checked = Command::new(binary()).args(["config", "check"]).arg(&file).output().unwrap();
        let errors = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{}: {errors}", block.place);
    }
    assert!(sound.len() >= 6, "only {} blocks were checked", sound.len());
}

#[test]
fn every_command_in_the_documentation_works() {
    let mut pages: BTreeMap<String, Vec<Block>> = BTreeMap::new();
    for block in blocks().into_iter().filter(|block| block.info == "sh") {
        pages.entry(block.place.split(':').next().unwrap().to_owned()).or_default().push(block);
    }
    assert!(pages.len() >= 8, "only {} pages have commands", pages.len());
    for blocks in pages.values() {
        run(blocks);
    }
}

/// One page's commands in order, in a folder of their own with a node beside it. They call `tidegate` and `curl` by name.
fn run(blocks: &[Block]) {
    let folder = TempDir::new().unwrap();
    let node = Node::start(&folder.path().join("tidegate-data"));
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(binary(), programs.join("tidegate")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for block in blocks {
        let text = block.text.replace("127.0.0.1:7300", &node.admin().to_string());
        let text = text.replace("127.0.0.1:7301", &node.http().to_string());
        let text = text.replace("tidegate story", &format!("tidegate story --admin {}", node.admin()));
        let ran = Command::new("sh")
            .args(["-euc", &text])
            .current_dir(folder.path())
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}: {:?}\n{errors}", block.place, ran.status);
    }
}

#[test]
fn the_documentation_is_served_in_both_languages_with_a_search_and_asks_nobody_else() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(folder.path());
    for (path, words) in [
        ("/docs/start", "Send a reading"),
        ("/docs/zh/start", "发送一条读数"),
        ("/docs/errors/TG-IN-040", "the body is no batch"),
        ("/docs/search?in=zh-CN&q=%E6%AD%BB%E4%BF%A1", "/docs/zh/concepts#"),
        ("/docs/style.css", "color-scheme"),
    ] {
        let answer = node.admin_get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.contains(words), "{path}: {}", answer.body);
    }
    let page = node.admin_get("/docs/start");
    assert!(
        page.head.to_lowercase().contains("content-security-policy: default-src 'none'"),
        "{}",
        page.head
    );
    assert_eq!((node.admin_get("/docs").status, node.admin_get("/docs/nowhere").status), (307, 404));
}

#[test]
fn every_metric_of_a_node_is_in_the_reference_with_its_kind_and_its_help() {
    let reference = fs::read_to_string(docs().join("reference/metrics.md")).unwrap();
    let folder = TempDir::new().unwrap();
    let page = Node::start(folder.path()).admin_get("/metrics").body;
    let kinds: BTreeMap<_, _> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for (name, help) in page.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')) {
        let row = reference.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        assert!(row.contains(&format!("| {} |", kinds[name])) && row.contains(help), "{row} is not: {help}");
    }
}
