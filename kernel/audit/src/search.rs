//! Finding an entry of a tree by its number or by its id. Entries are in the order of the journal, so numbers and stamps rise.

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::error::AuditError;
use crate::tile::TILE_WIDTH;
use crate::tree::{BUNDLED_BYTES, Tree};
use tidegate_kernel_id::Id;
use tidegate_kernel_journal::AHEAD_MS_MAX;

impl Tree {
    pub(crate) fn find(&self, seq: u64, size: u64) -> Result<Option<(u64, Entry)>, AuditError> {
        let index = self.before(size, |entry| entry.seq < seq)?;
        let entry = if index < size { Some(self.entry(index, size)?) } else { None };
        Ok(entry.filter(|entry| entry.seq == seq).map(|entry| (index, entry)))
    }

    /// The first entry with this id, behind the moment the id says it was made; or else, where a clock was ahead, shortly before it.
    pub fn find_id(&self, id: Id) -> Result<Option<Entry>, AuditError> {
        let Some(Checkpoint { size, .. }) = self.signed()? else { return Ok(None) };
        let made = self.before(size, |entry| entry.stamp_ms < id.unix_ms())?;
        if let Some(found) = self.scan(id, made, size, size)? {
            return Ok(Some(found));
        }
        let earliest_ms = id.unix_ms().saturating_sub(AHEAD_MS_MAX);
        self.scan(id, self.before(size, |entry| entry.stamp_ms < earliest_ms)?, made, size)
    }

    /// Looks at entries one after the other.
    fn scan(&self, id: Id, from: u64, until: u64, size: u64) -> Result<Option<Entry>, AuditError> {
        let width = TILE_WIDTH as u64;
        for bundle in from / width..until.div_ceil(width) {
            let entries = (bundle * width..).zip(self.entries(bundle, size)?);
            let mut within = entries.filter(|(index, _)| (from..until).contains(index));
            if let Some((_, found)) = within.find(|(_, entry)| entry.id == id) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// How many entries come before what is looked for, which are the first ones: by the first entry of bundles, and then in one.
    fn before(&self, size: u64, is_before: impl Fn(&Entry) -> bool) -> Result<u64, AuditError> {
        let (mut low, mut high) = (0, size.div_ceil(TILE_WIDTH as u64));
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(&self.first_of(middle, size)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(bundle) = low.checked_sub(1) else { return Ok(0) };
        let within = self.entries(bundle, size)?.partition_point(is_before);
        Ok(bundle * TILE_WIDTH as u64 + within as u64)
    }

    /// The first entry of a bundle, without reading the others.
    fn first_of(&self, bundle: u64, size: u64) -> Result<Entry, AuditError> {
        let read = self.folder.bundle(bundle, self.width_of(bundle, size), BUNDLED_BYTES)?;
        let entry = read.as_deref().and_then(|bytes| bytes.get(2..BUNDLED_BYTES));
        self.parsed(entry, size)
    }

    pub(crate) fn entries(&self, bundle: u64, size: u64) -> Result<Vec<Entry>, AuditError> {
        let bytes = self.bundle(bundle, size)?.ok_or_else(|| self.damaged(size))?;
        bytes.chunks_exact(BUNDLED_BYTES).map(|entry| self.parsed(Some(&entry[2..]), size)).collect()
    }
}
