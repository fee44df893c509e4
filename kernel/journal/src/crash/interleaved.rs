//! Turns within turns: before any operation of the disk somebody else may take a step, as threads would, but by a seed.
//!
//! One committer and one caretaker: neither begins a turn within its own. A step within a step runs to its end before the outer one
//! goes on, so of all orders of two threads these are the nested ones.

use super::oracle::Oracle;
use super::rig::{Random, Rig, Session, Step, locked, random_steps};
use crate::disk::{Disk, DiskFile, SimDisk};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

/// What may happen before an operation. It is away while it runs, so that nothing happens within what happens.
type Interruption = Box<dyn FnMut() + Send>;

/// A disk that lets others in before each operation.
#[derive(Clone, Default)]
struct OpenDoor {
    disk: SimDisk,
    interruption: Arc<Mutex<Option<Interruption>>>,
}

struct OpenFile {
    file: Arc<dyn DiskFile>,
    door: OpenDoor,
}

impl OpenDoor {
    fn pass(&self) {
        let interruption = locked(&self.interruption).take();
        if let Some(mut interruption) = interruption {
            interruption();
            *locked(&self.interruption) = Some(interruption);
        }
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(OpenFile { file, door: self.clone() })
    }
}

impl fmt::Debug for OpenDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl Disk for OpenDoor {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.pass();
        self.disk.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.pass();
        Ok(self.file(self.disk.create(name, bytes)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.pass();
        Ok(self.file(self.disk.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.pass();
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.pass();
        self.disk.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.pass();
        self.disk.sync_names()
    }

    fn salt(&self) -> u32 {
        self.disk.salt()
    }
}

impl DiskFile for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.door.pass();
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.door.pass();
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.door.pass();
        self.file.sync()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.door.pass();
        self.file.truncate(bytes)
    }
}

/// Whose turn the outer step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Committer,
    Caretaker,
    Other,
}

fn turn_of(step: &Step) -> Turn {
    match step {
        Step::Commit => Turn::Committer,
        Step::Tend => Turn::Caretaker,
        _ => Turn::Other,
    }
}

/// The steps of one seed, with steps of another within them. How many of those there were.
fn run(rig: &Rig, seed: u64) -> (Oracle, u64) {
    let door = OpenDoor { disk: rig.disk.clone(), ..OpenDoor::default() };
    let (oracle, outer) = (Arc::new(Mutex::new(Oracle::default())), Arc::new(Mutex::new(Turn::Other)));
    let inner = Arc::new(Mutex::new(0));
    if let Ok(session) = Rig::open_on(Arc::new(door.clone())) {
        let session = Arc::new(session);
        *locked(&door.interruption) = Some(interruption(seed, &session, &oracle, &outer, &inner));
        for step in random_steps(seed) {
            *locked(&outer) = turn_of(&step);
            session.take(&step, &oracle);
        }
        *locked(&door.interruption) = None;
    }
    let oracle = std::mem::take(&mut *locked(&oracle));
    let inner = *locked(&inner);
    (oracle, inner)
}

fn interruption(
    seed: u64,
    session: &Arc<Session>,
    oracle: &Arc<Mutex<Oracle>>,
    outer: &Arc<Mutex<Turn>>,
    inner: &Arc<Mutex<u64>>,
) -> Interruption {
    let steps = random_steps(seed ^ 0x5eed);
    let mut random = Random(seed);
    let (session, oracle, outer, inner) = (session.clone(), oracle.clone(), outer.clone(), inner.clone());
    Box::new(move || {
        let step = &steps[random.below(steps.len())];
        let turn = turn_of(step);
        let is_free = turn == Turn::Other || turn != *locked(&outer);
        if is_free && random.below(3) == 0 {
            session.take(step, &oracle);
            *locked(&inner) += 1;
        }
    })
}

/// The seed's fault, or none: then what is found is all there was.
fn check(seed: u64) -> Result<u64, String> {
    let rig = Rig::default();
    super::random_fault(seed).into_iter().for_each(|fault| rig.disk.plan(fault));
    let (oracle, inner) = run(&rig, seed);
    rig.disk.power_cycle(seed);
    oracle.check(&rig).map_err(|why| format!("seed {seed}: {why}"))?;
    Ok(inner)
}

fn many() -> Result<u64, String> {
    (0..super::RANDOM_RUNS / 4).map(check).sum()
}

#[test]
fn turns_within_turns_keep_every_promise() {
    let inner = many().unwrap();
    assert!(inner > super::RANDOM_RUNS, "only {inner} steps within others");
}

#[test]
fn an_acknowledgement_before_the_sync_turns_turns_within_turns_red() {
    assert!(super::with_planted(crate::planted::Planted::AckBeforeSync, many).is_err());
}
