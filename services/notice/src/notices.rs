//! The capability: the outbox, its channels, their accounts, and their end.
//!
//! A panic of a channel's task ends that task alone; it is started again from its cursor.

use crate::channel::{Channel, Fittings, Order, Test};
use crate::config::{ChannelConfig, Config};
use crate::courier::{Courier, Receipt};
use crate::error::{OpenError, TestError};
use crate::notice::NOTICES;
use crate::outbox::Outbox;
use crate::state::{Seen, State};
use crate::text::Style;
use crate::zone::Zone;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_kernel_journal::{Account, Clock, Counts, Cursor, Journal, Tally};
use tidegate_kernel_plug::listed;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use tracing::Span;

/// Between a panic of a channel's task and its next start.
const RESTART_WAIT: Duration = Duration::from_secs(1);
/// How often the cursors of channels that are no longer there are moved on.
const RETIRED_TICK: Duration = Duration::from_secs(30);
/// What the names of cursors begin with.
const CURSOR: &str = "notice.";

/// The outbox and all channels.
#[derive(Debug)]
pub struct Notices {
    config: Arc<Config>,
    style: Arc<Style>,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    channels: Mutex<Vec<Post>>,
}

/// A channel as the capability holds it.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) state: Arc<State>,
    pub(crate) orders: watch::Sender<Order>,
    tests: mpsc::Sender<Test>,
}

/// Where every notice is that was put in since a channel was first opened: `notices = sent + merged + filtered + expired +
/// dead_lettered + waiting`.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelAccount {
    pub channel: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub notices: u64,
    /// Stood in a message that was taken.
    pub sent: u64,
    /// Were a number in one.
    pub merged: u64,
    /// Not for this channel.
    pub filtered: u64,
    /// Too old when it could send again, and told as a sum.
    pub expired: u64,
    pub dead_lettered: u64,
    pub waiting: u64,
    /// Of those sent, how many may have been sent before.
    pub repeated: u64,
    /// Zero, or something is wrong with the accounts.
    pub difference: i64,
    pub state: Seen,
}

impl Notices {
    /// No channel yet; notices can be put in at once.
    pub fn open(journal: Journal, clock: Arc<dyn Clock>, config: Config, zone: Zone) -> Notices {
        let style = Style { title: config.title.clone(), language: config.language, zone };
        let (config, outbox) = (Arc::new(config), Outbox::new(journal));
        Notices { config, style: Arc::new(style), outbox, clock, channels: Mutex::default() }
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Opens a channel at its place in the outbox and sets it running; a new one begins with the next notice.
    pub fn start_channel(
        &self,
        own: ChannelConfig,
        courier: Arc<dyn Courier>,
        runtime: &Handle,
    ) -> Result<(), OpenError> {
        let (orders, order) = watch::channel(Order::Run);
        let (tests, test) = mpsc::channel(1);
        let post =
            Post { name: own.name.clone(), kind: courier.kind(), state: Arc::default(), orders, tests };
        let fit = Fittings {
            config: self.config.clone(),
            style: self.style.clone(),
            outbox: self.outbox.clone(),
            clock: self.clock.clone(),
            state: post.state.clone(),
            orders: order,
            own,
            courier,
        };
        let cursor = open_cursor(&fit)?;
        let _guard = runtime.enter();
        tokio::spawn(supervise(fit, cursor, Arc::new(tokio::sync::Mutex::new(test))));
        self.posts().push(post);
        Ok(())
    }

    /// Moves the cursors of channels that are not there any more on, from now to the end: else they would keep the log on the disk.
    pub async fn keep_retired(&self) {
        loop {
            self.retire();
            sleep(RETIRED_TICK).await;
        }
    }

    fn retire(&self) {
        let names: Vec<_> = self.posts().iter().map(|post| format!("{CURSOR}{}", post.name)).collect();
        let status = self.outbox.journal.status();
        let is_retired = |account: &Account| account.stream == NOTICES && !names.contains(&account.cursor);
        for account in status.accounts.into_iter().filter(is_retired) {
            let lag = account.lag + account.in_flight;
            if lag.total() == 0 && status.head_seq < account.position + 1024 {
                continue;
            }
            let tally = Tally { absorbed: lag, ..Tally::default() };
            let moved = self.outbox.journal.cursor(&account.cursor, NOTICES);
            if let Err(refusal) = moved.and_then(|mut cursor| cursor.commit(status.head_seq, tally)) {
                tracing::debug!(code = refusal.code(), "could not move a cursor on: {refusal}");
            }
        }
    }

    /// Sends a message of no alarm on this channel now, and says what the other side answered.
    pub async fn test(&self, name: &str) -> Result<Receipt, TestError> {
        let post = self.posts().iter().find(|post| post.name == name).cloned();
        let post = post.ok_or_else(|| TestError::Unknown(name.to_owned()))?;
        let (answer, answered) = oneshot::channel();
        let test = Test { answer, span: Span::current() };
        post.tests.send(test).await.map_err(|_| TestError::Stopping)?;
        answered.await.unwrap_or(Err(TestError::Stopping))
    }

    pub fn accounts(&self) -> Vec<ChannelAccount> {
        let accounts = self.outbox.journal.status().accounts;
        let of = |post: &Post| {
            let name = format!("{CURSOR}{}", post.name);
            let account = accounts.iter().find(|account| account.cursor == name)?;
            Some(channel_account(post, account))
        };
        self.posts().iter().filter_map(of).collect()
    }

    pub(crate) fn posts(&self) -> MutexGuard<'_, Vec<Post>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_cursor(fit: &Fittings) -> Result<Cursor, OpenError> {
    let opened = fit.outbox.journal.cursor(&format!("{CURSOR}{}", fit.own.name), NOTICES);
    opened.map_err(|source| OpenError::Cursor { channel: fit.own.name.clone(), source })
}

async fn supervise(fit: Fittings, cursor: Cursor, tests: Arc<tokio::sync::Mutex<mpsc::Receiver<Test>>>) {
    let mut cursor = Some(cursor);
    loop {
        let opened = cursor.take().map_or_else(|| open_cursor(&fit), Ok);
        let Ok(opened) = opened else { return };
        let channel = Channel::new(fit.clone(), opened, tests.clone().lock_owned().await);
        match tokio::spawn(listed("notice", format!("channel {}", fit.own.name), channel.run())).await {
            Err(error) if error.is_panic() => {
                let message = "a fault of the program ended the channel's task";
                tracing::error!(channel = &*fit.own.name, code = "TG-NO-005", "{message}; it starts again");
                fit.state.failed("TG-NO-005", message.to_owned(), false);
                sleep(RESTART_WAIT).await;
            }
            _ => return,
        }
    }
}

fn channel_account(post: &Post, account: &Account) -> ChannelAccount {
    let Tally { delivered, absorbed, coalesced, shed, dead_lettered, replayed } = account.tally;
    let waiting = account.lag + account.in_flight;
    let ways = [delivered, absorbed, coalesced, shed, dead_lettered, waiting];
    let sum: u64 = ways.into_iter().map(Counts::total).sum();
    ChannelAccount {
        channel: post.name.clone(),
        kind: post.kind,
        notices: account.routed.total(),
        sent: delivered.total(),
        merged: coalesced.total(),
        filtered: absorbed.total(),
        expired: shed.total(),
        dead_lettered: dead_lettered.total(),
        waiting: waiting.total(),
        repeated: replayed.total(),
        difference: account.routed.total() as i64 - sum as i64,
        state: post.state.seen(),
    }
}
