//! A data folder, the outbox on it, one channel, its courier and its clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, DataFolder, Id, SystemClock};
use tidegate_service_notice::{
    Change, ChannelAccount, ChannelConfig, Config, Courier, CourierError, Load, Message, Notice, Notices,
    Posted, Rate, Receipt, Sending, Setback, Severity, Zone,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const MINUTE_MS: u64 = 62_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// What the courier does with a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Takes,
    Fails,
    Refuses,
    Breaks,
    Panics,
    /// Waits for another mood.
    Hangs,
}

/// What a test sees of a courier and tells it.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) mood: watch::Sender<Mood>,
    taken: watch::Sender<Vec<Message>>,
    attempts: watch::Sender<u32>,
    load: Load,
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hands {
    ahead_ms: Arc<AtomicU64>,
    boot_ms: Arc<AtomicU64>,
}

pub(crate) struct Site {
    pub(crate) notices: Notices,
    folder: DataFolder,
    next: Mutex<u64>,
}

impl Clock for Hands {
    fn wall_ms(&self) -> u64 {
        SystemClock.wall_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    fn boot_ms(&self) -> u64 {
        MINUTE_MS + self.boot_ms.load(Ordering::SeqCst)
    }
}

impl Hands {
    pub(crate) fn advance(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Only the wall clock, as when somebody sets it.
    pub(crate) fn age(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The wall clock is right again.
    pub(crate) fn rejuvenate(&self) {
        self.ahead_ms.store(0, Ordering::SeqCst);
    }
}

impl Probe {
    pub(crate) fn new(mood: Mood, per_minute_max: u32) -> Probe {
        let rate = Rate { per_minute_max, gap_ms_min: 0 };
        Probe {
            mood: watch::Sender::new(mood),
            taken: watch::Sender::default(),
            attempts: watch::Sender::default(),
            load: Load { text_bytes_max: 900, rate },
        }
    }

    /// The messages that were taken, once there are so many.
    pub(crate) async fn taken(&self, many: usize) -> Vec<Message> {
        let mut receiver = self.taken.subscribe();
        let there = receiver.wait_for(|taken| taken.len() >= many);
        timeout(PATIENCE, there).await.expect("the messages arrive").unwrap().clone()
    }

    pub(crate) async fn attempts(&self, many: u32) -> u32 {
        let mut receiver = self.attempts.subscribe();
        let there = receiver.wait_for(|attempts| *attempts >= many);
        *timeout(PATIENCE, there).await.expect("it is tried").unwrap()
    }

    async fn carry(&self, message: &Message) -> Result<Receipt, Setback> {
        self.attempts.send_modify(|attempts| *attempts += 1);
        let mood = *self.mood.subscribe().wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
        let error = |code| CourierError::new(code, "as the test wanted");
        match mood {
            Mood::Takes | Mood::Hangs => {
                self.taken.send_modify(|taken| taken.push(message.clone()));
                Ok(Receipt { answer: "ok".to_owned() })
            }
            Mood::Fails => {
                Err(Setback::Retry { error: error("TG-NO-001"), after: Some(Duration::from_secs(30)) })
            }
            Mood::Refuses => Err(Setback::Refused(error("TG-NO-004"))),
            Mood::Breaks => Err(Setback::Broken(error("TG-NO-003"))),
            Mood::Panics => {
                self.mood.send_replace(Mood::Takes);
                panic!("as the test wanted")
            }
        }
    }
}

impl Courier for Probe {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn load(&self) -> Load {
        self.load
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.carry(message))
    }
}

impl Site {
    /// A channel that tells high and critical alarms.
    pub(crate) fn open(dir: &TempDir, probe: &Probe, hands: &Hands) -> Site {
        let folder = DataFolder::open(dir.path()).unwrap();
        let clock = Arc::new(hands.clone());
        let notices = Notices::open(folder.queues().clone(), clock, Config::default(), Zone::utc());
        let own = ChannelConfig {
            name: "ops".to_owned(),
            severities: vec![Severity::High, Severity::Critical],
            tells_ends: false,
        };
        notices.start_channel(own, Arc::new(probe.clone()), &Handle::current()).unwrap();
        Site { notices, folder, next: Mutex::new(0) }
    }

    pub(crate) fn post(&self, severity: Severity) -> Notice {
        let notice = self.notice(severity);
        assert!(matches!(self.notices.outbox().post(&notice).unwrap(), Posted::New { .. }));
        notice
    }

    pub(crate) fn notice(&self, severity: Severity) -> Notice {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        let at_ms = SystemClock.wall_ms();
        Notice {
            id: Id::v7(at_ms),
            change: Change::Raised,
            severity,
            at_ms,
            alarm: format!("boiler/{next}"),
            origin: String::new(),
            value: String::new(),
            text: "过热".to_owned(),
            by: String::new(),
        }
    }

    /// The account as soon as it is as asked for; it closes at any time.
    pub(crate) async fn account(&self, asked: impl Fn(&ChannelAccount) -> bool) -> ChannelAccount {
        let settled = async {
            loop {
                let account = self.notices.accounts().remove(0);
                assert_eq!(account.difference, 0, "{account:?}");
                if asked(&account) {
                    return account;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, settled).await.expect("the account gets there")
    }

    /// Ends without a drain: what was under way is not settled.
    pub(crate) fn crash(self) {
        drop(self.notices);
        self.folder.close();
    }
}
