//! A disk in memory that behaves as badly as a real one may.
//!
//! What was not synced is lost, kept or torn sector by sector when the power goes; names that were not synced may be the old
//! ones. A failed sync leaves its pages readable and marked clean, as Linux does, so that only the next power cut shows them
//! gone. Seeded: the same seed gives the same loss.

use super::{Disk, DiskFile, SECTOR_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong, counted in operations that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power goes during this operation.
    PowerCut { operation: u64 },
    /// The first sync at or after this operation fails and loses what it was to save.
    SyncError { operation: u64 },
    /// The first write at or after this operation fails and writes nothing.
    WriteError { operation: u64 },
    /// Each of `many` syncs from this operation on takes so long.
    Slow { operation: u64, many: u32, each: Duration },
    /// So many bytes of files fit, and no more.
    Full { bytes: u64 },
}

/// Cheap to clone; clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<u64, SimFile>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Since the names were last synced.
    name_changes: Vec<NameChange>,
    next_file: u64,
    operations: u64,
    faults: Vec<Fault>,
    powered_off: bool,
    salt: u32,
}

#[derive(Debug, Clone)]
enum NameChange {
    Bound { name: String, file: u64 },
    Unbound { name: String },
}

#[derive(Debug, Default)]
struct SimFile {
    /// What a read returns.
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
}

/// splitmix64 (Steele, Lea, Flood 2014): small, seeded, good enough to choose sectors.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl SimDisk {
    /// How many changing operations were carried out so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    pub fn plan(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Ends the present life of the disk and starts the next one, with some of what was not synced.
    ///
    /// Subset 0 keeps nothing unsynced, subset 1 everything; each other number another mixture.
    pub fn power_cycle(&self, subset: u64) {
        let mut inner = self.lock();
        let mut random = subset;
        let mut kept = move || match subset {
            0 => false,
            1 => true,
            _ => next_random(&mut random) & 1 == 1,
        };
        inner.settle_names(&mut kept);
        inner.files.values_mut().for_each(|file| file.settle(&mut kept));
        inner.faults.clear();
        inner.powered_off = false;
    }

    /// Ends the process but not the machine: everything written is still in the cache.
    pub fn restart_process(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        inner.powered_off = false;
    }

    /// Changes one bit of a file behind everybody's back.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        let mut inner = self.lock();
        let file = inner.names[name];
        let file = inner.files.get_mut(&file).expect("a name leads to a file");
        file.cached[bit / 8] ^= 1 << (bit % 8);
        file.durable[bit / 8] ^= 1 << (bit % 8);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: u64) -> Arc<dyn DiskFile> {
        Arc::new(Handle { disk: self.clone(), file })
    }
}

impl Inner {
    /// Counts an operation. Where the power goes now, the change is made in the cache and the error returned after it.
    fn operation(&mut self) -> io::Result<Outcome> {
        if self.powered_off {
            return Err(power_is_off());
        }
        self.operations += 1;
        let now = self.operations;
        if self.faults.contains(&Fault::PowerCut { operation: now }) {
            self.powered_off = true;
            return Ok(Outcome::PowerGoes);
        }
        Ok(Outcome::Done)
    }

    fn sync_fails(&mut self) -> bool {
        self.takes(|fault, now| matches!(fault, Fault::SyncError { operation } if operation <= now))
    }

    fn write_fails(&mut self) -> bool {
        self.takes(|fault, now| matches!(fault, Fault::WriteError { operation } if operation <= now))
    }

    /// How long the next sync takes.
    fn sync_delay(&mut self) -> Option<Duration> {
        let now = self.operations;
        let at = self
            .faults
            .iter()
            .position(|fault| matches!(fault, Fault::Slow { operation, .. } if *operation <= now))?;
        let Fault::Slow { many, each, .. } = &mut self.faults[at] else { return None };
        let each = *each;
        *many -= 1;
        if *many == 0 {
            self.faults.remove(at);
        }
        Some(each)
    }

    /// Whether such a fault is planned; it happens once.
    fn takes(&mut self, is_due: impl Fn(Fault, u64) -> bool) -> bool {
        let now = self.operations;
        let at = self.faults.iter().position(|fault| is_due(*fault, now));
        at.map(|at| self.faults.remove(at)).is_some()
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|file| self.files[file].cached.len() as u64).sum()
    }

    fn room_for(&self, bytes: u64) -> bool {
        let limit = self.faults.iter().find_map(|fault| match fault {
            Fault::Full { bytes } => Some(*bytes),
            _ => None,
        });
        limit.is_none_or(|limit| self.used_bytes() + bytes <= limit)
    }

    fn bind(&mut self, name: &str, file: u64) {
        self.names.insert(name.to_owned(), file);
        self.name_changes.push(NameChange::Bound { name: name.to_owned(), file });
    }

    fn unbind(&mut self, name: &str) -> io::Result<u64> {
        let file = self.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.name_changes.push(NameChange::Unbound { name: name.to_owned() });
        Ok(file)
    }

    /// Any of the unsynced name changes may have reached the disk; a later one of the same name only after the earlier.
    fn settle_names(&mut self, kept: &mut impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.name_changes) {
            if kept() {
                apply(&mut self.durable_names, change);
            }
        }
        self.names = self.durable_names.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

enum Outcome {
    Done,
    PowerGoes,
}

impl Outcome {
    fn into_result(self) -> io::Result<()> {
        match self {
            Outcome::Done => Ok(()),
            Outcome::PowerGoes => Err(power_is_off()),
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn apply(names: &mut BTreeMap<String, u64>, change: NameChange) {
    match change {
        NameChange::Bound { name, file } => {
            // A rename takes the old name away in the same step.
            names.retain(|_, bound| *bound != file);
            names.insert(name, file);
        }
        NameChange::Unbound { name } => {
            names.remove(&name);
        }
    }
}

impl SimFile {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        assert!(
            offset + bytes.len() <= self.cached.len(),
            "a write beyond the length the file was created with"
        );
        self.cached[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR_BYTES..(offset + bytes.len()).div_ceil(SECTOR_BYTES));
    }

    fn save(&mut self, sector: usize) {
        let range = sector * SECTOR_BYTES..self.cached.len().min((sector + 1) * SECTOR_BYTES);
        if !range.is_empty() {
            self.durable[range.clone()].copy_from_slice(&self.cached[range]);
        }
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.save(sector);
        }
    }

    fn settle(&mut self, kept: &mut impl FnMut() -> bool) {
        for sector in std::mem::take(&mut self.dirty) {
            if kept() {
                self.save(sector);
            }
        }
        self.cached = self.durable.clone();
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let inner = self.lock();
        Ok(inner
            .names
            .iter()
            .map(|(name, file)| (name.clone(), inner.files[file].cached.len() as u64))
            .collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.lock();
        let outcome = inner.operation()?;
        if !inner.room_for(bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = inner.next_file;
        inner.next_file += 1;
        let zeros = vec![0; bytes as usize];
        inner.files.insert(file, SimFile { cached: zeros.clone(), durable: zeros, dirty: BTreeSet::new() });
        inner.bind(name, file);
        outcome.into_result()?;
        Ok(self.handle(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = *self.lock().names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let outcome = inner.operation()?;
        let file = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.bind(to, file);
        outcome.into_result()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let outcome = inner.operation()?;
        inner.unbind(name)?;
        outcome.into_result()
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.operation()?.into_result()?;
        inner.settle_names(&mut || true);
        Ok(())
    }

    fn salt(&self) -> u32 {
        let mut inner = self.lock();
        inner.salt += 1;
        inner.salt.wrapping_mul(0x9e37_79b9)
    }
}

/// Others get at the disk meanwhile.
#[expect(clippy::disallowed_methods, reason = "a slow disk takes time, and does nothing else")]
fn take(time: Duration) {
    std::thread::sleep(time);
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    file: u64,
}

impl Handle {
    fn with<T>(&self, inner: &mut Inner, act: impl FnOnce(&mut SimFile) -> T) -> io::Result<T> {
        inner.files.get_mut(&self.file).map(act).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl DiskFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = &mut self.disk.lock();
        self.with(inner, |file| {
            let rest = file.cached.get(offset as usize..).unwrap_or_default();
            let some = rest.len().min(buffer.len());
            buffer[..some].copy_from_slice(&rest[..some]);
            some
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let inner = &mut self.disk.lock();
        let outcome = inner.operation()?;
        if inner.write_fails() {
            return Err(io::Error::other("the write failed"));
        }
        self.with(inner, |file| file.write(bytes, offset as usize))?;
        outcome.into_result()
    }

    fn sync(&self) -> io::Result<()> {
        let delay = self.disk.lock().sync_delay();
        delay.into_iter().for_each(take);
        let inner = &mut self.disk.lock();
        inner.operation()?.into_result()?;
        if inner.sync_fails() {
            self.with(inner, |file| file.dirty.clear())?;
            return Err(io::Error::other("the sync failed"));
        }
        self.with(inner, SimFile::sync)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let inner = &mut self.disk.lock();
        let outcome = inner.operation()?;
        self.with(inner, |file| {
            file.cached.truncate(bytes as usize);
            file.durable.truncate(bytes as usize);
        })?;
        outcome.into_result()
    }
}
