//! Grows the trees behind the journal: reads what is synced, adds it to each of them, and signs. IO in the calling thread, no lock; whoever
//! commits to the journal waits for none of it.
//!
//! Where the files of a tree do not have the root that was signed, they are made again from the journal's beginning. If the journal does not
//! lead to that root either, the two contradict each other, and nothing is signed any more.

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::AuditError;
use crate::key::Signer;
use crate::profile::Profile;
use crate::tree::{Growing, Tree};
use std::path::Path;
use tidegate_kernel_journal::{Journal, ReadLimit, Record};

const READ: ReadLimit = ReadLimit { records: 1024, bytes: 4 << 20 };

/// The trees of one folder, over some streams of one journal.
#[derive(Debug)]
pub struct Builder {
    journal: Journal,
    streams: Vec<u16>,
    trees: Vec<Growing>,
    /// The journal's number up to which every tree has all there is.
    through: u64,
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
    /// Records of the journal, of whatever stream, that were not looked at yet.
    pub records: u64,
}

impl Builder {
    /// Opens a tree for each signer below `path`, or begins it. Reads the whole journal where one has to be made again. The streams are
    /// those of the folder for good: what is over other ones is other trees, in another folder.
    pub fn open(
        path: &Path,
        journal: &Journal,
        streams: &[u16],
        signers: Vec<Signer>,
    ) -> Result<(Builder, Vec<Opened>), AuditError> {
        let mut builder =
            Builder { journal: journal.clone(), streams: streams.to_vec(), trees: Vec::new(), through: 0 };
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

    /// Whether the last entry is what the journal has under its number.
    fn has_last_of(&self, tree: &Growing) -> Result<bool, AuditError> {
        let Some(last) = tree.size().checked_sub(1) else { return Ok(true) };
        let (entry, before) = (tree.tree.entry(last, tree.size())?, tree.last_seq - 1);
        let (records, _) = self.journal.read(entry.stream, before, ReadLimit { records: 1, ..READ })?;
        Ok(records.first().is_some_and(|record| Entry::of(tree.tree.profile(), record) == entry))
    }

    fn rebuild(&self, tree: &mut Growing, signed: Checkpoint) -> Result<(), AuditError> {
        let (profile, mut through) = (tree.tree.profile(), 0);
        while tree.size() < signed.size {
            let (records, looked_at) = self.read(through)?;
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

    /// Adds the next synced records. After an error the files may be behind what this value believes: open another one.
    pub fn step(&mut self) -> Result<Lag, AuditError> {
        let (records, through) = self.read(self.through)?;
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

    pub fn lag(&self) -> Lag {
        let size = self.trees.iter().map(Growing::size).min().unwrap_or(0);
        Lag { size, records: self.journal.synced().value().saturating_sub(self.through) }
    }

    /// The trees for those who read.
    pub fn trees(&self) -> Vec<Tree> {
        self.trees.iter().map(|tree| tree.tree.clone()).collect()
    }

    /// Records of all streams above `after` in the journal's order, and the number up to which all were looked at.
    fn read(&self, after: u64) -> Result<(Vec<Record>, u64), AuditError> {
        let (mut records, mut through) = (Vec::new(), u64::MAX);
        for stream in &self.streams {
            let (found, looked_at) = self.journal.read(*stream, after, READ)?;
            records.extend(found);
            through = through.min(looked_at);
        }
        records.retain(|record| record.head.seq <= through);
        records.sort_by_key(|record| record.head.seq);
        Ok((records, through))
    }
}
