//! Puts texts into the binary: every page below `docs/` as a sorted table of name and text, for `tidegate explain` and for `/docs`,
//! and the console's files from `console/` as one of path, kind, tag and bytes.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: a script that was built in another folder is used again where folders share their artefacts.
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let (here, out) = (Path::new(&here), Path::new(&out));
    let docs = here.join("../docs").canonicalize()?;
    let mut pages: Vec<_> = files_below(&docs)?.iter().filter_map(|page| line(&docs, page)).collect();
    pages.sort();
    fs::write(out.join("pages.rs"), table(pages))?;
    let console = here.join("../console").canonicalize()?;
    let assets = files_below(&console)?;
    let lines =
        assets.iter().filter_map(|file| asset(&console, file).transpose()).collect::<io::Result<Vec<_>>>()?;
    fs::write(out.join("console.rs"), table(lines))
}

fn table(lines: impl IntoIterator<Item = String>) -> String {
    format!("&[\n{}]\n", lines.into_iter().collect::<String>())
}

/// Every file in the folder and those below it, sorted by path.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(files_below(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    Ok(files)
}

/// The path below `docs/` without its ending is the page's name.
fn line(folder: &Path, page: &Path) -> Option<String> {
    let name = page.strip_prefix(folder).ok()?.to_str()?.strip_suffix(".md")?;
    Some(format!("    ({name:?}, include_str!({page:?})),\n"))
}

/// Nothing for what is for developers.
fn asset(console: &Path, file: &Path) -> io::Result<Option<String>> {
    let path =
        file.strip_prefix(console).map_err(io::Error::other)?.to_str().ok_or(io::ErrorKind::InvalidData)?;
    let kind = match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return Ok(None),
    };
    let tag = format!("\"{:016x}\"", print(&fs::read(file)?));
    Ok(Some(format!("    ({path:?}, {kind:?}, {tag:?}, include_bytes!({file:?})),\n")))
}

/// FNV-1a, 64 bit: tells versions of a file apart, and is the same wherever it is built.
fn print(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |print, byte| (print ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
