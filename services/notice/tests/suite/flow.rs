//! From a notice to a message.

use crate::site::{HOUR_MS, Hands, MINUTE_MS, Mood, Probe, Site};
use tempfile::TempDir;
use tidegate_service_notice::{Change, Notice, Posted, Severity, TestError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_is_told_once_and_what_is_not_for_the_channel_is_filtered() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Takes, 20), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::Low);
    let cleared = Notice { change: Change::Cleared, ..site.notice(Severity::Critical) };
    site.notices.outbox().post(&cleared).unwrap();
    let notice = site.post(Severity::High);
    assert!(matches!(site.notices.outbox().post(&notice).unwrap(), Posted::Known { .. }));
    let messages = probe.taken(1).await;
    assert!(messages[0].text.contains(&notice.id.to_string()), "{}", messages[0].text);
    assert!(messages[0].subject.ends_with("RAISED boiler/3"), "{}", messages[0].subject);
    let account = site.account(|account| account.waiting == 0).await;
    assert_eq!((account.notices, account.sent, account.filtered), (3, 1, 2));
    assert_eq!(probe.taken(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_pace_all_that_waits_is_one_message_with_the_worst_first() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Takes, 4), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    for _ in 0..3 {
        site.post(Severity::High);
    }
    probe.taken(3).await;
    for _ in 0..12 {
        site.post(Severity::High);
    }
    site.account(|account| account.waiting == 12).await;
    let worst = site.post(Severity::Critical);
    site.account(|account| account.waiting == 13).await;
    hands.advance(MINUTE_MS / 2);
    site.post(Severity::Low);
    let message = probe.taken(4).await.remove(3);
    assert_eq!(message.notices[0].id, worst.id);
    let shown = message.notices.len() as u64;
    assert!(shown > 1 && message.more.0 == [0, 0, 13 - shown, 0], "{}", message.text);
    assert!(message.text.ends_with(&format!("{} more: {0} high", 13 - shown)), "{}", message.text);
    let account = site.account(|account| account.waiting == 0).await;
    assert_eq!((account.sent, account.merged), (3 + shown, 13 - shown));
    // The fourth was the last of this minute, for a test message, too.
    assert!(matches!(site.notices.test("ops").await, Err(TestError::Paced { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_too_long_is_told_as_a_sum() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Fails, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    probe.attempts(1).await;
    site.post(Severity::Critical);
    site.post(Severity::High);
    site.account(|account| account.waiting == 3 && account.state.messages_failed == 1).await;
    probe.mood.send_replace(Mood::Takes);
    hands.advance(2 * HOUR_MS);
    // Makes it look at the clock.
    site.post(Severity::Low);
    let message = probe.taken(1).await.remove(0);
    assert!(message.text.contains("3 could not be sent in time: 1 critical, 2 high"), "{}", message.text);
    let account = site.account(|account| account.waiting == 0).await;
    assert_eq!((account.expired, account.sent, account.dead_lettered), (3, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_message_is_a_dead_letter_and_the_next_one_goes_out() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Refuses, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    let refused = site.post(Severity::High);
    site.account(|account| account.dead_lettered == 1).await;
    probe.mood.send_replace(Mood::Takes);
    site.post(Severity::High);
    let account = site.account(|account| account.sent == 1).await;
    let letter = &account.state.dead_letters[0];
    assert_eq!((&letter.id, letter.code), (&refused.id.to_string(), "TG-NO-004"));
    assert!(account.state.failure.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_broken_channel_alarms_wait_until_they_are_too_old() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Breaks, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    let account = site.account(|account| account.state.broken).await;
    assert_eq!((account.waiting, account.dead_lettered), (1, 0));
    assert_eq!(account.state.failure.unwrap().code, "TG-NO-003");
    // Time for people passes, and none for the pause.
    hands.age(2 * HOUR_MS);
    site.post(Severity::High);
    let account = site.account(|account| account.dead_lettered == 2).await;
    assert_eq!((account.waiting, account.state.dead_letters.len(), probe.attempts(1).await), (0, 2, 1));
    // A test message that is taken mends it.
    probe.mood.send_replace(Mood::Takes);
    assert_eq!(site.notices.test("ops").await.unwrap().answer, "ok");
    hands.rejuvenate();
    site.post(Severity::High);
    let account = site.account(|account| account.sent == 1).await;
    assert!(!account.state.broken);
    assert!(matches!(site.notices.test("nobody").await, Err(TestError::Unknown(_))));
}
