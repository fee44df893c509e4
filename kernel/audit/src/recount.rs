//! A tree counted again from its records, compared with what was signed of it and with the files in a folder. Reads the folder, writes
//! nothing, and needs no key.

use crate::checkpoint::Checkpoint;
use crate::edge::Edge;
use crate::entry::{ENTRY_BYTES, Entry};
use crate::error::AuditError;
use crate::folder::Folder;
use crate::profile::{Hash, Profile};
use crate::tile::{Resource, TILE_WIDTH, Tile};
use crate::tree::BUNDLED_BYTES;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::path::Path;
use tidegate_kernel_journal::Record;

/// The last signed note of the tree in a folder, as it lies there; believed by nobody yet.
pub fn note_in(folder: &Path) -> Result<Option<String>, AuditError> {
    Folder::new(folder).checkpoint()
}

/// A tree while it is counted again.
#[derive(Debug)]
pub struct Recount {
    folder: Folder,
    edge: Edge,
    /// Leaves that the files were signed for; what lies beyond may be half written.
    published: u64,
    /// The largest first.
    claims: Vec<Checkpoint>,
    /// Of the bundle that is being filled, with the numbers of its records. Behind the edge are those whose leaves wait to be hashed
    /// together.
    bundle: Vec<u8>,
    seqs: Vec<u64>,
    /// The bundle of the files that was read last.
    lying: (Option<u64>, Vec<u8>),
    found: Recounted,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recounted {
    pub profile: Profile,
    pub size: u64,
    pub root: Hash,
    /// Leaves of the largest checkpoint that holds.
    pub held: Option<u64>,
    /// The first checkpoint whose root is another one.
    pub broken: Option<Checkpoint>,
    /// The largest checkpoint over more leaves than there are.
    pub beyond: Option<Checkpoint>,
    /// The number of the first record whose leaf is another one in the files.
    pub first_other: Option<u64>,
    /// The first file that is not what the records come to.
    pub damaged: Option<String>,
}

impl Recounted {
    /// As checkpoints have it.
    pub fn root_text(&self) -> String {
        BASE64.encode(self.root)
    }
}

impl Recount {
    /// Beside the files in a folder, which were signed over `published` leaves, and all that is known to be signed.
    pub fn beside(path: &Path, profile: Profile, published: u64, mut claims: Vec<Checkpoint>) -> Recount {
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.size));
        let found = Recounted {
            profile,
            size: 0,
            root: profile.empty(),
            held: None,
            broken: None,
            beyond: None,
            first_other: None,
            damaged: None,
        };
        let (folder, edge) = (Folder::new(path), Edge::new(profile));
        let (bundle, seqs, lying) = (Vec::new(), Vec::new(), (None, Vec::new()));
        let mut recount = Recount { folder, edge, published, claims, bundle, seqs, lying, found };
        recount.judge();
        recount
    }

    /// Takes in the next record of the log.
    pub fn push(&mut self, record: &Record) -> Result<(), AuditError> {
        self.push_entry(&Entry::of(self.found.profile, record))
    }

    /// The same of a fact that was moved since: when and where it was written down first, the entry in the files says.
    pub fn push_moved(&mut self, record: &Record) -> Result<(), AuditError> {
        let entry = Entry::of(self.found.profile, record);
        let lying = self.lying()?.filter(|lying| lying.is_of(&entry));
        self.push_entry(&lying.unwrap_or(entry))
    }

    /// The next entry as it lies in the files; nothing behind what they were signed for, or where it is none.
    pub fn lying(&mut self) -> Result<Option<Entry>, AuditError> {
        let (size, width) = (self.size(), TILE_WIDTH as u64);
        if size >= self.published {
            return Ok(None);
        }
        let (bundle, nth) = (size / width, (size % width) as usize);
        if self.lying.0 != Some(bundle) {
            let entries = (self.published - bundle * width).min(width) as usize;
            let bytes = self.folder.bundle(bundle, entries, entries * BUNDLED_BYTES)?;
            self.lying = (Some(bundle), bytes.unwrap_or_default());
        }
        let entry = self.lying.1.chunks_exact(BUNDLED_BYTES).nth(nth);
        Ok(entry.and_then(|entry| Entry::parse(&entry[2..]).ok()))
    }

    pub fn push_entry(&mut self, entry: &Entry) -> Result<(), AuditError> {
        self.bundle.extend_from_slice(&(ENTRY_BYTES as u16).to_be_bytes());
        self.bundle.extend_from_slice(&entry.to_bytes());
        self.seqs.push(entry.seq);
        let size = self.size();
        let is_claimed = self.claims.last().is_some_and(|claim| claim.size <= size);
        let is_whole = self.seqs.len() == TILE_WIDTH;
        if is_whole || is_claimed || size == self.published {
            let filled = self.grow();
            self.compare_with_files(&filled)?;
            self.judge();
        }
        if is_whole {
            self.bundle.clear();
            self.seqs.clear();
        }
        Ok(())
    }

    /// Leaves, those of the edge and those that wait to be hashed with others.
    fn size(&self) -> u64 {
        let width = TILE_WIDTH as u64;
        self.edge.size() / width * width + self.seqs.len() as u64
    }

    /// Makes leaves of the entries that wait, and gives the tiles that are full by the last of a bundle.
    fn grow(&mut self) -> Vec<(Tile, Vec<Hash>)> {
        let grown = (self.edge.size() % TILE_WIDTH as u64) as usize;
        let (entries, _) = self.bundle.as_chunks::<BUNDLED_BYTES>();
        let entries = entries[grown..].iter().map(|entry| entry.last_chunk().expect("it is an entry"));
        let leaves = self.found.profile.leaves(entries);
        leaves.into_iter().flat_map(|leaf| self.edge.push(leaf)).collect()
    }

    fn compare_with_files(&mut self, filled: &[(Tile, Vec<Hash>)]) -> Result<(), AuditError> {
        if !filled.is_empty() && self.edge.size() <= self.published {
            self.compare_bundle()?;
            filled.iter().try_for_each(|(tile, hashes)| self.compare(*tile, hashes))?;
        }
        if self.edge.size() == self.published {
            self.compare_bundle()?;
            let partial: Vec<_> = self.edge.partial().map(|(tile, hashes)| (tile, hashes.to_vec())).collect();
            partial.iter().try_for_each(|(tile, hashes)| self.compare(*tile, hashes))?;
        }
        Ok(())
    }

    /// Compares the root with what was signed for so many leaves.
    fn judge(&mut self) {
        let size = self.edge.size();
        while let Some(claim) = self.claims.pop_if(|claim| claim.size <= size) {
            if self.edge.root() == claim.root {
                self.found.held = Some(size);
            } else if self.found.broken.is_none() {
                self.found.broken = Some(claim);
            }
        }
    }

    fn compare(&mut self, tile: Tile, hashes: &[Hash]) -> Result<(), AuditError> {
        let there = self.folder.tile(tile)?;
        if there.as_deref() == Some(hashes) {
            return Ok(());
        }
        let there = there.unwrap_or_default();
        let differs = hashes.iter().zip(&there).position(|(counted, there)| counted != there);
        if let Some(at) = differs.filter(|_| tile.level == 0) {
            self.found.first_other = self.found.first_other.or(self.seqs.get(at).copied());
        }
        self.found.damaged.get_or_insert_with(|| tile.path());
        Ok(())
    }

    fn compare_bundle(&mut self) -> Result<(), AuditError> {
        let (index, width) = ((self.edge.size() - 1) / TILE_WIDTH as u64, self.bundle.len() / BUNDLED_BYTES);
        let there = self.folder.bundle(index, width, self.bundle.len())?;
        if there.as_deref() != Some(&self.bundle[..]) {
            self.found.damaged.get_or_insert_with(|| Resource::bundle(index, width).path());
        }
        Ok(())
    }

    pub fn finish(mut self) -> Recounted {
        self.grow();
        // The largest one comes first.
        self.found.beyond = self.claims.drain(..).next();
        Recounted { size: self.edge.size(), root: self.edge.root(), ..self.found }
    }
}
