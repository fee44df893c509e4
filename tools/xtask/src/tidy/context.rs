//! What the rules look at, read once: the files, the crates, and every Rust source taken apart.

use std::path::Path;

use anyhow::Result;

use super::source::Source;
use crate::workspace::{Crates, Tree};

#[derive(Debug)]
pub struct Context {
    pub tree: Tree,
    pub crates: Crates,
    pub sources: Vec<Source>,
}

impl Context {
    pub fn open(root: &Path) -> Result<Self> {
        let tree = Tree::open(root)?;
        let rust = tree.files.iter().filter(|path| path.ends_with(".rs"));
        let sources = rust.filter_map(|path| Some(Source::parse(path.clone(), tree.read(path)?))).collect();
        Ok(Self { crates: Crates::open(root)?, sources, tree })
    }
}
