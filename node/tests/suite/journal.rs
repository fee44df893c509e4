//! `tidegate journal` and `tidegate upgrade` on folders that are sound, old, damaged, cut off, killed and none at all.

use crate::mqtt::Client;
use crate::process::{Node, command, run};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;
use tempfile::TempDir;
use tidegate_codec_mqtt::{Delivery, Packet, PacketId, Publish};

/// A copy of the folder that an earlier version wrote: 22 readings, 15 of them delivered when it was killed.
pub(crate) fn golden() -> TempDir {
    let dir = TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel/journal/tests/golden/format-0");
    for file in ["FORMAT", "queues/log", "ingest/readings.ndjson"] {
        let to = dir.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(golden.join(file), to).unwrap();
    }
    dir
}

fn upgraded() -> TempDir {
    let dir = golden();
    succeeded(&tidegate(&["upgrade"], dir.path()));
    dir
}

pub(crate) fn tidegate(words: &[&str], dir: &Path) -> Output {
    run(&[words, &[dir.to_str().unwrap()]].concat())
}

pub(crate) fn succeeded(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn refused(output: &Output, code: &str) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors.contains(&format!("error[{code}]: ")) && errors.contains("\nhint: "), "{errors}");
    errors
}

pub(crate) fn json_of(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The text with the folder's name put out of it.
pub(crate) fn anywhere(text: &str, dir: &Path) -> String {
    text.replace(dir.to_str().unwrap(), "DIR")
}

/// Every name below the folder with its length, its bytes and the time it was changed.
pub(crate) fn everything(dir: &Path) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        found.push((folder.clone(), fs::metadata(&folder).unwrap().modified().unwrap(), Vec::new()));
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let changed = fs::metadata(&path).unwrap().modified().unwrap();
                    found.push((path.clone(), changed, fs::read(&path).unwrap()));
                }
            }
        }
    }
    found.sort();
    found
}

const LOOKS: [&[&str]; 4] = [
    &["journal", "inspect"],
    &["journal", "inspect", "--json"],
    &["journal", "verify"],
    &["journal", "verify", "--json"],
];

#[test]
fn the_folder_of_an_earlier_version_is_shown_in_words_and_as_json() {
    let dir = golden();
    let words = succeeded(&tidegate(&["journal", "inspect"], dir.path()));
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/format-0.inspect.txt"));
    let words = succeeded(&tidegate(&["journal", "verify"], dir.path()));
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/format-0.verify.txt"));
    let shown = json_of(&tidegate(&["journal", "inspect", "--json"], dir.path()));
    assert_eq!(json_of(&tidegate(&["journal", "verify", "--json"], dir.path())), shown);
    let mut expected: Value = serde_json::from_str(include_str!("../cases/journal/format-0.json")).unwrap();
    expected["data"] = json!(dir.path());
    assert_eq!(shown, expected);
}

#[test]
fn an_upgrade_says_what_it_did_and_a_second_one_has_nothing_to_do() {
    let dir = golden();
    let words = succeeded(&tidegate(&["upgrade"], dir.path()));
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/upgrade.txt"));
    assert_eq!(fs::metadata(dir.path().join("queues.format-0/log")).unwrap().len(), 3712);
    let words = succeeded(&tidegate(&["journal", "inspect"], dir.path()));
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/format-1.inspect.txt"));
    let words = succeeded(&tidegate(&["upgrade"], dir.path()));
    assert_eq!(anywhere(&words, dir.path()), "DIR is of format 1 already; there was nothing to do\n");
}

#[test]
fn a_node_refuses_an_older_folder_and_delivers_what_lags_once_it_is_upgraded() {
    let dir = golden();
    let data = dir.path().to_str().unwrap();
    let arguments = [
        "up",
        "--data",
        data,
        "--mqtt",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ];
    let errors = refused(&run(&arguments), "TG-JR-015");
    assert!(errors.contains("tidegate upgrade"), "{errors}");
    succeeded(&tidegate(&["journal", "inspect"], dir.path()));
    succeeded(&tidegate(&["upgrade"], dir.path()));
    let file = dir.path().join("lagging.ndjson");
    let mut command = command(dir.path());
    command.arg("--file").arg(&file);
    let node = Node::start_with(command, dir.path());
    let accounts = node.delivered(22);
    let rows = crate::process::rows(&file);
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row["replay"] == true), "{rows:?}");
    for account in accounts["sinks"].as_array().unwrap() {
        assert_eq!((&account["lag"], &account["difference"]), (&json!(0), &json!(0)), "{account}");
    }
    assert_eq!(
        (&accounts["admission"]["accepted"], &accounts["admission"]["difference"]),
        (&json!(22), &json!(0))
    );
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_look_changes_nothing_in_the_folder() {
    for dir in [golden(), upgraded()] {
        let before = everything(dir.path());
        LOOKS.iter().for_each(|look| drop(succeeded(&tidegate(look, dir.path()))));
        assert!(everything(dir.path()) == before, "bytes, times or names have changed");
    }
}

#[test]
fn a_wrong_path_is_refused_and_nothing_is_made_there() {
    let dir = TempDir::new().unwrap();
    let (missing, empty, other) =
        (dir.path().join("missing"), dir.path().join("empty"), dir.path().join("other"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter"), "hello").unwrap();
    let before = everything(dir.path());
    for words in LOOKS.iter().chain([&["upgrade"] as &[_]].iter()) {
        refused(&tidegate(words, &missing), "TG-JR-014");
        refused(&tidegate(words, &empty), "TG-JR-012");
        refused(&tidegate(words, &other), "TG-JR-012");
        refused(
            &tidegate(words, &other.join("letter")),
            if words[0] == "upgrade" { "TG-JR-012" } else { "TG-JR-014" },
        );
    }
    assert!(everything(dir.path()) == before, "bytes, times or names have changed");
}

#[test]
fn a_folder_of_a_later_version_is_refused() {
    let dir = golden();
    fs::write(dir.path().join("FORMAT"), "7\n").unwrap();
    for words in LOOKS.iter().chain([&["upgrade"] as &[_]].iter()) {
        refused(&tidegate(words, dir.path()), "TG-JR-011");
    }
}

#[test]
fn a_folder_that_was_not_made_to_the_end_is_explained() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("LOCK"), "1\n").unwrap();
    for also in ["LOCK", "CREATING", "queues"] {
        fs::write(dir.path().join(also), "").unwrap();
        let words = succeeded(&tidegate(&["journal", "verify"], dir.path()));
        assert!(words.contains("before it took in anything; the next start makes it anew"), "{words}");
        let object = json_of(&tidegate(&["journal", "inspect", "--json"], dir.path()));
        assert_eq!((&object["verdict"], &object["format"]), (&json!("unmade"), &Value::Null));
    }
}

/// Behind the header of a segment, two sectors long.
const FIRST_BATCH_AT: usize = 1024;

#[test]
fn a_flipped_byte_before_the_last_batch_is_damage_with_file_offset_and_number() {
    let dir = upgraded();
    let file = dir.path().join("queues/0000000001.seg");
    let mut bytes = fs::read(&file).unwrap();
    bytes[FIRST_BATCH_AT + 20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let output = tidegate(&["journal", "verify"], dir.path());
    let errors = refused(&output, "TG-JR-013");
    assert!(errors.contains("queues/0000000001.seg is damaged at byte 1024"), "{errors}");
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/damaged.verify.txt"));
    let inspected = tidegate(&["journal", "inspect", "--json"], dir.path());
    assert_eq!(inspected.status.code(), Some(0), "it could be read");
    let object = json_of(&inspected);
    let bad = &object["first_bad"];
    assert_eq!((&object["verdict"], &bad["file"]), (&json!("damaged"), &json!("queues/0000000001.seg")));
    assert_eq!((&bad["offset"], &bad["seq"]), (&json!(1024), &json!(1)));
}

#[test]
fn a_last_batch_without_its_end_is_explained_and_no_damage() {
    let dir = upgraded();
    let file = dir.path().join("queues/0000000001.seg");
    let before = json_of(&tidegate(&["journal", "inspect", "--json"], dir.path()));
    let used = before["journals"][1]["segments"][0]["used_bytes"].as_u64().unwrap() as usize;
    let mut bytes = fs::read(&file).unwrap();
    bytes[used - 8..].fill(0);
    fs::write(&file, bytes).unwrap();
    let output = tidegate(&["journal", "verify"], dir.path());
    let words = succeeded(&output);
    assert_eq!(anywhere(&words, dir.path()), include_str!("../cases/journal/unfinished.verify.txt"));
    let object = json_of(&tidegate(&["journal", "verify", "--json"], dir.path()));
    assert_eq!((&object["verdict"], &object["first_bad"]), (&json!("unfinished"), &Value::Null));
}

#[test]
fn a_running_node_is_looked_at_and_keeps_running() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    node.delivered(1);
    LOOKS.iter().for_each(|look| drop(succeeded(&tidegate(look, dir.path()))));
    succeeded(&tidegate(&["upgrade"], dir.path()));
    assert_eq!(node.terminate().status, Some(0));
}

const SEED: u64 = 0x7469_6465;
const KILLS: u32 = 20;

#[test]
fn whatever_moment_the_process_is_killed_at_verify_explains_the_folder() {
    let dir = TempDir::new().unwrap();
    let mut random = SEED;
    let mut records = 0;
    for round in 0..KILLS {
        let moment = 1 + draw(&mut random) % 3000;
        let (load, sent) = publish_without_end(dir.path());
        (0..moment).for_each(|_| sent.recv().unwrap());
        load.kill();
        let output = tidegate(&["journal", "verify"], dir.path());
        let words = String::from_utf8_lossy(&output.stdout);
        let told = format!("seed {SEED:#x}, round {round}, after {moment} publications: {output:?}");
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(words.lines().last().unwrap().starts_with("sound"), "{told}");
        let object = json_of(&tidegate(&["journal", "verify", "--json"], dir.path()));
        let now = object["journals"][1]["head_seq"].as_u64().unwrap();
        assert!(now >= records, "{told}: it had {records} records before");
        records = now;
    }
    assert!(records > 0, "nothing was written in {KILLS} rounds, so nothing was tested");
}

/// splitmix64
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A node and a device that publishes to it until it is gone; a token comes for each publication.
fn publish_without_end(data: &Path) -> (Node, Receiver<()>) {
    let mut command = command(data);
    command.args(["--critical", "alarm/#"]);
    let node = Node::start_with(command, data);
    let (token, sent) = sync_channel(0);
    let broker = node.mqtt();
    std::thread::spawn(move || publish_until_refused(broker, &token));
    (node, sent)
}

/// How many publications are on their way before the device waits for their acknowledgements.
const IN_FLIGHT: u16 = 64;

fn publish_until_refused(broker: SocketAddr, token: &SyncSender<()>) {
    let mut client = Client::connect(broker, "press-7");
    loop {
        for id in 1..=IN_FLIGHT {
            if client.send(&publication(id)).is_err() || token.send(()).is_err() {
                return;
            }
        }
        for _ in 0..IN_FLIGHT {
            if !matches!(client.receive(), Ok(Some(_))) {
                return;
            }
        }
    }
}

/// Every eighth one is critical; they differ in length, so that batches end anywhere in a sector.
fn publication(id: u16) -> Packet {
    let topic = if id.is_multiple_of(8) { "alarm/fire" } else { "line/7/temp" };
    let delivery = Delivery::AtLeastOnce { id: PacketId::new(id).unwrap(), dup: false };
    let payload = vec![b'1'; usize::from(id) * 13];
    Packet::Publish(Publish::new(topic.parse().unwrap(), payload.into(), delivery))
}
