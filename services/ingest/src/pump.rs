//! Moves readings from the journal into one sink: read a batch, deliver it, commit the cursor. One batch at a time.
//!
//! A batch that fails is read again and marked as replay; the breaker and the backoff say when. Runs on the runtime for
//! exporters: it reads the disk and the sink may block. Takes the monotonic clock and randomness for the waits.

use crate::accounts::CURSOR_PREFIX;
use crate::class::Class;
use crate::config::Config;
use crate::error::PumpError;
use crate::layout;
use crate::reading::READINGS;
use crate::sink::{Row, Sink};
use crate::state::SinkState;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_flow::{Backoff, Breaker, BreakerState};
use tidegate_kernel_journal::{Batch, Counts, Cursor, Delivery, Journal, Refusal, Tally};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Between two attempts to settle a batch while the journal is busy.
const BUSY_WAIT: Duration = Duration::from_millis(5);
/// Between a panic of a sink and its next start.
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// What a pump is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Deliver everything up to this record and end.
    CatchUp {
        through: u64,
    },
    /// End now; what is not settled stays in the journal.
    Stop,
}

/// Everything a pump needs but the sink.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) journal: Journal,
    pub(crate) config: Config,
    pub(crate) state: Arc<SinkState>,
    pub(crate) orders: watch::Receiver<Order>,
}

impl Post {
    pub(crate) fn cursor(&self) -> Result<Cursor, Refusal> {
        self.journal.cursor(&format!("{CURSOR_PREFIX}{}", self.state.name), READINGS)
    }

    /// Runs a pump until it is told to end; one that panics is started anew, with a new sink and at the durable position.
    pub(crate) async fn supervise<S: Sink>(self, cursor: Cursor, make: impl Fn() -> S + Send) {
        let mut cursor = cursor;
        while let Err(panic) = tokio::spawn(Pump::new(self.clone(), cursor, make()).run()).await {
            let sink = self.state.name;
            tracing::error!(sink, code = "TG-IN-004", %panic, "a sink panicked; it is started anew");
            self.state.failed("TG-IN-004", panic.to_string());
            self.state.restarted();
            sleep(RESTART_WAIT).await;
            match self.cursor() {
                Ok(again) => cursor = again,
                Err(refusal) => {
                    tracing::error!(sink, code = refusal.code(), %refusal, "a sink cannot be started again");
                    break;
                }
            }
        }
        self.state.ended();
    }
}

struct Pump<S> {
    post: Post,
    cursor: Cursor,
    sink: S,
    breaker: Breaker,
    backoff: Backoff,
    /// The origin of the breaker's time.
    started: Instant,
    /// Everything up to this record is settled or no reading.
    through: u64,
    repairs: u64,
}

/// What one turn of the pump came to.
enum Turn {
    Worked,
    /// Nothing new is synced.
    Idle,
    Failed(PumpError),
    /// The journal stopped: nothing can be settled any more.
    Ended,
}

impl<S: Sink> Pump<S> {
    fn new(post: Post, mut cursor: Cursor, sink: S) -> Pump<S> {
        // A pump that panicked before this one may have left a batch in flight.
        cursor.rewind();
        Pump {
            breaker: Breaker::new(post.config.breaker()),
            backoff: Backoff::new(
                Duration::from_millis(post.config.retry_base_ms),
                Duration::from_millis(post.config.retry_cap_ms),
            ),
            started: Instant::now(),
            through: cursor.position(),
            repairs: 0,
            post,
            cursor,
            sink,
        }
    }

    async fn run(mut self) {
        while self.has_orders() {
            match self.turn().await {
                Turn::Worked => {}
                Turn::Idle if self.idle().await => {}
                Turn::Failed(error) => self.pause(error).await,
                Turn::Idle | Turn::Ended => break,
            }
        }
        self.cursor.rewind();
    }

    fn has_orders(&mut self) -> bool {
        if self.post.orders.has_changed().is_err() {
            return false;
        }
        match *self.post.orders.borrow_and_update() {
            Order::Run => true,
            Order::CatchUp { through } => self.through < through,
            Order::Stop => false,
        }
    }

    async fn turn(&mut self) -> Turn {
        let batch = match self.cursor.read(self.post.config.read_limit()) {
            Ok(batch) => batch,
            Err(error) => return Turn::Failed(error.into()),
        };
        if batch.deliveries.is_empty() {
            let moved = std::mem::replace(&mut self.through, batch.through) < batch.through;
            return if moved { Turn::Worked } else { Turn::Idle };
        }
        match self.deliver(&batch).await {
            Ok(tally) => self.settle(batch.through, tally).await,
            Err(error) => Turn::Failed(error),
        }
    }

    async fn deliver(&mut self, batch: &Batch) -> Result<Tally, PumpError> {
        let (rows, tally) = self.rows(&batch.deliveries);
        let began = Instant::now();
        self.breaker.admits(began - self.started);
        let outcome = if rows.is_empty() { Ok(()) } else { self.sink.deliver(&rows).await };
        let repairs = self.sink.repairs();
        self.post.state.add_repairs(repairs - std::mem::replace(&mut self.repairs, repairs));
        outcome?;
        self.post.state.delivered(began.elapsed());
        self.recover();
        Ok(tally)
    }

    /// The batch as rows, and how it will have been settled once they are delivered.
    fn rows(&self, deliveries: &[Delivery]) -> (Vec<Row>, Tally) {
        let (mut rows, mut tally) = (Vec::with_capacity(deliveries.len()), Tally::default());
        for delivery in deliveries {
            let one = Counts::one(delivery.record.head.flags.critical);
            match row(delivery) {
                Some(row) => {
                    rows.push(row);
                    tally.delivered += one;
                    tally.replayed += if delivery.replay { one } else { Counts::default() };
                }
                None => tally.dead_lettered += one,
            }
        }
        (rows, tally)
    }

    /// The rows are in the sink: this is repeated until it is in the journal too, for the alternative is to deliver them twice.
    async fn settle(&mut self, through: u64, tally: Tally) -> Turn {
        loop {
            match self.cursor.commit(through, tally) {
                Ok(_) => break,
                Err(Refusal::Busy(_) | Refusal::Full) => sleep(BUSY_WAIT).await,
                Err(refusal) => {
                    self.post.state.failed(refusal.code(), refusal.to_string());
                    return Turn::Ended;
                }
            }
        }
        self.through = through;
        Turn::Worked
    }

    fn recover(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(sink = self.post.state.name, "the sink takes readings again");
        }
        self.backoff.reset();
        self.breaker.worked();
        self.post.state.set_breaker(BreakerState::Closed);
    }

    /// Waits for something to deliver or for an order; false when there will be neither.
    async fn idle(&mut self) -> bool {
        tokio::select! {
            available = self.cursor.available() => available.is_ok(),
            changed = self.post.orders.changed() => changed.is_ok(),
        }
    }

    async fn pause(&mut self, error: PumpError) {
        self.cursor.rewind();
        let message = chain(&error);
        if self.backoff.failures() == 0 {
            tracing::warn!(
                sink = self.post.state.name,
                code = error.code(),
                "{message}; readings wait in the journal"
            );
        }
        self.post.state.failed(error.code(), message);
        let now = self.started.elapsed();
        self.breaker.failed(now);
        self.post.state.set_breaker(self.breaker.state(now));
        let random = getrandom::u64().unwrap_or(u64::MAX);
        let wait = self.backoff.next_wait(random).max(self.breaker.remaining(now));
        tokio::select! {
            () = sleep(wait) => self.post.state.set_breaker(self.breaker.state(self.started.elapsed())),
            // An error means that nobody gives orders any more, which ends the pump as well.
            _ = self.post.orders.wait_for(|order| *order == Order::Stop) => {}
        }
    }
}

/// Nothing for a record that is no reading this version knows.
fn row(delivery: &Delivery) -> Option<Row> {
    let head = &delivery.record.head;
    match layout::of_record(&delivery.record) {
        Ok(reading) => Some(Row {
            seq: head.seq,
            id: head.id,
            stamp_ms: head.stamp_ms,
            class: Class::of_record(head.flags.critical),
            replay: delivery.replay,
            reading,
        }),
        Err(unreadable) => {
            tracing::error!(code = unreadable.code(), id = %head.id, "{unreadable}; counted as dead-lettered");
            None
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let (mut line, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
