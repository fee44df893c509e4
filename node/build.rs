//! Puts the documentation into the binary: a sorted table of path and text of every page below `docs/`, for `tidegate explain` and
//! for `/docs`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: a script that was built in another folder is used again where folders share their artefacts.
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&here).join("../docs").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    collect(&folder, &mut pages)?;
    let mut lines: Vec<_> = pages.iter().filter_map(|page| line(&folder, page)).collect();
    lines.sort();
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("pages.rs"), format!("&[\n{}]\n", lines.concat()))
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else {
            pages.push(path);
        }
    }
    Ok(())
}

/// The path below `docs/` without its ending is the page's name.
fn line(folder: &Path, page: &Path) -> Option<String> {
    let name = page.strip_prefix(folder).ok()?.to_str()?.strip_suffix(".md")?;
    Some(format!("    ({name:?}, include_str!({page:?})),\n"))
}
