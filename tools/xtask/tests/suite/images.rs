//! The image that `cargo xtask image` writes: its bytes, its layer as tar sees it, and what skopeo makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use xtask::checks::Outcome;
use xtask::dist::Scratch;
use xtask::image::layout::{self, Image, Origin, digest};
use xtask::image::{instant, peer};
use xtask::services::Depot;

use crate::fixture::Fixture;
use crate::skips;

const PROGRAM: &[u8] = b"\x7fELF and so on";

fn origin() -> Origin {
    Origin { version: "0.1.0".into(), revision: Some("abc".into()), created_s: 1_795_375_050 }
}

fn written(tree: &Fixture, name: &str) -> (PathBuf, Image) {
    let out = tree.root.join(name);
    let image = layout::write(&out, PROGRAM, &origin()).expect("the fixture is writable");
    (out, image)
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it was written")).expect("it is JSON")
}

fn blob(out: &Path, digest: &str) -> PathBuf {
    out.join("blobs").join(digest.replace(':', "/"))
}

fn config(out: &Path, image: &Image) -> Value {
    let manifest = document(&blob(out, &image.manifest_digest));
    document(&blob(out, manifest["config"]["digest"].as_str().expect("a digest")))
}

fn layer(out: &Path, image: &Image) -> Vec<u8> {
    let packed = fs::File::open(blob(out, &image.layer_digest)).expect("it was written");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("it is gzip");
    bytes
}

fn files(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = [out.to_path_buf(), out.join("blobs/sha256")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("it was written"));
    let paths = entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file());
    paths
        .map(|path| {
            let name = path.strip_prefix(out).expect("it lies below").to_path_buf();
            (name, fs::read(path).expect("it can be read"))
        })
        .collect()
}

#[test]
fn two_runs_write_the_same_bytes() {
    let tree = Fixture::empty();
    let ((first, one), (second, other)) = (written(&tree, "a"), written(&tree, "b"));
    assert_eq!(one, other);
    assert_eq!(files(&first), files(&second));
    assert_eq!(files(&first).len(), 5);
}

#[test]
fn another_program_or_time_gives_another_digest() {
    let tree = Fixture::empty();
    let (_, image) = written(&tree, "a");
    let other = layout::write(&tree.root.join("b"), b"else", &origin()).expect("writable");
    assert_ne!(image.layer_digest, other.layer_digest);
    let later = Origin { created_s: 0, ..origin() };
    let other = layout::write(&tree.root.join("c"), PROGRAM, &later).expect("writable");
    assert_ne!(image.manifest_digest, other.manifest_digest);
}

#[test]
fn every_blob_is_named_by_its_digest_and_measured() {
    let tree = Fixture::empty();
    let (out, image) = written(&tree, "a");
    let index = document(&out.join("index.json"));
    let manifest = document(&blob(&out, &image.manifest_digest));
    assert_eq!(index["manifests"][0]["digest"], image.manifest_digest.as_str());
    let mut bytes = 0;
    for descriptor in [&index["manifests"][0], &manifest["config"], &manifest["layers"][0]] {
        let name = descriptor["digest"].as_str().expect("a digest");
        let blob = fs::read(blob(&out, name)).expect("it was written");
        assert_eq!((digest(&blob).as_str(), descriptor["size"].as_u64()), (name, Some(blob.len() as u64)));
        bytes += blob.len() as u64;
    }
    assert_eq!(image.bytes, bytes);
    assert_eq!(config(&out, &image)["rootfs"]["diff_ids"], json!([digest(&layer(&out, &image))]));
}

#[test]
fn the_config_says_who_runs_what_and_since_when() {
    let tree = Fixture::empty();
    let (out, image) = written(&tree, "a");
    let config = config(&out, &image);
    assert_eq!(config["created"], "2026-11-22T19:17:30Z");
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/tidegate"]));
    let ports = json!({ "1883/tcp": {}, "7300/tcp": {}, "7301/tcp": {}, "7310/tcp": {}, "8883/tcp": {} });
    assert_eq!(config["config"]["ExposedPorts"], ports);
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], "abc");
    assert_eq!(config["config"]["Env"], Value::Null);
}

#[test]
fn the_layer_holds_the_program_and_an_empty_data_folder_of_its_user() {
    let tree = Fixture::empty();
    let (out, image) = written(&tree, "a");
    let file = tree.root.join("layer.tar");
    fs::write(&file, layer(&out, &image)).expect("the fixture is writable");
    let mut tar = Command::new("tar");
    tar.args(["--utc", "--numeric-owner", "-tvf"]).arg(&file);
    let output = tar.output().expect("every Debian has tar");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("names are text");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let data = ["drwxr-x---", "65532/65532", "0", "2026-11-22", "19:17", "data/"];
    assert_eq!(rows, [data, ["-r-xr-xr-x", "0/0", "14", "2026-11-22", "19:17", "tidegate"]]);
    assert!(layer(&out, &image).len().is_multiple_of(512));
}

#[test]
fn a_folder_that_holds_something_else_is_not_replaced() {
    let tree = Fixture::empty().with("out/letters.txt", "dear all");
    let error = layout::write(&tree.root.join("out"), PROGRAM, &origin()).expect_err("it must be refused");
    assert!(error.to_string().contains("holds something else"), "{error}");
    assert!(tree.root.join("out/letters.txt").exists());
    let (out, _) = written(&tree, "a");
    layout::write(&out, PROGRAM, &origin()).expect("an earlier image is replaced");
}

#[test]
fn times_are_written_as_rfc_3339() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(instant::rfc3339(seconds), text);
    }
}

#[test]
fn skopeo_sees_the_same_image_and_not_another_one() {
    let tree = Fixture::empty();
    let (out, image) = written(&tree, "a");
    let depot = Depot::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let agrees = |image: &Image| {
        let scratch = Scratch::create(&tree.root.join("scratch")).expect("the fixture is writable");
        peer::agrees(&depot, &out, image, &origin(), &scratch).expect("skopeo reads the layout")
    };
    match agrees(&image) {
        Outcome::Skipped(reason) => {
            return skips::announce("images::skopeo_sees_the_same_image_and_not_another_one", &reason);
        }
        outcome => assert!(matches!(outcome, Outcome::Holds(_)), "{outcome:?}"),
    }
    let planted = Image { manifest_digest: digest(b"another"), ..image };
    assert!(matches!(agrees(&planted), Outcome::Fails(_)));
}
