//! Tiles: where they lie, and the nodes of a tree out of them (C2SP tlog-tiles).

use crate::profile::{HASH_BYTES, Hash, Profile};
use crate::proof::Nodes;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) const TILE_BITS: u32 = 8;
/// Hashes of a full tile.
pub const TILE_WIDTH: usize = 1 << TILE_BITS;
/// Levels of tiles that 2^64 leaves have.
const LEVELS_MAX: u8 = 8;

/// A tile of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    /// Hashes in it, up to [`TILE_WIDTH`].
    pub(crate) width: usize,
}

impl Tile {
    /// The last tiles of a tree of `size` leaves, lowest first, each with what it has beyond full ones: nothing where it would be empty.
    pub(crate) fn edge_of(size: u64) -> Vec<Tile> {
        let at = |level: u8| size.checked_shr(TILE_BITS * u32::from(level)).unwrap_or(0);
        let levels = (0..LEVELS_MAX).take_while(|level| at(*level) > 0);
        levels
            .map(|level| {
                let (index, width) = (at(level) >> TILE_BITS, at(level) as usize % TILE_WIDTH);
                Tile { level, index, width }
            })
            .collect()
    }

    /// The tile with that hash of that level, as a tree of `size` leaves has it.
    fn with(level: u8, hash: u64, size: u64) -> Tile {
        let index = hash >> TILE_BITS;
        let there = (size >> (TILE_BITS * u32::from(level))) - (index << TILE_BITS);
        Tile { level, index, width: there.min(TILE_WIDTH as u64) as usize }
    }

    pub(crate) fn full(self) -> Tile {
        Tile { width: TILE_WIDTH, ..self }
    }

    pub(crate) fn path(&self) -> String {
        format!("tile/{}/{}", self.level, numbered(self.index, self.width))
    }
}

/// What a tree serves beside its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Nothing for a bundle of entries.
    level: Option<u8>,
    index: u64,
    width: usize,
}

impl Resource {
    pub(crate) fn bundle(index: u64, width: usize) -> Resource {
        Resource { level: None, index, width }
    }

    /// `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, written the one way there is.
    pub fn parse(path: &str) -> Option<Resource> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = rest.split_once(".p/").map_or((rest, None), |(n, w)| (n, Some(w)));
        let digits = number.split('/').map(|part| part.strip_prefix('x').unwrap_or(part)).collect::<String>();
        let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
        let width = width.map_or(Some(TILE_WIDTH), |width| width.parse().ok())?;
        let resource = Resource { level, index: digits.parse().ok()?, width };
        let is_sound = (1..=TILE_WIDTH).contains(&width) && level.is_none_or(|level| level < LEVELS_MAX);
        (is_sound && resource.path() == path).then_some(resource)
    }

    pub fn path(&self) -> String {
        let Resource { level, index, width } = *self;
        match level {
            Some(level) => Tile { level, index, width }.path(),
            None => format!("tile/entries/{}", numbered(index, width)),
        }
    }
}

/// Three digits a folder, all but the last behind an `x`; a part of a tile in a folder beside it.
fn numbered(index: u64, width: usize) -> String {
    let (mut path, mut rest) = (format!("{:03}", index % 1000), index / 1000);
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        let _ = write!(path, ".p/{width}");
    }
    path
}

/// The hashes in the bytes of a tile; nothing if they are not that many.
pub(crate) fn hashes(bytes: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    (rest.is_empty() && hashes.len() == width).then(|| hashes.to_vec())
}

/// The nodes of a tree of `size` leaves out of its tiles, each read once.
pub(crate) struct TileNodes<Read> {
    profile: Profile,
    size: u64,
    read: Read,
    seen: BTreeMap<Tile, Vec<Hash>>,
}

impl<Error, Read: FnMut(Tile) -> Result<Vec<Hash>, Error>> TileNodes<Read> {
    pub(crate) fn new(profile: Profile, size: u64, read: Read) -> TileNodes<Read> {
        TileNodes { profile, size, read, seen: BTreeMap::new() }
    }
}

impl<Error, Read: FnMut(Tile) -> Result<Vec<Hash>, Error>> Nodes for TileNodes<Read> {
    type Error = Error;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Error> {
        let (above, count) = (level / TILE_BITS, 1 << (level % TILE_BITS));
        let first = index << (level % TILE_BITS);
        let tile = Tile::with(above as u8, first, self.size);
        if !self.seen.contains_key(&tile) {
            let hashes = (self.read)(tile)?;
            self.seen.insert(tile, hashes);
        }
        let at = first as usize % TILE_WIDTH;
        Ok(self.profile.perfect(&self.seen[&tile][at..at + count]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard_and_read_back() {
        let path = |level, index, width| Tile { level, index, width }.path();
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(2, 5, 17), "tile/2/005.p/17");
        for path in
            ["tile/0/x001/x234/067", "tile/2/005.p/17", "tile/entries/000.p/255", "tile/entries/x001/000"]
        {
            assert_eq!(Resource::parse(path).unwrap().path(), path);
        }
    }

    #[test]
    fn a_path_written_any_other_way_is_none() {
        let others = [
            "tile/0/1",
            "tile/0/0001",
            "tile/00/001",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/01",
            "tile/9/001",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/../001",
            "tile/entries/../../checkpoint",
            "checkpoint",
            "tile/0/",
            "tile/-1/001",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/0/٠٠١",
        ];
        for path in others {
            assert_eq!(Resource::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_edge_of_seventy_thousand_leaves_is_the_standards_example() {
        let edge: Vec<_> = Tile::edge_of(70_000).iter().map(|tile| (tile.index, tile.width)).collect();
        assert_eq!(edge, [(273, 112), (1, 17), (0, 1)]);
    }
}
