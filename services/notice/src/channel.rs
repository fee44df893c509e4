//! One channel's task: reads the outbox, plans the next message, sends it, settles what became of it.
//!
//! Runs on the runtime for exporters: it reads the disk. Takes a clock that nobody sets for its pace, wall time for what people read,
//! and randomness for its waits.

use crate::config::{ChannelConfig, Config};
use crate::courier::{Courier, Message, Receipt, Setback};
use crate::error::{ChannelError, TestError};
use crate::notice::Notice;
use crate::outbox::Outbox;
use crate::pace::{Pace, Turn};
use crate::plan::{self, Parcel, Press, Settlement, Waiting};
use crate::state::{Letter, State};
use crate::text::Style;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_flow::Backoff;
use tidegate_kernel_id::jitter;
use tidegate_kernel_journal::{Clock, Cursor, Delivery, Level, ReadLimit, Refusal, Tally};
use tidegate_kernel_plug::waiting_on;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot, watch};
use tokio::time::sleep;
use tracing::{Instrument, Span};

/// Notices a channel looks at together; more wait in the journal.
const WAITING_MAX: usize = 2000;
/// How often an idle channel looks after its cursor.
const TICK_MS: u64 = 5000;
/// Records of others behind an idle cursor before it moves on: else it would keep them on the disk.
const IDLE_RECORDS_MAX: u64 = 1024;
/// Between two attempts to settle while the journal is busy.
const BUSY_WAIT: Duration = Duration::from_millis(10);
/// How long somebody who tries a channel is kept waiting for its turn.
const TEST_WAIT_MS_MAX: u64 = 1000;
/// The longest the other side may ask us to wait.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(3600);
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 << 20 };

/// What a channel is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Send what can be sent now, then end.
    CatchUp,
    Stop,
}

/// Somebody who waits for the outcome of a test message.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) answer: oneshot::Sender<Result<Receipt, TestError>>,
    /// What the message goes out on behalf of.
    pub(crate) span: Span,
}

/// What a channel is made of that outlives its task.
#[derive(Debug, Clone)]
pub(crate) struct Fittings {
    pub(crate) config: Arc<Config>,
    pub(crate) own: ChannelConfig,
    pub(crate) style: Arc<Style>,
    pub(crate) courier: Arc<dyn Courier>,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) state: Arc<State>,
    pub(crate) orders: watch::Receiver<Order>,
}

pub(crate) struct Channel {
    fit: Fittings,
    cursor: Cursor,
    tests: OwnedMutexGuard<mpsc::Receiver<Test>>,
    news: watch::Receiver<u64>,
    pace: Pace,
    backoff: Backoff,
    waiting: VecDeque<Waiting>,
    read_to: u64,
    /// Nothing is sent before, by the clock that nobody sets.
    hold_until_ms: u64,
}

/// What comes after a turn.
enum Next {
    Again,
    Rest(u64),
    End,
}

impl Channel {
    pub(crate) fn new(
        fit: Fittings,
        cursor: Cursor,
        tests: OwnedMutexGuard<mpsc::Receiver<Test>>,
    ) -> Channel {
        let mut pace = Pace::new(fit.courier.load().rate);
        if let Some(kept) = fit.outbox.journal.register(&pace_register(&fit.own.name)) {
            pace.recall(&kept, fit.clock.boot_ms());
        }
        let (base, cap) = fit.config.retry();
        Channel {
            news: fit.outbox.news(),
            read_to: cursor.position(),
            cursor,
            tests,
            pace,
            backoff: Backoff::new(base, cap),
            waiting: VecDeque::new(),
            hold_until_ms: 0,
            fit,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let next = match self.turn().await {
                Ok(next) => next,
                Err(error) => {
                    let (channel, code) = (&*self.fit.own.name, error.code());
                    tracing::error!(channel, code, "the channel has ended: {error}");
                    self.fit.state.ended(code, error.to_string());
                    Next::End
                }
            };
            match next {
                Next::Again => {}
                Next::Rest(until_ms) => waiting_on("a notice, or its turn", self.rest(until_ms)).await,
                Next::End => break,
            }
        }
        self.cursor.rewind();
    }

    fn order(&self) -> Order {
        // Nobody is left to give orders: the capability is gone.
        if self.fit.orders.has_changed().is_err() { Order::Stop } else { *self.fit.orders.borrow() }
    }

    async fn turn(&mut self) -> Result<Next, ChannelError> {
        let order = self.order();
        if order == Order::Stop {
            return Ok(Next::End);
        }
        self.fill()?;
        self.settle(plan::unwanted(&self.fit.own, &self.waiting)).await?;
        let now = self.fit.clock.boot_ms();
        if self.waiting.is_empty() {
            self.move_on().await?;
            return Ok(if order == Order::CatchUp { Next::End } else { Next::Rest(now + TICK_MS) });
        }
        if now < self.hold_until_ms {
            self.give_up_on_the_old().await?;
            return Ok(if order == Order::CatchUp { Next::End } else { Next::Rest(self.hold_until_ms) });
        }
        let wanted = self.waiting.iter().filter_map(|one| one.notice.as_deref());
        let wanted = wanted.filter(|notice| plan::is_wanted(&self.fit.own, notice)).take(2).count();
        match self.pace.turn(now, wanted == 1) {
            Turn::NotBefore(until_ms) => Ok(Next::Rest(until_ms)),
            turn => self.send(turn).await,
        }
    }

    fn fill(&mut self) -> Result<(), ChannelError> {
        while self.waiting.len() < WAITING_MAX && self.fit.outbox.nothing_behind(self.read_to).is_none() {
            let batch = self.cursor.read(ONE)?;
            self.read_to = self.read_to.max(batch.through);
            let Some(delivery) = batch.deliveries.into_iter().next() else { break };
            self.waiting.push_back(waiting(batch.through, &delivery));
        }
        Ok(())
    }

    /// An idle cursor does not keep what others have written on the disk.
    async fn move_on(&mut self) -> Result<(), ChannelError> {
        match self.fit.outbox.nothing_behind(self.read_to) {
            Some(head) if head > self.cursor.position() + IDLE_RECORDS_MAX => {
                self.read_to = head;
                self.commit(head, Tally::default()).await
            }
            _ => Ok(()),
        }
    }

    /// Behind a broken channel nobody will be told of what is too old, not even in a sum.
    async fn give_up_on_the_old(&mut self) -> Result<(), ChannelError> {
        if !self.fit.state.is_broken() {
            return Ok(());
        }
        let before_ms = self.fit.clock.wall_ms().saturating_sub(self.fit.config.age_ms_max);
        let settlement = plan::given_up(&self.fit.own, &self.waiting, before_ms);
        let code = self.fit.state.failure_code().unwrap_or("TG-NO-003");
        self.bury(settlement.many, code);
        self.settle(settlement).await
    }

    async fn send(&mut self, turn: Turn) -> Result<Next, ChannelError> {
        let wall_ms = self.fit.clock.wall_ms();
        let press = Press {
            config: &self.fit.own,
            style: &self.fit.style,
            text_bytes_max: self.fit.courier.load().text_bytes_max,
            age_ms_max: self.fit.config.age_ms_max,
        };
        let Parcel { message, settlement } = press.parcel(&self.waiting, turn, wall_ms);
        self.spend().await;
        let Some(outcome) = self.carry(&message).await else { return Ok(Next::End) };
        match outcome {
            Ok(_) => {
                self.worked();
                self.settle(settlement).await?;
            }
            Err(Setback::Refused(error)) => {
                self.note(error.code, error.to_string(), false);
                self.bury(settlement.many, error.code);
                self.settle(plan::refused(&self.fit.own, &self.waiting, settlement.many)).await?;
            }
            Err(setback) => self.hold(&setback),
        }
        Ok(Next::Again)
    }

    /// Nothing if told to stop; then the message may have been taken, and comes again after the next start.
    async fn carry(&mut self, message: &Message) -> Option<Result<Receipt, Setback>> {
        let mut orders = self.fit.orders.clone();
        let stopped = async move { orders.wait_for(|order| *order == Order::Stop).await.map(drop) };
        tokio::select! {
            outcome = self.fit.courier.send(message) => Some(outcome),
            _ = stopped => None,
        }
    }

    /// Counts a send before it goes out, and on the disk: the other side counts it, too, whatever becomes of this process.
    async fn spend(&mut self) {
        self.pace.spend(self.fit.clock.boot_ms());
        let kept = self.pace.encode();
        let kept = self.fit.outbox.journal.set_register(&pace_register(&self.fit.own.name), &kept);
        match kept {
            Ok(ticket) => drop(ticket.reached(Level::Os).await),
            // Then a restart knows less of the last minute.
            Err(refusal) => tracing::debug!(code = refusal.code(), "could not keep a pace: {refusal}"),
        }
    }

    fn worked(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(channel = &*self.fit.own.name, "the channel takes messages again");
        }
        self.fit.state.sent();
        self.backoff.reset();
        self.hold_until_ms = 0;
    }

    fn hold(&mut self, setback: &Setback) {
        let (error, is_broken) = (setback.error(), matches!(setback, Setback::Broken(_)));
        self.note(error.code, error.to_string(), is_broken);
        let wait = self.backoff.next_wait(jitter());
        let wait = match setback {
            Setback::Broken(_) => Duration::from_millis(self.fit.config.broken_pause_ms),
            Setback::Retry { after, .. } => wait.max(after.unwrap_or_default().min(ASKED_WAIT_MAX)),
            Setback::Refused(_) => wait,
        };
        self.hold_until_ms = self.fit.clock.boot_ms() + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    }

    fn note(&self, code: &'static str, message: String, is_broken: bool) {
        let channel = &*self.fit.own.name;
        if self.fit.state.failed(code, message.clone(), is_broken) {
            tracing::warn!(channel, code, is_broken, "{message}");
        }
    }

    fn bury(&self, many: usize, code: &'static str) {
        let each = self.waiting.iter().take(many).filter_map(|one| one.notice.as_deref());
        for Notice { id, alarm, .. } in each.filter(|notice| plan::is_wanted(&self.fit.own, notice)) {
            tracing::error!(channel = &*self.fit.own.name, code, %id, alarm, "a notice was given up");
            self.fit.state.buried(Letter { id: id.to_string(), alarm: alarm.clone(), code });
        }
    }

    /// Settles the first of those that wait.
    async fn settle(&mut self, settlement: Settlement) -> Result<(), ChannelError> {
        let Some(last) = settlement.many.checked_sub(1) else { return Ok(()) };
        let through = self.waiting[last].seq;
        self.commit(through, settlement.tally).await?;
        self.waiting.drain(..settlement.many);
        Ok(())
    }

    async fn commit(&mut self, through: u64, tally: Tally) -> Result<(), ChannelError> {
        loop {
            match self.cursor.commit(through, tally) {
                Ok(_) => return Ok(()),
                Err(Refusal::Busy(_) | Refusal::Full) if self.order() != Order::Stop => {
                    sleep(BUSY_WAIT).await
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    /// Until an order, a new notice, somebody who wants to try the channel, or a time.
    async fn rest(&mut self, until_ms: u64) {
        let wait_ms = until_ms.saturating_sub(self.fit.clock.boot_ms()).clamp(1, TICK_MS);
        let test = tokio::select! {
            _ = self.fit.orders.changed() => None,
            // An error means that the outbox is gone, and so is whoever gives orders.
            Ok(()) = self.news.changed() => None,
            Some(test) = self.tests.recv() => Some(test),
            () = sleep(Duration::from_millis(wait_ms)) => None,
        };
        if let Some(test) = test {
            let outcome = self.test().instrument(test.span).await;
            // Who asked may have gone.
            let _ = test.answer.send(outcome);
        }
    }

    async fn test(&mut self) -> Result<Receipt, TestError> {
        let now = self.fit.clock.boot_ms();
        match self.pace.turn(now, true) {
            Turn::NotBefore(at_ms) if at_ms - now > TEST_WAIT_MS_MAX => {
                return Err(TestError::Paced { wait_ms: at_ms - now });
            }
            Turn::NotBefore(at_ms) => sleep(Duration::from_millis(at_ms - now)).await,
            _ => {}
        }
        let bytes_max = self.fit.courier.load().text_bytes_max;
        let message = plan::test_message(&self.fit.style, bytes_max, self.fit.clock.wall_ms());
        self.spend().await;
        match self.carry(&message).await.ok_or(TestError::Stopping)? {
            Ok(receipt) => {
                self.worked();
                Ok(receipt)
            }
            Err(setback) => {
                let (code, message) = (setback.error().code, setback.error().to_string());
                self.note(code, message.clone(), matches!(setback, Setback::Broken(_)));
                Err(TestError::Failed { code, message })
            }
        }
    }
}

fn pace_register(channel: &str) -> String {
    format!("notice.pace.{channel}")
}

fn waiting(through: u64, delivery: &Delivery) -> Waiting {
    let Delivery { record, replay } = delivery;
    let (head, payload) = (&record.head, &record.payload);
    let is_known = (head.kind, head.version) == (crate::notice::KIND, crate::notice::VERSION);
    let notice = if is_known { Notice::decode(head.id, payload) } else { None };
    Waiting { seq: through, stamp_ms: head.stamp_ms, replay: *replay, notice: notice.map(Arc::new) }
}
