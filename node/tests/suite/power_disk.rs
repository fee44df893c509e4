//! What a disk holds and what it would hold if the power went now: the state behind the file system in `fuse_layer`.
//!
//! Pure, seeded. A file's bytes are safe sector by sector after a sync of that file, its length with them; a name is safe after a
//! sync of the folder it is in. Whatever is not safe, each by itself, may be there or not after a cut; changes of one name keep
//! their order. That is less than any journaling file system promises, and all the product may rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(crate) const ROOT: u64 = 1;
const SECTOR_BYTES: usize = 512;

/// What becomes of everything that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survival {
    Nothing,
    Everything,
    /// Chosen one by one, by this seed.
    Mixed(u64),
}

/// How the disk answers a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    /// Says Ok and makes nothing safe.
    Lying,
}

/// Why an operation was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    PowerIsOff,
    NotFound,
    Exists,
    NotEmpty,
    IsFolder,
    NotFolder,
    OtherFolder,
}

pub(crate) type Outcome<T> = Result<T, Refused>;

/// Folders and files by number.
#[derive(Debug)]
pub(crate) struct Disk {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// Operations that change something, since the power came.
    operations: u64,
    cut_at: Option<u64>,
    is_on: bool,
    honesty: Honesty,
}

#[derive(Debug)]
enum Node {
    File(File),
    Folder(Folder),
}

#[derive(Debug, Default)]
struct File {
    /// What a read returns.
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that may differ.
    dirty: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Folder {
    names: BTreeMap<OsString, u64>,
    durable: BTreeMap<OsString, u64>,
    /// Since the last sync.
    changes: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Bound { name: OsString, node: u64 },
    Unbound { name: OsString },
}

/// What can be asked about a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) is_folder: bool,
}

/// splitmix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..many`.
    pub(crate) fn below(&mut self, many: u64) -> u64 {
        self.next() % many
    }
}

/// Decides what survives.
struct Fate {
    survival: Survival,
    random: Random,
}

impl Fate {
    fn of(survival: Survival) -> Fate {
        let seed = if let Survival::Mixed(seed) = survival { seed } else { 0 };
        Fate { survival, random: Random(seed) }
    }

    fn keeps(&mut self) -> bool {
        match self.survival {
            Survival::Nothing => false,
            Survival::Everything => true,
            Survival::Mixed(_) => self.random.below(2) == 1,
        }
    }

    /// A length between the safe one and the present one, or one of them.
    fn length(&mut self, durable: usize, cached: usize) -> usize {
        if matches!(self.survival, Survival::Mixed(_)) && self.random.below(3) == 0 {
            let (low, high) = (durable.min(cached), durable.max(cached));
            return low + self.random.below((high - low) as u64 + 1) as usize;
        }
        if self.keeps() { cached } else { durable }
    }
}

impl Default for Disk {
    fn default() -> Disk {
        let root = BTreeMap::from([(ROOT, Node::Folder(Folder::default()))]);
        Disk {
            nodes: root,
            next: ROOT + 1,
            operations: 0,
            cut_at: None,
            is_on: true,
            honesty: Honesty::Honest,
        }
    }
}

impl Disk {
    /// The power goes during the operation that comes so many after the present one.
    pub(crate) fn plan_cut(&mut self, operations: u64) {
        self.cut_at = Some(self.operations + operations);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn set_honesty(&mut self, honesty: Honesty) {
        self.honesty = honesty;
    }

    /// The power is off from now on, if it was not before.
    pub(crate) fn cut(&mut self) {
        self.is_on = false;
    }

    /// The power comes back to what survived.
    pub(crate) fn restore(&mut self, survival: Survival) {
        let mut fate = Fate::of(survival);
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => file.settle(&mut fate),
                Node::Folder(folder) => folder.settle(&mut fate),
            }
        }
        self.forget_unnamed();
        (self.operations, self.cut_at, self.is_on, self.honesty) = (0, None, true, Honesty::Honest);
    }

    /// Puts the files into a folder of the operating system's.
    pub(crate) fn copy_to(&self, target: &Path) {
        self.copy_node(ROOT, target);
    }

    pub(crate) fn lookup(&self, parent: u64, name: &OsStr) -> Outcome<Stat> {
        self.stat(*self.folder(parent)?.names.get(name).ok_or(Refused::NotFound)?)
    }

    pub(crate) fn stat(&self, number: u64) -> Outcome<Stat> {
        let (bytes, is_folder) = match self.nodes.get(&number).ok_or(Refused::NotFound)? {
            Node::File(file) => (file.cached.len() as u64, false),
            Node::Folder(_) => (0, true),
        };
        Ok(Stat { number, bytes, is_folder })
    }

    /// The names in a folder with what they lead to.
    pub(crate) fn list(&self, number: u64) -> Outcome<Vec<(OsString, Stat)>> {
        let names = &self.folder(number)?.names;
        names.iter().map(|(name, node)| Ok((name.clone(), self.stat(*node)?))).collect()
    }

    pub(crate) fn read(&self, number: u64, offset: usize, bytes: usize) -> Outcome<&[u8]> {
        let Some(Node::File(file)) = self.nodes.get(&number) else { return Err(Refused::IsFolder) };
        let rest = file.cached.get(offset..).unwrap_or_default();
        Ok(&rest[..rest.len().min(bytes)])
    }

    pub(crate) fn create(&mut self, parent: u64, name: &OsStr, is_folder: bool) -> Outcome<Stat> {
        self.operation()?;
        if self.folder(parent)?.names.contains_key(name) {
            return Err(Refused::Exists);
        }
        let number = self.next;
        self.next += 1;
        let node = if is_folder { Node::Folder(Folder::default()) } else { Node::File(File::default()) };
        self.nodes.insert(number, node);
        self.folder_mut(parent)?.bind(name, number);
        self.stat(number)
    }

    pub(crate) fn write(&mut self, number: u64, offset: usize, bytes: &[u8]) -> Outcome<()> {
        self.change(number, |file| file.write(offset, bytes))
    }

    pub(crate) fn resize(&mut self, number: u64, bytes: usize) -> Outcome<()> {
        self.change(number, |file| file.resize(bytes))
    }

    /// A change during which the power goes may have reached the disk in part; one after that has not.
    fn change(&mut self, number: u64, act: impl FnOnce(&mut File)) -> Outcome<()> {
        let was_on = self.is_on;
        let powered = self.operation();
        if was_on {
            act(self.file_mut(number)?);
        }
        powered
    }

    pub(crate) fn rename(&mut self, parent: u64, from: &OsStr, to_parent: u64, to: &OsStr) -> Outcome<()> {
        self.operation()?;
        if parent != to_parent {
            return Err(Refused::OtherFolder);
        }
        let folder = self.folder_mut(parent)?;
        let node = folder.names.remove(from).ok_or(Refused::NotFound)?;
        folder.bind(to, node);
        Ok(())
    }

    pub(crate) fn remove(&mut self, parent: u64, name: &OsStr) -> Outcome<()> {
        self.operation()?;
        let number = self.lookup(parent, name)?.number;
        if matches!(&self.nodes[&number], Node::Folder(folder) if !folder.names.is_empty()) {
            return Err(Refused::NotEmpty);
        }
        self.folder_mut(parent)?.unbind(name);
        Ok(())
    }

    /// Makes a file's bytes or a folder's names safe, and nothing else.
    pub(crate) fn sync(&mut self, number: u64) -> Outcome<()> {
        self.operation()?;
        match (self.honesty, self.nodes.get_mut(&number).ok_or(Refused::NotFound)?) {
            (Honesty::Lying, _) => {}
            (Honesty::Honest, Node::File(file)) => file.sync(),
            (Honesty::Honest, Node::Folder(folder)) => folder.settle(&mut Fate::of(Survival::Everything)),
        }
        Ok(())
    }

    fn operation(&mut self) -> Outcome<()> {
        if !self.is_on {
            return Err(Refused::PowerIsOff);
        }
        self.operations += 1;
        self.is_on = self.cut_at.is_none_or(|cut_at| self.operations < cut_at);
        if self.is_on { Ok(()) } else { Err(Refused::PowerIsOff) }
    }

    fn folder(&self, number: u64) -> Outcome<&Folder> {
        match self.nodes.get(&number) {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(Node::File(_)) => Err(Refused::NotFolder),
            None => Err(Refused::NotFound),
        }
    }

    fn folder_mut(&mut self, number: u64) -> Outcome<&mut Folder> {
        match self.nodes.get_mut(&number) {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(Node::File(_)) => Err(Refused::NotFolder),
            None => Err(Refused::NotFound),
        }
    }

    fn file_mut(&mut self, number: u64) -> Outcome<&mut File> {
        match self.nodes.get_mut(&number) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Folder(_)) => Err(Refused::IsFolder),
            None => Err(Refused::NotFound),
        }
    }

    fn forget_unnamed(&mut self) {
        let (mut reached, mut ahead) = (BTreeSet::from([ROOT]), vec![ROOT]);
        while let Some(number) = ahead.pop() {
            if let Ok(folder) = self.folder(number) {
                ahead.extend(folder.names.values().filter(|node| reached.insert(**node)));
            }
        }
        self.nodes.retain(|number, _| reached.contains(number));
    }

    fn copy_node(&self, number: u64, target: &Path) {
        match &self.nodes[&number] {
            Node::File(file) => {
                fs::write(target, &file.cached).unwrap();
                // Modes are not kept: a file is its owner's alone, as the node makes the one whose mode matters.
                fs::set_permissions(target, Permissions::from_mode(0o600)).unwrap();
            }
            Node::Folder(folder) => {
                fs::create_dir_all(target).unwrap();
                folder.names.iter().for_each(|(name, node)| self.copy_node(*node, &target.join(name)));
            }
        }
    }
}

impl File {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.resize(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    fn resize(&mut self, bytes: usize) {
        let (low, high) = (self.cached.len().min(bytes), self.cached.len().max(bytes));
        self.cached.resize(bytes, 0);
        self.dirty.extend(low / SECTOR_BYTES..high.div_ceil(SECTOR_BYTES));
    }

    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.save(sector);
        }
    }

    fn settle(&mut self, fate: &mut Fate) {
        let bytes = match self.durable.len() == self.cached.len() {
            true => self.cached.len(),
            false => fate.length(self.durable.len(), self.cached.len()),
        };
        self.durable.resize(self.durable.len().max(self.cached.len()), 0);
        for sector in std::mem::take(&mut self.dirty) {
            if fate.keeps() {
                self.save(sector);
            }
        }
        self.durable.truncate(bytes);
        self.cached.clone_from(&self.durable);
    }

    /// Beyond the present end the disk has zeros.
    fn save(&mut self, sector: usize) {
        let end = self.durable.len().min((sector + 1) * SECTOR_BYTES);
        for at in sector * SECTOR_BYTES..end {
            self.durable[at] = self.cached.get(at).copied().unwrap_or(0);
        }
    }
}

impl Folder {
    fn bind(&mut self, name: &OsStr, node: u64) {
        self.names.insert(name.to_owned(), node);
        self.changes.push(Change::Bound { name: name.to_owned(), node });
    }

    fn unbind(&mut self, name: &OsStr) {
        self.names.remove(name);
        self.changes.push(Change::Unbound { name: name.to_owned() });
    }

    fn settle(&mut self, fate: &mut Fate) {
        for change in std::mem::take(&mut self.changes) {
            match change {
                _ if !fate.keeps() => {}
                // A rename takes the old name away in the same step.
                Change::Bound { name, node } => {
                    self.durable.retain(|_, bound| *bound != node);
                    self.durable.insert(name, node);
                }
                Change::Unbound { name } => {
                    self.durable.remove(&name);
                }
            }
        }
        self.names.clone_from(&self.durable);
    }
}
