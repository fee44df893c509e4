//! `tidegate upgrade --check`, and that nothing is written into a folder that is refused: newer, in use, damaged.

use crate::journal::{anywhere, everything, golden, json_of, refused, succeeded, tidegate};
use crate::process::{Node, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const CHECK: &[&str] = &["upgrade", "--check"];
const CHECK_JSON: &[&str] = &["upgrade", "--check", "--json"];
const NEEDED: Option<i32> = Some(3);

fn up(data: &Path, also: &[&str]) -> Output {
    let listeners = ["--mqtt", "--http", "--grpc", "--admin"].map(|option| [option, "127.0.0.1:0"]);
    run(&[&["up", "--data", data.to_str().unwrap()], listeners.as_flattened(), also].concat())
}

/// A folder whose files say that a later version wrote it, and that was in use before.
fn newer() -> TempDir {
    let dir = golden();
    succeeded(&tidegate(&["upgrade"], dir.path()));
    assert!(dir.path().join("LOCK").is_file());
    fs::write(dir.path().join("FORMAT"), "2\n").unwrap();
    dir
}

#[test]
fn a_check_says_what_an_upgrade_would_do_and_changes_nothing() {
    let dir = golden();
    let before = everything(dir.path());
    let output = tidegate(CHECK, dir.path());
    let words = anywhere(&String::from_utf8(output.stdout.clone()).unwrap(), dir.path());
    assert!(words.starts_with(
        "DIR is of format 0; this version writes format 1\n32 records in 3712 bytes would be copied; "
    ));
    assert!(words.ends_with("nothing speaks against an upgrade; the old files would be kept\n"), "{words}");
    assert_eq!((output.status.code(), &output.stderr[..]), (NEEDED, &b""[..]));
    let output = tidegate(CHECK_JSON, dir.path());
    assert_eq!(output.status.code(), NEEDED);
    let mut told = json_of(&output);
    let free = told["free_bytes"].take().as_u64().unwrap();
    let needed = told["needed_bytes"].take().as_u64().unwrap();
    assert!(free > needed && needed > 3712, "{free} of {needed}");
    let expected = json!({
        "data": dir.path(), "format": 0, "format_known": 1, "upgrade": "needed", "records": 32, "bytes": 3712,
        "needed_bytes": null, "free_bytes": null, "begun": false, "code": null,
    });
    assert_eq!(told, expected);
    assert!(everything(dir.path()) == before, "bytes, times or names have changed");
}

#[test]
fn an_upgrade_takes_no_more_room_than_its_check_asks_for() {
    let dir = golden();
    let told = json_of(&tidegate(CHECK_JSON, dir.path()));
    let size = |dir: &Path| everything(dir).iter().map(|(_, _, bytes)| bytes.len() as u64).sum::<u64>();
    let before = size(dir.path());
    let done = json_of(&tidegate(&["upgrade", "--json"], dir.path()));
    let kept = dir.path().join("queues.format-0");
    assert_eq!(done, json!({ "data": dir.path(), "from": 0, "to": 1, "records": 32, "kept": kept }));
    let taken = size(dir.path()) - before;
    assert!(taken <= told["needed_bytes"].as_u64().unwrap(), "it took {taken} bytes: {told}");
}

#[test]
fn a_folder_of_this_format_needs_nothing_and_one_that_was_cut_off_starts_over() {
    let dir = golden();
    succeeded(&tidegate(&["upgrade"], dir.path()));
    let words = succeeded(&tidegate(CHECK, dir.path()));
    assert!(words.ends_with("\nthere is nothing to do\n"), "{words}");
    assert_eq!(json_of(&tidegate(CHECK_JSON, dir.path()))["upgrade"], "none");
    fs::write(dir.path().join("FORMAT"), "0\n").unwrap();
    let told = json_of(&tidegate(CHECK_JSON, dir.path()));
    assert_eq!(
        (&told["upgrade"], &told["begun"], &told["records"]),
        (&json!("needed"), &json!(true), &json!(32))
    );
    succeeded(&tidegate(&["upgrade"], dir.path()));
    assert_eq!(json_of(&tidegate(&["journal", "inspect", "--json"], dir.path()))["format"], 1);
}

/// From the version before to this one, and back: the older program finds a format it does not know.
#[test]
fn a_downgrade_is_refused_before_one_byte_changes() {
    let dir = newer();
    let before = everything(dir.path());
    let refusals = [
        tidegate(&["upgrade"], dir.path()),
        tidegate(CHECK, dir.path()),
        up(dir.path(), &[]),
        up(dir.path(), &["--lan"]),
        run(&["backup", dir.path().to_str().unwrap(), "--to", "/nowhere/at/all"]),
    ];
    for output in refusals {
        let errors = refused(&output, "TG-JR-011");
        assert!(errors.contains("has format 2, and this version knows formats up to 1"), "{errors}");
        assert!(everything(dir.path()) == before, "bytes, times or names have changed: {errors}");
    }
    let told = json_of(&tidegate(CHECK_JSON, dir.path()));
    assert_eq!((&told["upgrade"], &told["code"]), (&json!("refused"), &json!("TG-JR-011")));
    assert_eq!((&told["format"], &told["records"]), (&json!(2), &Value::Null));
}

/// What the version that wrote the golden folder does with a folder before it opens or makes a journal: its own rule on `FORMAT`, as it
/// was. It knew format 0 alone.
fn version_0_opens(dir: &Path) -> Result<(), String> {
    match fs::read_to_string(dir.join("FORMAT")).unwrap().trim().parse::<u32>() {
        Ok(0) => Ok(()),
        Ok(found) => Err(format!("has format {found}, and this version knows formats up to 0")),
        Err(_) => Err("is not a data folder".to_owned()),
    }
}

#[test]
fn the_version_that_wrote_the_folder_opens_it_until_it_is_upgraded_and_its_old_files_are_what_it_wrote() {
    let (dir, wrote) = (golden(), golden());
    assert_eq!(tidegate(CHECK, dir.path()).status.code(), NEEDED);
    assert_eq!(version_0_opens(dir.path()), Ok(()), "a check takes nothing from the old version");
    succeeded(&tidegate(&["upgrade"], dir.path()));
    let refusal = version_0_opens(dir.path()).unwrap_err();
    assert!(refusal.contains("has format 1"), "{refusal}");
    let back = TempDir::new().unwrap();
    fs::rename(dir.path().join("queues.format-0"), back.path().join("queues")).unwrap();
    fs::write(back.path().join("FORMAT"), "0\n").unwrap();
    assert_eq!(version_0_opens(back.path()), Ok(()));
    let log = |dir: &Path| fs::read(dir.join("queues/log")).unwrap();
    assert!(log(back.path()) == log(wrote.path()), "the old files have changed");
    let verified = json_of(&tidegate(&["journal", "verify", "--json"], back.path()));
    assert_eq!((&verified["verdict"], &verified["format"]), (&json!("sound"), &json!(0)), "{verified}");
}

#[test]
fn an_older_folder_is_refused_by_a_node_before_one_byte_changes() {
    let dir = golden();
    let before = everything(dir.path());
    for also in [&[][..], &["--lan"]] {
        refused(&up(dir.path(), also), "TG-JR-015");
        assert!(everything(dir.path()) == before, "bytes, times or names have changed");
    }
}

#[test]
fn a_damaged_or_busy_older_folder_is_refused_by_check_and_upgrade_alike_and_stays_as_it_was() {
    let dir = golden();
    let log = dir.path().join("queues/log");
    let sound = fs::read(&log).unwrap();
    let mut damaged = sound.clone();
    damaged[200] ^= 1;
    fs::write(&log, damaged).unwrap();
    unchanged_by_refusal(dir.path(), "TG-JR-013");
    fs::write(&log, sound).unwrap();
    let holder = fs::File::create(dir.path().join("LOCK")).unwrap();
    holder.try_lock().unwrap();
    unchanged_by_refusal(dir.path(), "TG-JR-010");
    drop(holder);
    assert_eq!(tidegate(CHECK, dir.path()).status.code(), NEEDED);
}

fn unchanged_by_refusal(dir: &Path, code: &str) {
    let before = everything(dir);
    for words in [CHECK, &["upgrade"]] {
        refused(&tidegate(words, dir), code);
    }
    assert_eq!(json_of(&tidegate(CHECK_JSON, dir))["code"], code);
    assert!(everything(dir) == before, "bytes, times or names have changed");
}

#[test]
fn a_running_node_is_not_disturbed_by_a_check() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    assert_eq!(json_of(&tidegate(CHECK_JSON, dir.path()))["upgrade"], "none");
    assert_eq!(node.terminate().status, Some(0));
}
