//! One connection to a bus: made when it is needed, dropped when it broke, closed at the end. Takes tokio's clock and, through the
//! driver, sockets.

use crate::counters::{Shared, Tally};
use crate::dial::{Dial, Limit};
use crate::driver::{Blame, Driver, Found, Trouble};
use crate::error;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_tags::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// A read as a whole is cut after so many times the time for one answer: a driver that waits without a limit holds up its own bus
/// alone, and not for ever.
const ANSWERS_MAX: u32 = 100;
/// Time for a goodbye.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// The connection of a bus at one of its addresses.
pub(crate) struct Wire<D: Driver> {
    session: Option<D::Session>,
    /// By device and group; made for this session.
    plans: BTreeMap<(usize, usize), D::Plan>,
    /// The last attempt to connect, when it had failed, and how.
    refused: Option<(Instant, Trouble)>,
    /// The device closes after each answer.
    hangs_up: bool,
    tally: Arc<Shared<Tally>>,
}

/// What is to be read, or written.
pub(crate) struct Job<'a, D: Driver> {
    /// Its device and group; nothing where it is asked for once.
    pub(crate) at: Option<(usize, usize)>,
    pub(crate) due: Instant,
    pub(crate) place: &'a D::Place,
    pub(crate) addresses: &'a [D::Address],
    pub(crate) every: Duration,
    pub(crate) limit: Limit,
    pub(crate) dial: &'a Dial,
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum Setback {
    Trouble(Trouble),
    /// It was told to end before there was a connection.
    Cut,
}

impl<D: Driver> Wire<D> {
    pub(crate) fn new(tally: Arc<Shared<Tally>>) -> Wire<D> {
        Wire { session: None, plans: BTreeMap::new(), refused: None, hangs_up: false, tally }
    }

    /// Reads, over a new connection if need be. Some devices close after each answer, so one that is found closed says nothing yet.
    pub(crate) async fn read(
        &mut self,
        driver: &D,
        job: &Job<'_, D>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Vec<Found>, Setback> {
        let was_open = self.session.is_some();
        match self.try_read(driver, job, stop).await {
            Err(Setback::Trouble(trouble)) if was_open && is_closed(&trouble) => {
                let again = self.try_read(driver, job, stop).await;
                self.hangs_up = again.is_ok();
                again
            }
            outcome => {
                self.hangs_up &= !was_open;
                outcome
            }
        }
    }

    /// Writes one value. Nothing is tried again: `sent` is told when the request goes out, and from then on nobody can say without an
    /// answer whether the device took it. So a connection that the device closes each time is made anew before.
    pub(crate) async fn write(
        &mut self,
        driver: &D,
        job: &Job<'_, D>,
        value: &Value,
        stop: &mut watch::Receiver<bool>,
        sent: impl FnOnce(),
    ) -> Result<(), Setback> {
        let session = self.session.take().filter(|_| !self.hangs_up);
        let mut session = match session {
            Some(session) => session,
            None => self.connect(driver, job, stop).await?,
        };
        sent();
        let whole = Limit(job.limit.0 * ANSWERS_MAX);
        let written =
            whole.on(driver.write(&mut session, job.place, &job.addresses[0], value, job.limit)).await;
        self.keep(session, written).map_err(Setback::Trouble)
    }

    /// The session stays unless it is of no use: after an answer that was not waited for, the next one could be taken for another's.
    fn keep<T>(&mut self, session: D::Session, outcome: Result<T, Trouble>) -> Result<T, Trouble> {
        let is_sound = outcome.as_ref().err().is_none_or(|trouble| trouble.blame != Blame::Connection);
        self.session = is_sound.then_some(session);
        outcome
    }

    async fn try_read(
        &mut self,
        driver: &D,
        job: &Job<'_, D>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Vec<Found>, Setback> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect(driver, job, stop).await?,
        };
        let once;
        let plan = match job.at {
            Some(at) => {
                &*self.plans.entry(at).or_insert_with(|| driver.plan(&session, job.addresses, job.every))
            }
            None => {
                once = driver.plan(&session, job.addresses, job.every);
                &once
            }
        };
        let whole = Limit(job.limit.0 * ANSWERS_MAX);
        let read = whole.on(driver.read(&mut session, job.place, plan, job.limit)).await;
        let asked = job.addresses.len();
        let outcome = read.and_then(|found| match found.len() {
            many if many == asked => Ok(found),
            many => Err(error::miscounted(asked, many)),
        });
        self.keep(session, outcome).map_err(Setback::Trouble)
    }

    async fn connect(
        &mut self,
        driver: &D,
        job: &Job<'_, D>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<D::Session, Setback> {
        // Who was due while a neighbour's attempt went on has had its answer.
        if let Some((_, trouble)) = self.refused.as_ref().filter(|(at, _)| job.due < *at) {
            return Err(Setback::Trouble(trouble.clone()));
        }
        self.plans.clear();
        let connected = tokio::select! {
            biased;
            () = stopped(stop) => return Err(Setback::Cut),
            connected = timeout(job.dial.limit(), driver.connect(job.dial, job.place)) => connected,
        };
        let session = connected.unwrap_or_else(|_| Err(error::unconnected(job.dial.limit())));
        session.inspect(|_| self.tally.lock().connections += 1).map_err(|trouble| {
            self.refused = Some((Instant::now(), trouble.clone()));
            Setback::Trouble(trouble)
        })
    }

    pub(crate) async fn close(&mut self, driver: &D) {
        if let Some(session) = self.session.take() {
            // A device that does not hear it has lost the connection anyway.
            let _ = timeout(CLOSE_WAIT, driver.close(session)).await;
        }
    }
}

fn is_closed(trouble: &Trouble) -> bool {
    trouble.blame == Blame::Connection && !trouble.is_silence()
}

/// Resolves when the order to end has come.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever would have given it is gone: that is an end as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
