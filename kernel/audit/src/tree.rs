//! One tree in a folder: grows by entries, is signed now and then, and answers with proofs.
//!
//! What is signed is kept: from then on the tree may only grow out of it. Everything else in the folder is made of the journal.

use crate::checkpoint::Checkpoint;
use crate::document::Document;
use crate::edge::Edge;
use crate::entry::{ENTRY_BYTES, Entry};
use crate::error::AuditError;
use crate::folder::Folder;
use crate::key::{Signer, Verifier};
use crate::note::Note;
use crate::profile::{Hash, Profile};
use crate::proof::{consistency, inclusion, inclusion_holds};
use crate::tile::{Resource, TILE_WIDTH, Tile, TileNodes};
use std::path::Path;

/// An entry in a bundle: its length, big-endian, and itself.
pub(crate) const BUNDLED_BYTES: usize = 2 + ENTRY_BYTES;

/// A tree that is written; the one who writes is alone.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(crate) tree: Tree,
    signer: Signer,
    edge: Edge,
    /// The bundle that is being filled.
    bundle: Vec<u8>,
    pub(crate) signed: Option<Checkpoint>,
    /// The journal's number of the last entry.
    pub(crate) last_seq: u64,
}

/// A tree that is read, as its last checkpoint has it.
#[derive(Debug, Clone)]
pub struct Tree {
    key: Verifier,
    pub(crate) folder: Folder,
}

impl Growing {
    /// An empty tree, whatever lies in the folder.
    pub(crate) fn empty(path: &Path, signer: Signer) -> Growing {
        let tree = Tree::new(path, signer.verifier());
        let edge = Edge::new(tree.profile());
        Growing { tree, signer, edge, bundle: Vec::new(), signed: None, last_seq: 0 }
    }

    /// Goes on where it was signed last; `false`, and still empty, if the files do not have that root any more.
    pub(crate) fn resume(&mut self, signed: &Checkpoint) -> Result<bool, AuditError> {
        let Some(edge) = self.tree.edge(signed.size)? else { return Ok(false) };
        let Some((bundle, last_seq)) = self.tree.last_bundle(signed.size)? else { return Ok(false) };
        if edge.root() != signed.root || !self.tree.entries_fit(&bundle, signed.size)? {
            return Ok(false);
        }
        let is_whole = bundle.len() == BUNDLED_BYTES * TILE_WIDTH;
        self.bundle = if is_whole { Vec::new() } else { bundle };
        (self.edge, self.signed, self.last_seq) = (edge, Some(signed.clone()), last_seq);
        Ok(true)
    }

    /// Forgets all entries; the files are written over as they come again.
    pub(crate) fn clear(&mut self) {
        self.edge = Edge::new(self.tree.profile());
        (self.signed, self.last_seq) = (None, 0);
        self.bundle.clear();
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.edge.root()
    }

    pub(crate) fn push(&mut self, entry: &Entry) -> Result<(), AuditError> {
        let bytes = entry.to_bytes();
        self.bundle.extend_from_slice(&(ENTRY_BYTES as u16).to_be_bytes());
        self.bundle.extend_from_slice(&bytes);
        let index = self.size() / TILE_WIDTH as u64;
        for (tile, hashes) in self.edge.push(self.tree.profile().leaf(&bytes)) {
            self.tree.folder.put_tile(tile, &hashes)?;
        }
        if self.bundle.len() == BUNDLED_BYTES * TILE_WIDTH {
            self.tree.folder.put_bundle(index, TILE_WIDTH, &self.bundle)?;
            self.bundle.clear();
        }
        self.last_seq = entry.seq;
        Ok(())
    }

    /// Writes what is not full, and then says that it is what was signed.
    pub(crate) fn settle(&mut self, signed: Checkpoint) -> Result<(), AuditError> {
        for (tile, hashes) in self.edge.partial() {
            self.tree.folder.put_tile(tile, hashes)?;
        }
        if !self.bundle.is_empty() {
            let (index, width) = (self.size() / TILE_WIDTH as u64, self.bundle.len() / BUNDLED_BYTES);
            self.tree.folder.put_bundle(index, width, &self.bundle)?;
        }
        self.signed = Some(signed);
        Ok(())
    }

    /// Signs what there is: whatever a checkpoint speaks of lies there before it.
    pub(crate) fn sign(&mut self) -> Result<(), AuditError> {
        let (origin, size, root) = (self.signer.name().to_owned(), self.size(), self.root());
        let checkpoint = Checkpoint { origin, size, root };
        self.settle(checkpoint.clone())?;
        let note = Note::sign(&checkpoint.to_string(), &self.signer)?;
        self.tree.folder.put_checkpoint(&note.to_string())
    }
}

impl Tree {
    pub fn new(path: &Path, key: Verifier) -> Tree {
        Tree { key, folder: Folder::new(path) }
    }

    pub fn key(&self) -> &Verifier {
        &self.key
    }

    pub fn profile(&self) -> Profile {
        self.key.profile()
    }

    /// The last signed note, as it lies there.
    pub fn checkpoint(&self) -> Result<Option<String>, AuditError> {
        self.folder.checkpoint()
    }

    /// A tile or a bundle, as it lies there.
    pub fn resource(&self, resource: Resource) -> Result<Option<Vec<u8>>, AuditError> {
        self.folder.resource(resource)
    }

    /// The last checkpoint, if it is this log's.
    pub fn signed(&self) -> Result<Option<Checkpoint>, AuditError> {
        Ok(self.signed_note()?.map(|(checkpoint, _)| checkpoint))
    }

    fn signed_note(&self) -> Result<Option<(Checkpoint, String)>, AuditError> {
        let Some(note) = self.folder.checkpoint()? else { return Ok(None) };
        let path = self.folder.checkpoint_path();
        let opened = Checkpoint::open(&note, &self.key);
        let checkpoint = opened.map_err(|why| AuditError::OwnCheckpoint { path, why: Box::new(why) })?;
        Ok(Some((checkpoint, note)))
    }

    /// The proof of the entry with this number in the journal, without what it speaks of; nothing if it is no entry.
    pub fn prove(&self, seq: u64) -> Result<Option<Document>, AuditError> {
        let (signed, checkpoint) = self.signed_note()?.ok_or(AuditError::NoCheckpoint)?;
        let Some((index, entry)) = self.find(seq, signed.size)? else { return Ok(None) };
        let path = inclusion(self.profile(), &mut self.nodes(signed.size), index, signed.size)?;
        let leaf = (index, self.profile().leaf(&entry.to_bytes()));
        // Tiles that are not at the edge were not looked at when the tree was opened.
        if !inclusion_holds(self.profile(), leaf, (signed.size, signed.root), &path) {
            return Err(self.damaged(signed.size));
        }
        Ok(Some(Document { entry: entry.to_bytes().to_vec(), payload: None, index, path, checkpoint }))
    }

    /// What shows that the tree of `new` leaves grew out of that of `old`, which is not above it.
    pub fn prove_growth(&self, old: u64, new: u64) -> Result<Vec<Hash>, AuditError> {
        consistency(self.profile(), &mut self.nodes(new), old, new)
    }

    pub(crate) fn parsed(&self, entry: Option<&[u8]>, size: u64) -> Result<Entry, AuditError> {
        let parsed = entry.and_then(|entry| Entry::parse(entry).ok());
        parsed.ok_or_else(|| self.damaged(size))
    }

    /// The entry with this index.
    pub fn entry(&self, index: u64, size: u64) -> Result<Entry, AuditError> {
        let bundle = self.bundle(index / TILE_WIDTH as u64, size)?;
        let at = index as usize % TILE_WIDTH;
        let entry = bundle.as_deref().and_then(|bundle| bundle.chunks_exact(BUNDLED_BYTES).nth(at));
        self.parsed(entry.map(|entry| &entry[2..]), size)
    }

    /// Entries in a bundle of a tree of `size` leaves.
    pub(crate) fn width_of(&self, bundle: u64, size: u64) -> usize {
        (size - bundle * TILE_WIDTH as u64).min(TILE_WIDTH as u64) as usize
    }

    /// A bundle as a tree of `size` leaves has it.
    pub(crate) fn bundle(&self, index: u64, size: u64) -> Result<Option<Vec<u8>>, AuditError> {
        let width = self.width_of(index, size);
        let bundle = self.folder.bundle(index, width, width * BUNDLED_BYTES)?;
        Ok(bundle.filter(|bundle| bundle.len() == width * BUNDLED_BYTES))
    }

    /// The right edge out of the tiles; nothing where one is not there.
    fn edge(&self, size: u64) -> Result<Option<Edge>, AuditError> {
        let mut levels = Vec::new();
        for tile in Tile::edge_of(size) {
            let hashes = if tile.width == 0 { Some(Vec::new()) } else { self.folder.tile(tile)? };
            let Some(hashes) = hashes else { return Ok(None) };
            levels.push(hashes);
        }
        Ok(Some(Edge::restored(self.profile(), size, levels)))
    }

    /// The last bundle, and the journal's number of the last entry in it.
    fn last_bundle(&self, size: u64) -> Result<Option<(Vec<u8>, u64)>, AuditError> {
        let Some(last) = size.checked_sub(1) else { return Ok(Some((Vec::new(), 0))) };
        let bundle = self.bundle(last / TILE_WIDTH as u64, size)?;
        Ok(bundle.and_then(|bundle| {
            let entry = Entry::parse(bundle.last_chunk::<ENTRY_BYTES>()?).ok()?;
            Some((bundle, entry.seq))
        }))
    }

    /// Whether the entries of the last bundle are what the last leaves were made of.
    fn entries_fit(&self, bundle: &[u8], size: u64) -> Result<bool, AuditError> {
        let Some(last) = size.checked_sub(1) else { return Ok(true) };
        let width = bundle.len() / BUNDLED_BYTES;
        let leaves = self.folder.tile(Tile { level: 0, index: last / TILE_WIDTH as u64, width })?;
        let hashed = bundle.chunks_exact(BUNDLED_BYTES).map(|entry| self.profile().leaf(&entry[2..]));
        Ok(leaves.is_some_and(|leaves| leaves.iter().copied().eq(hashed)))
    }

    fn nodes(&self, size: u64) -> TileNodes<impl FnMut(Tile) -> Result<Vec<Hash>, AuditError>> {
        let read = move |tile| self.folder.tile(tile)?.ok_or_else(|| self.damaged(size));
        TileNodes::new(self.profile(), size, read)
    }

    pub(crate) fn damaged(&self, size: u64) -> AuditError {
        AuditError::Damaged { profile: self.profile(), path: self.folder.path().to_owned(), size }
    }
}
