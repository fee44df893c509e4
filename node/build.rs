//! Puts the error pages into the binary: a sorted table of code and text from `docs/errors/`, for `tidegate explain`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: a script that was built in another folder is used again where folders share their artefacts.
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&here).join("../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    pages.sort();
    let lines: String = pages.iter().filter_map(|page| line(page)).collect();
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("pages.rs"), format!("&[\n{lines}]\n"))
}

fn line(page: &Path) -> Option<String> {
    let code = page.file_name()?.to_str()?.strip_suffix(".md")?;
    code.starts_with("TG-").then(|| format!("    ({code:?}, include_str!({page:?})),\n"))
}
