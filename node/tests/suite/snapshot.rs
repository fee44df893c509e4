//! Whole outputs, compared with files under `tests/snapshots`. With `TIDEGATE_TEST_UPDATE` set they are written instead, to be read in
//! the diff.

use std::fs;
use std::path::Path;

const UPDATE: &str = "TIDEGATE_TEST_UPDATE";

/// Panics at the first line that differs.
pub(crate) fn compare(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&file, found).unwrap();
        return;
    }
    let kept =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; {}", file.display(), how()));
    let lines = || kept.lines().map(Some).chain([None]).zip(found.lines().map(Some).chain([None])).zip(1..);
    if let Some(((kept, found), line)) = lines().find(|((kept, found), _)| kept != found) {
        panic!("{}:{line}: was {kept:?}, is {found:?}; {}", file.display(), how());
    }
}

fn how() -> String {
    format!("if that is meant, run the test with {UPDATE}=1 and read the diff")
}
