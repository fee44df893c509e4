//! A counterpart that is killed and frozen again and again while a device of it is read and written, each time in the middle of what the
//! plant is at: connecting, reading, writing. Behind each fault values flow and are written again. In the end every write has ended
//! once, and as the device has it; every account closes; nothing is left open.
//!
//! Which fault comes when is drawn from a seed, and so is where in its phase it strikes: from within the driver's own call.

use super::counterpart::{Counterpart, connections};
use super::rig::{PATIENCE, Rig, device, total, until, write};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_service_plant::{
    Config, Device, Dial, Driver, Fate, Found, Limit, Patience, Plant, Quality, Trouble, Type, Unfit, Value,
    Written,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Each phase is struck so often, once of them by a frost.
const ROUNDS: usize = 4;
/// A fault strikes within this of its phase's beginning, or where the phase ends.
const MOMENT: Duration = Duration::from_millis(4);
/// Some frosts are over before a read is given up, and some are not.
const FROST: Duration = Duration::from_millis(1500);
const ANSWER_MAX: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);
const NAME: &str = "besieged";
const SETPOINT: &str = "setpoint";

/// What is besieged.
pub(crate) struct Target<'t> {
    pub(crate) address: String,
    /// Where something stands that is only read, and an integer that is written.
    pub(crate) tags: [&'t str; 2],
    pub(crate) at: At<'t>,
    /// Starts it, each time at the same place and with what was written to it before.
    pub(crate) start: &'t dyn Fn() -> Counterpart,
    /// The file of what it took: numbers, each written down before it is there.
    pub(crate) taken: &'t Path,
}

/// Where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'t> {
    /// It listens there.
    Port(u16),
    /// The link that stands for its device file. It goes before the file does, whose number may be another line's in a moment.
    Link(&'t Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Reading,
    Writing,
}

/// A fault that waits for its phase.
#[derive(Debug, Clone, Copy)]
struct Trap {
    phase: Phase,
    after: Duration,
    pid: Pid,
    signal: Signal,
}

/// What is seen of a driver, and done in the middle of it.
#[derive(Debug, Default)]
struct Watch {
    trap: Mutex<Option<Trap>>,
    sprung: Notify,
    connects: AtomicU64,
    /// As many as there are sessions, and one.
    open: Arc<()>,
    link: Option<PathBuf>,
}

/// A driver whose calls are watched.
#[derive(Debug)]
struct Watched<D> {
    driver: D,
    watch: Arc<Watch>,
}

/// A session, counted as long as it is there.
struct Open<S> {
    session: S,
    _one: Arc<()>,
}

impl Watch {
    /// Does the work. A fault that waits for this phase strikes after its time, or behind the work if that is sooner.
    async fn through<T>(&self, phase: Phase, work: impl Future<Output = T>) -> T {
        let trap = self.trap.lock().unwrap().take_if(|trap| trap.phase == phase);
        let Some(Trap { after, pid, signal, .. }) = trap else { return work.await };
        // One that was frozen to be connected to anew goes on.
        kill_process(pid, Signal::CONT).unwrap();
        tokio::pin!(work);
        let done = tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = sleep(after) => None,
        };
        if let (Signal::KILL, Some(link)) = (signal, &self.link) {
            fs::remove_file(link).unwrap();
        }
        kill_process(pid, signal).unwrap();
        self.sprung.notify_one();
        match done {
            Some(done) => done,
            None => work.await,
        }
    }

    fn sessions(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

impl<D: Driver> Driver for Watched<D> {
    type Place = D::Place;
    type Address = D::Address;
    type Plan = D::Plan;
    type Session = Open<D::Session>;

    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn place(&self, text: &str) -> Result<D::Place, Unfit> {
        self.driver.place(text)
    }

    fn bus(&self, place: &D::Place) -> String {
        self.driver.bus(place)
    }

    fn address(&self, text: &str) -> Result<(D::Address, Type), Unfit> {
        self.driver.address(text)
    }

    fn plan(&self, open: &Self::Session, addresses: &[D::Address], every: Duration) -> D::Plan {
        self.driver.plan(&open.session, addresses, every)
    }

    async fn connect(&self, dial: &Dial, place: &D::Place) -> Result<Self::Session, Trouble> {
        let session = self.watch.through(Phase::Connecting, self.driver.connect(dial, place)).await?;
        self.watch.connects.fetch_add(1, Ordering::SeqCst);
        Ok(Open { session, _one: self.watch.open.clone() })
    }

    async fn read(
        &self,
        open: &mut Self::Session,
        place: &D::Place,
        plan: &D::Plan,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        self.watch.through(Phase::Reading, self.driver.read(&mut open.session, place, plan, limit)).await
    }

    async fn write(
        &self,
        open: &mut Self::Session,
        place: &D::Place,
        address: &D::Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        let work = self.driver.write(&mut open.session, place, address, value, limit);
        self.watch.through(Phase::Writing, work).await
    }

    async fn close(&self, open: Self::Session) {
        self.driver.close(open.session).await;
    }
}

/// splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, many: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % many
    }

    fn within(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }

    /// Every phase as often as it is to be struck, in any order.
    fn faults(&mut self) -> Vec<(Phase, Signal)> {
        let phases = [Phase::Connecting, Phase::Reading, Phase::Writing];
        let signal = |round| if round == 0 { Signal::STOP } else { Signal::KILL };
        let mut faults: Vec<_> =
            (0..ROUNDS).flat_map(|round| phases.map(|phase| (phase, signal(round)))).collect();
        for at in (1..faults.len()).rev() {
            faults.swap(at, self.below(at as u64 + 1) as usize);
        }
        faults
    }
}

/// Writes one number after the other, each once, until it is told to end.
struct Writer {
    stop: watch::Sender<bool>,
    confirmed: watch::Receiver<i64>,
    task: JoinHandle<Vec<(i64, Written)>>,
}

impl Writer {
    fn begin(plant: Arc<Plant>) -> Writer {
        let ((stop, stopped), (confirm, confirmed)) = (watch::channel(false), watch::channel(0));
        let task = tokio::spawn(async move {
            let mut ended = Vec::new();
            while !*stopped.borrow() {
                let number = ended.len() as i64 + 1;
                let written = write(&plant, NAME, SETPOINT, Value::Integer(number)).await;
                if written.fate == Fate::Confirmed {
                    confirm.send_replace(number);
                }
                ended.push((number, written));
                sleep(PAUSE).await;
            }
            ended
        });
        Writer { stop, confirmed, task }
    }

    /// Waits for one that is confirmed and was not yet.
    async fn confirmed(&mut self) {
        let before = *self.confirmed.borrow_and_update();
        let next = timeout(PATIENCE, self.confirmed.wait_for(|number| *number > before)).await;
        drop(next.expect("a write is confirmed again").unwrap());
    }

    async fn end(self) -> Vec<(i64, Written)> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

struct Siege<'t> {
    target: &'t Target<'t>,
    watch: Arc<Watch>,
    counterpart: Counterpart,
    chance: Chance,
}

/// Stands the siege.
pub(crate) async fn besiege(driver: impl Driver, target: &Target<'_>, seed: u64) {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let link = if let At::Link(link) = target.at { Some(link.to_owned()) } else { None };
    let (watch, counterpart) = (Arc::new(Watch { link, ..Watch::default() }), (target.start)());
    let mut siege = Siege { target, watch: watch.clone(), counterpart, chance: Chance(seed) };
    let config = config(driver.name(), target);
    let mut rig = Rig::with(Watched { driver, watch: watch.clone() }, config);
    rig.be_moody();
    rig.until("values flow", |point| point.quality == Quality::Good).await;
    let mut writer = Writer::begin(rig.plant.clone());
    writer.confirmed().await;
    for (phase, signal) in siege.chance.faults() {
        siege.strike(phase, signal).await;
        rig.skip();
        writer.confirmed().await;
        rig.until("values flow again", |point| point.quality == Quality::Good).await;
        siege.has_connections(1).await;
    }
    let ended = writer.end().await;
    let taken = taken(target.taken);
    judge(&ended, &taken);
    let last = Value::Integer(*taken.last().unwrap());
    rig.skip();
    rig.until("it is read as it was written", |point| &*point.tag == SETPOINT && point.value == last).await;
    let plant = rig.end().await;
    siege.has_connections(0).await;
    until("no task is left", || Handle::current().metrics().num_alive_tasks() <= tasks).await;
    close_accounts(&plant, &watch);
}

fn config(driver: &str, target: &Target<'_>) -> Config {
    let patience = Patience { failures_max: 3, off_scan_us: 200_000, off_scan_us_max: 400_000 };
    let [still, written] = target.tags;
    let device = device(NAME, driver, &target.address, &[("still", still), (SETPOINT, written)]);
    let devices = vec![Device { timeout: ANSWER_MAX, ..device }];
    Config { devices, patience, connect_timeout: 10 * ANSWER_MAX, ..Config::default() }
}

impl Siege<'_> {
    async fn strike(&mut self, phase: Phase, signal: Signal) {
        if phase == Phase::Connecting {
            // Who is connected does not connect; so it is given up first, and goes on as it is connected to.
            self.counterpart.signal(Signal::STOP);
        }
        let (after, pid) = (self.chance.within(MOMENT), self.counterpart.pid());
        *self.watch.trap.lock().unwrap() = Some(Trap { phase, after, pid, signal });
        timeout(PATIENCE, self.watch.sprung.notified()).await.expect("the phase comes");
        if signal == Signal::KILL {
            self.counterpart.end();
            self.counterpart = (self.target.start)();
        } else {
            sleep(self.chance.within(FROST)).await;
            self.counterpart.signal(Signal::CONT);
        }
    }

    async fn has_connections(&self, many: usize) {
        until("sessions that were given up are gone", || self.watch.sessions() == many).await;
        if let At::Port(port) = self.target.at {
            until("the other side has no others open", || connections(port) == many).await;
        }
    }
}

fn taken(file: &Path) -> Vec<i64> {
    fs::read_to_string(file).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// What was said of each write is what the device knows of it.
fn judge(ended: &[(i64, Written)], taken: &[i64]) {
    let mut fates = BTreeMap::<_, u64>::new();
    for (number, written) in ended {
        *fates.entry(written.fate.name()).or_default() += 1;
        let times = taken.iter().filter(|one| *one == number).count();
        let fits = match written.fate {
            Fate::Confirmed | Fate::Unconfirmed => times == 1,
            Fate::Refused | Fate::Failed => times == 0,
            Fate::Unknown => times <= 1,
        };
        assert!(fits, "the device took {number} {times} times: {written:?}");
    }
    eprintln!("{fates:?}");
    assert!(taken.iter().all(|number| (1..=ended.len() as i64).contains(number)), "{taken:?}");
}

/// Each tag of each read is a value or bad by a code, and each connection is counted.
fn close_accounts(plant: &Plant, watch: &Watch) {
    let total = |family, labels: &[(&str, &str)]| total(plant, family, labels);
    let ended = ["good", "partial", "failed"]
        .map(|outcome| total("tidegate_plant_cycles_total", &[("outcome", outcome)]));
    let told = total("tidegate_plant_values_total", &[]) + total("tidegate_plant_bad_values_total", &[]);
    assert_eq!(told, 2 * ended.iter().sum::<u64>(), "{ended:?}");
    // A driver may make one anew in the middle of a read, as the other side is going.
    let (counted, made) =
        (total("tidegate_plant_connections_total", &[]), watch.connects.load(Ordering::SeqCst));
    assert!(counted >= made, "{counted} connections are counted, and {made} were made");
}
