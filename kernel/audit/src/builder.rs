//! Grows the trees behind a source: reads what has come to stay, adds it to each of them, and signs. IO in the calling thread, no lock; whoever
//! adds to the source waits for none of it.
//!
//! Where the files of a tree do not have the root that was signed, they are made again from the source's beginning. If the source does not
//! lead to that root either, the two contradict each other, and nothing is signed any more. Where others could write in the source, its
//! records are compared with the entries again and again; files that have the signed root are never made again from such records.

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::AuditError;
use crate::key::Signer;
use crate::profile::Profile;
use crate::source::{Source, Streams};
use crate::tile::TILE_WIDTH;
use crate::tree::{Growing, Tree};
use std::path::Path;
use tidegate_kernel_journal::{Journal, Record};

/// Records read at once.
const AT_ONCE: usize = 1024;

/// The trees of one folder, over one source.
#[derive(Debug)]
pub struct Builder {
    source: Box<dyn Source>,
    trees: Vec<Growing>,
    /// The number up to which every tree has all there is.
    through: u64,
    compared: Compared,
}

/// How far entries were compared with the source this time: whole bundles, and the number of their last record.
#[derive(Debug, Default)]
struct Compared {
    bundles: u64,
    seq: u64,
}

/// How a tree was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub profile: Profile,
    pub size: u64,
    /// Its files were damaged, and were made again from the journal.
    pub rebuilt: bool,
}

/// How far the trees are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Entries in each tree.
    pub size: u64,
    /// Records of the source that were not looked at yet; of the journal, those of whatever stream.
    pub records: u64,
}

impl Builder {
    /// Over streams of a journal. The streams are those of the folder for good: what is over other ones is other trees, in another folder.
    pub fn open(
        path: &Path,
        journal: &Journal,
        streams: &[u16],
        signers: Vec<Signer>,
    ) -> Result<(Builder, Vec<Opened>), AuditError> {
        Builder::over(path, Box::new(Streams::new(journal.clone(), streams)), signers)
    }

    /// Opens a tree for each signer below `path`, or begins it. Reads the whole source where one has to be made again.
    pub fn over(
        path: &Path,
        source: Box<dyn Source>,
        signers: Vec<Signer>,
    ) -> Result<(Builder, Vec<Opened>), AuditError> {
        let mut builder = Builder { source, trees: Vec::new(), through: 0, compared: Compared::default() };
        let mut opened = Vec::new();
        for signer in signers {
            let path = path.join(signer.profile().name());
            let (tree, rebuilt) = builder.open_tree(Growing::empty(&path, signer))?;
            opened.push(Opened { profile: tree.tree.profile(), size: tree.size(), rebuilt });
            builder.trees.push(tree);
        }
        builder.through = builder.trees.iter().map(|tree| tree.last_seq).min().unwrap_or(0);
        Ok((builder, opened))
    }

    fn open_tree(&self, mut tree: Growing) -> Result<(Growing, bool), AuditError> {
        let Some(signed) = tree.tree.signed()? else { return Ok((tree, false)) };
        if tree.resume(&signed)? && self.has_last_of(&tree)? {
            return Ok((tree, false));
        }
        tree.clear();
        self.rebuild(&mut tree, signed)?;
        Ok((tree, true))
    }

    /// Whether the last entry is what the source has under its number.
    fn has_last_of(&self, tree: &Growing) -> Result<bool, AuditError> {
        let Some(last) = tree.size().checked_sub(1) else { return Ok(true) };
        let (entry, before) = (tree.tree.entry(last, tree.size())?, tree.last_seq - 1);
        if let Some((records, _)) = self.source.read_again(before, 1)? {
            return compare(&tree.tree, last, &entry, records.first()).map(|()| true);
        }
        let (records, _) = self.source.read(before, 1)?;
        Ok(records.first().is_some_and(|record| Entry::of(tree.tree.profile(), record) == entry))
    }

    fn rebuild(&self, tree: &mut Growing, signed: Checkpoint) -> Result<(), AuditError> {
        let (profile, mut through) = (tree.tree.profile(), 0);
        while tree.size() < signed.size {
            let (records, looked_at) = self.source.read(through, AT_ONCE)?;
            if looked_at == through {
                break;
            }
            for record in records.iter().take((signed.size - tree.size()) as usize) {
                tree.push(&Entry::of(profile, record))?;
            }
            through = looked_at;
        }
        if (tree.size(), tree.root()) != (signed.size, signed.root) {
            return Err(AuditError::Contradiction { profile, size: signed.size, have: tree.size() });
        }
        tree.settle(signed)
    }

    /// Adds the next records that have come to stay. After an error the files may be behind what this value believes: open another one.
    pub fn step(&mut self) -> Result<Lag, AuditError> {
        let (records, through) = self.source.read(self.through, AT_ONCE)?;
        for tree in &mut self.trees {
            let (profile, last_seq) = (tree.tree.profile(), tree.last_seq);
            for record in records.iter().filter(|record| record.head.seq > last_seq) {
                tree.push(&Entry::of(profile, record))?;
            }
        }
        self.through = through;
        Ok(self.lag())
    }

    /// Signs each tree that has grown since; whether there was one.
    pub fn sign(&mut self) -> Result<bool, AuditError> {
        let mut signed = false;
        for tree in &mut self.trees {
            if tree.signed.as_ref().map_or(0, |signed| signed.size) < tree.size() {
                tree.sign()?;
                signed = true;
            }
        }
        Ok(signed)
    }

    /// Compares the next bundle of signed entries with what the source has now, where others could have changed that, and begins again behind
    /// the last; how many.
    pub fn compare(&mut self) -> Result<usize, AuditError> {
        let Some(Growing { tree, signed: Some(signed), .. }) = self.trees.first() else { return Ok(0) };
        if self.compared.bundles * TILE_WIDTH as u64 >= signed.size {
            self.compared = Compared::default();
        }
        let Compared { bundles, seq } = self.compared;
        let Some((records, _)) = self.source.read_again(seq, TILE_WIDTH)? else { return Ok(0) };
        let entries = if signed.size > 0 { tree.entries(bundles, signed.size)? } else { Vec::new() };
        for (nth, entry) in entries.iter().enumerate() {
            compare(tree, bundles * TILE_WIDTH as u64 + nth as u64, entry, records.get(nth))?;
        }
        self.compared = match entries.last() {
            Some(last) if entries.len() == TILE_WIDTH => Compared { bundles: bundles + 1, seq: last.seq },
            _ => Compared::default(),
        };
        Ok(entries.len())
    }

    pub fn lag(&self) -> Lag {
        let size = self.trees.iter().map(Growing::size).min().unwrap_or(0);
        Lag { size, records: self.source.kept_seq().saturating_sub(self.through) }
    }

    /// The trees for those who read.
    pub fn trees(&self) -> Vec<Tree> {
        self.trees.iter().map(|tree| tree.tree.clone()).collect()
    }
}

/// That the record is still what the entry speaks of.
fn compare(tree: &Tree, index: u64, entry: &Entry, record: Option<&Record>) -> Result<(), AuditError> {
    let (profile, seq) = (tree.profile(), entry.seq);
    let record = record.filter(|record| record.head.seq == seq);
    if record.is_some_and(|record| entry.is_of(&Entry::of(profile, record))) {
        return Ok(());
    }
    // Which of the two was changed, the signed root says.
    tree.prove(seq)?;
    let what = if record.is_some() { "is not what it was" } else { "is missing" };
    Err(AuditError::Rewritten { profile, index, seq, what })
}
