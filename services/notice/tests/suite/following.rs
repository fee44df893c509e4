//! From a feed of alarms to messages, over a restart.

use crate::site::{Hands, Mood, Probe, Site};
use std::sync::Mutex;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, Id, SystemClock};
use tidegate_service_notice::{AlarmChange, AlarmEvent, AlarmFeed, AlarmPage, Follower, Severity};

/// Two events a page.
#[derive(Debug, Default)]
struct Feed(Mutex<Vec<AlarmEvent>>);

impl AlarmFeed for Feed {
    fn since(&self, offset: u64) -> Result<AlarmPage, String> {
        let events = self.0.lock().unwrap();
        let page: Vec<_> = events.iter().filter(|event| event.offset > offset).take(2).cloned().collect();
        let next = page.last().map_or(offset, |event| event.offset);
        Ok(AlarmPage { events: page, next })
    }
}

impl Feed {
    fn raise(&self, key: &str) {
        let mut events = self.0.lock().unwrap();
        let (text, origin, value) = ("hot".to_owned(), "line/7".to_owned(), String::new());
        let at_ms = SystemClock.wall_ms();
        let offset = events.last().map_or(10, |event| event.offset + 10);
        let change = AlarmChange::Raised { severity: Severity::Critical, text, origin, value };
        events.push(AlarmEvent { offset, id: Id::v7(at_ms), key: key.to_owned(), at_ms, change });
    }

    fn drain(&self, follower: &mut Follower) {
        while follower.step(self).unwrap() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_told_once_over_restarts_and_what_was_before_the_first_start_is_no_news() {
    let (dir, hands, feed) = (TempDir::new().unwrap(), Hands::default(), Feed::default());
    feed.raise("old");
    let probe = Probe::new(Mood::Takes, 100);
    let site = Site::open(&dir, &probe, &hands);
    let mut follower = Follower::new(site.notices.outbox().clone(), &feed, 10).unwrap();
    for key in ["a", "b", "c"] {
        feed.raise(key);
    }
    feed.drain(&mut follower);
    assert_eq!(site.account(|account| account.sent == 3).await.notices, 3);
    site.crash();
    feed.raise("d");
    let site = Site::open(&dir, &probe, &hands);
    // As if the register had not been written: everything is read again, and known.
    let mut follower = Follower::new(site.notices.outbox().clone(), &feed, 0).unwrap();
    feed.drain(&mut follower);
    let account = site.account(|account| account.sent == 4).await;
    assert_eq!((account.notices, account.waiting), (4, 0));
    let told = probe.taken(4).await;
    let names: Vec<_> = told.iter().map(|message| message.notices[0].alarm.clone()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}
