//! The right edge of a growing tree: at each level of tiles, the hashes of the tile that is being filled. All that is needed to add a leaf and
//! to know the root, whatever the size. Pure.

use crate::profile::{Hash, Profile};
use crate::tile::{TILE_BITS, TILE_WIDTH, Tile};

#[derive(Debug, Clone)]
pub(crate) struct Edge {
    profile: Profile,
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    pub(crate) fn new(profile: Profile) -> Edge {
        Edge { profile, size: 0, levels: Vec::new() }
    }

    /// The edge of a tree of `size` leaves, with the hashes of [`Tile::edge_of`] in the same order.
    pub(crate) fn restored(profile: Profile, size: u64, levels: Vec<Vec<Hash>>) -> Edge {
        Edge { profile, size, levels }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf and gives the tiles that are full by it.
    pub(crate) fn push(&mut self, leaf: Hash) -> Vec<(Tile, Vec<Hash>)> {
        self.size += 1;
        let (mut hash, mut filled) = (leaf, Vec::new());
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
            if self.levels[level].len() < TILE_WIDTH {
                break;
            }
            let hashes = std::mem::take(&mut self.levels[level]);
            hash = self.profile.perfect(&hashes);
            let index = (self.size - 1) >> (TILE_BITS * (level as u32 + 1));
            filled.push((Tile { level: level as u8, index, width: TILE_WIDTH }, hashes));
        }
        filled
    }

    pub(crate) fn root(&self) -> Hash {
        let peaks: Vec<_> = self.levels.iter().rev().flat_map(|hashes| self.peaks(hashes)).collect();
        self.profile.fold(&peaks).unwrap_or_else(|| self.profile.empty())
    }

    fn peaks(&self, hashes: &[Hash]) -> Vec<Hash> {
        let (mut rest, mut peaks) = (hashes, Vec::new());
        while !rest.is_empty() {
            let (perfect, after) = rest.split_at(1 << rest.len().ilog2());
            peaks.push(self.profile.perfect(perfect));
            rest = after;
        }
        peaks
    }

    /// The tiles that are not full, lowest first.
    pub(crate) fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let tiles = Tile::edge_of(self.size);
        tiles
            .into_iter()
            .map(|tile| (tile, &self.levels[usize::from(tile.level)][..]))
            .filter(|(tile, _)| tile.width > 0)
    }
}
