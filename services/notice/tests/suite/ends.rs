//! What a drain, a crash and a panic leave.

use crate::site::{Hands, MINUTE_MS, Mood, Probe, Site};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_plug::Capability;
use tidegate_service_notice::Severity;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_and_repeats_what_was_under_way() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Takes, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    let told = site.post(Severity::High);
    site.account(|account| account.sent == 1).await;
    probe.mood.send_replace(Mood::Hangs);
    let posted: Vec<_> = (0..3).map(|_| site.post(Severity::Critical).id).collect();
    assert_eq!(probe.attempts(2).await, 2);
    site.crash();
    let after = Probe::new(Mood::Takes, 100);
    let site = Site::open(&dir, &after, &hands);
    let account = site.account(|account| account.sent == 4).await;
    assert_eq!((account.notices, account.waiting, account.repeated), (4, 0, 3));
    let messages = after.taken(3).await;
    let ids: Vec<_> = messages.iter().flat_map(|message| &message.notices).map(|notice| notice.id).collect();
    assert_eq!((ids.clone(), ids.contains(&told.id)), (posted, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_does_not_make_a_channel_faster() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Takes, 2), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    site.post(Severity::High);
    site.account(|account| account.sent == 2).await;
    site.crash();
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    let account = site.account(|account| account.notices == 3).await;
    assert_eq!((account.waiting, probe.attempts(2).await), (1, 2));
    hands.advance(MINUTE_MS);
    site.post(Severity::High);
    let account = site.account(|account| account.waiting == 0).await;
    assert_eq!(account.sent, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_sends_what_it_can_and_says_what_is_left() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Hangs, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    site.post(Severity::High);
    probe.attempts(1).await;
    probe.mood.send_replace(Mood::Takes);
    let left = site.notices.drain(Instant::now() + Duration::from_secs(20)).await;
    assert_eq!((left.len(), site.account(|_| true).await.sent), (0, 2));
    site.crash();

    let probe = Probe::new(Mood::Hangs, 100);
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    probe.attempts(1).await;
    let left = site.notices.drain(Instant::now()).await;
    assert_eq!((left[0].count, &*left[0].part), (1, "channel ops"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_courier_ends_nothing_but_its_task_which_starts_again() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Panics, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    let notice = site.post(Severity::High);
    let message = probe.taken(1).await.remove(0);
    assert_eq!(message.notices[0].id, notice.id);
    let account = site.account(|account| account.sent == 1).await;
    assert_eq!(account.state.messages_failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_measures_add_up() {
    let (dir, probe, hands) = (TempDir::new().unwrap(), Probe::new(Mood::Takes, 100), Hands::default());
    let site = Site::open(&dir, &probe, &hands);
    site.post(Severity::High);
    site.account(|account| account.sent == 1).await;
    let page = tidegate_kernel_plug::exposition(&site.notices.metrics());
    assert!(page.contains("tidegate_notice_notices_total{channel=\"ops\",outcome=\"sent\"} 1"), "{page}");
    assert!(page.contains("tidegate_notice_waiting_notices{channel=\"ops\"} 0"), "{page}");
}
