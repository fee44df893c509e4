//! The file sink on a real file system.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidegate_codec_mqtt::Text;
use tidegate_connector_file::FileSink;
use tidegate_kernel_journal::Id;
use tidegate_service_ingest::{Class, Reading, Row, Setback, Sink, SinkError, Source};

fn row(seq: u64) -> Row {
    let raw = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), "21.5");
    let reading = Reading { client: Text::new("press-7").unwrap(), ..raw };
    Row { seq, id: Id::v7(1), stamp_ms: 1, class: Class::Process, replay: false, reading }
}

fn site() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("readings.ndjson");
    (dir, path)
}

async fn deliver(sink: &mut FileSink, seqs: &[u64]) -> Result<(), SinkError> {
    let rows: Vec<_> = seqs.iter().map(|seq| row(*seq)).collect();
    match sink.deliver(&rows).await {
        Err(Setback::Retry { error, .. }) => Err(error),
        Err(setback) => panic!("a file only asks to try again: {setback:?}"),
        Ok(()) => Ok(()),
    }
}

fn seqs(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn deliveries_are_appended_in_order_over_restarts() {
    let (_dir, path) = site();
    let mut sink = FileSink::new(&path);
    deliver(&mut sink, &[1, 2]).await.unwrap();
    deliver(&mut sink, &[3]).await.unwrap();
    deliver(&mut FileSink::new(&path), &[4]).await.unwrap();
    assert_eq!(seqs(&path), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_back_and_counted() {
    let (_dir, path) = site();
    deliver(&mut FileSink::new(&path), &[1, 2]).await.unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let mut sink = FileSink::new(&path);
    deliver(&mut sink, &[2, 3]).await.unwrap();
    assert_eq!((seqs(&path), sink.repairs()), (vec![1, 2, 3], 1));
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_anew() {
    let (dir, path) = site();
    let moved = dir.path().join("readings.ndjson.1");
    let mut sink = FileSink::new(&path);
    deliver(&mut sink, &[1]).await.unwrap();
    fs::rename(&path, &moved).unwrap();
    deliver(&mut sink, &[2]).await.unwrap();
    assert_eq!((seqs(&moved), seqs(&path)), (vec![1], vec![2]));
    fs::remove_file(&path).unwrap();
    deliver(&mut sink, &[3]).await.unwrap();
    assert_eq!(seqs(&path), [3]);
}

#[tokio::test]
async fn a_file_that_was_emptied_in_place_goes_on_from_its_beginning() {
    let (_dir, path) = site();
    let mut sink = FileSink::new(&path);
    deliver(&mut sink, &[1]).await.unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    deliver(&mut sink, &[2]).await.unwrap();
    assert_eq!(seqs(&path), [2]);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error_until_it_is_there() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("later/readings.ndjson");
    let mut sink = FileSink::new(&path);
    assert_eq!(deliver(&mut sink, &[1]).await.unwrap_err().code, "TG-FI-001");
    fs::create_dir(dir.path().join("later")).unwrap();
    deliver(&mut sink, &[1]).await.unwrap();
    assert_eq!(seqs(&path), [1]);
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_was() {
    let (dir, path) = site();
    fs::write(&path, "dear diary\n").unwrap();
    assert_eq!(deliver(&mut FileSink::new(&path), &[1]).await.unwrap_err().code, "TG-FI-003");
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary\n");
    let fifo = dir.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(deliver(&mut FileSink::new(&fifo), &[1]).await.unwrap_err().code, "TG-FI-003");
}
