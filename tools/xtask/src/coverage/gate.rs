//! What counts as product code, and whether enough of its lines ran.
//!
//! Pure. Tests are no product code: neither files in folders of tests nor what `#[cfg(test)]` marks, which always runs
//! and would flatter the figure. The comparison is in whole numbers, so that 84.999 is not rounded up to 85.

use std::path::Path;

use super::lcov::Files;
use crate::tidy::source;
use crate::workspace;

/// Of a hundred lines of product code, how many must have run.
pub const PERCENT_MIN: u64 = 85;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measure {
    pub covered: u64,
    pub lines: u64,
}

impl Measure {
    pub fn of(files: &Files) -> Self {
        let mut measure = Self::default();
        for count in files.values().flat_map(|lines| lines.values()) {
            measure.lines += 1;
            measure.covered += u64::from(*count > 0);
        }
        measure
    }

    /// Nothing measured is not enough.
    pub fn is_enough(self) -> bool {
        self.lines > 0 && self.covered * 100 >= self.lines * PERCENT_MIN
    }

    /// Rounded down to two digits: what is shown never looks better than what the gate sees.
    pub fn percent(self) -> String {
        let hundredths = (self.covered * 10_000).checked_div(self.lines).unwrap_or_default();
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

/// The product's files below `root` by relative path, without the lines of tests. `text` reads a file by that path.
pub fn product(files: Files, root: &Path, text: impl Fn(&str) -> String) -> Files {
    let mut kept = Files::new();
    for (path, mut lines) in files {
        let Some(path) = workspace::relative(root, Path::new(&path)) else { continue };
        if source::is_test_path(&path) || path.starts_with("tools/") || path.starts_with("target/") {
            continue;
        }
        for tests in source::test_lines(&text(&path)) {
            lines.retain(|number, _| !tests.contains(number));
        }
        kept.insert(path, lines);
    }
    kept
}
