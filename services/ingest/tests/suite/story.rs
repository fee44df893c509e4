//! A reading's story, told while it waits, once it has arrived, and by another process later.

use crate::site::{Mood, Probe, Site};
use tempfile::TempDir;
use tidegate_kernel_journal::Id;
use tidegate_service_ingest::{Ingest, PassingState, Story, StoryError, Told};

fn told(ingest: &Ingest, id: &str) -> Story {
    match ingest.story(id).unwrap() {
        Told::Reading(story) => story,
        Told::Command(command) => panic!("a command: {command:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_says_when_each_sink_had_the_reading_and_is_the_same_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Hangs));
    site.sink(&probe);
    site.publish("line/7/temp", "21.5");
    let waiting = site.accounts(|accounts| accounts.sinks.iter().any(|sink| sink.in_flight == 1)).await;
    assert_eq!(waiting.admission.accepted, 1);
    probe.mood.send_replace(Mood::Takes);
    let id = probe.rows(1).await[0].id.to_string();
    site.accounts(|accounts| accounts.sinks.iter().any(|sink| sink.delivered == 1)).await;
    let synced = site.ingest.accounts().as_of_seq;
    site.folder.queues().synced().wait(synced).unwrap();
    let story = told(&site.ingest, &id);
    assert_eq!((story.topic.as_str(), story.source, story.sinks.len()), ("line/7/temp", "mqtt", 1));
    assert_eq!(story.sinks[0].state, PassingState::Settled);
    assert!(story.sinks[0].at_ms.unwrap() >= story.taken_ms);
    let Site { ingest, folder } = site;
    drop(ingest);
    folder.close();
    assert_eq!(told(&Site::open(&dir).ingest, &id), story);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_waits_says_so_and_one_that_never_was_has_no_story() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    site.sink(&probe);
    let taken = site.ingest.offer(&crate::site::reading("line/7/temp", "1")).unwrap();
    site.folder.queues().synced().wait(taken.ticket.seq()).unwrap();
    let story = told(&site.ingest, &taken.id.to_string());
    assert_eq!((story.sinks[0].state, story.sinks[0].at_ms), (PassingState::Waiting, None));
    let unknown = Id::v7(story.taken_ms + 1).to_string();
    assert!(matches!(site.ingest.story(&unknown), Err(StoryError::Unknown(_))));
    assert!(matches!(site.ingest.story(&Id::v7(1).to_string()), Err(StoryError::NotKept { .. })));
    assert!(matches!(site.ingest.story("tide"), Err(StoryError::NotAnId(_))));
}
