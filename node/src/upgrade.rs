//! `tidegate upgrade`: brings a data folder to this version's format and says where the old files are.

use crate::banner::say;
use crate::failure::Failure;
use crate::inspection::refusal;
use crate::progress;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_journal::{OpenError, Upgraded, upgrade};

pub(crate) fn run(data: &Path) -> Result<ExitCode, Failure> {
    require_format(data).map_err(|error| refusal(data, &error))?;
    let upgraded =
        progress::during("upgrade", false, || upgrade(data)).map_err(|error| refusal(data, &error))?;
    say(&words(data, &upgraded));
    Ok(ExitCode::SUCCESS)
}

/// An upgrade begins with the lock, whose file has no business in a folder that is none of ours.
fn require_format(data: &Path) -> Result<(), OpenError> {
    let read = fs::metadata(data).map_err(|source| OpenError::Io { path: data.to_owned(), source })?;
    match read.is_dir() && data.join("FORMAT").is_file() {
        true => Ok(()),
        false => Err(OpenError::NotAFolder { path: data.to_owned() }),
    }
}

fn words(data: &Path, upgraded: &Upgraded) -> String {
    let Upgraded { from, to, records, kept } = upgraded;
    let shown = data.display();
    match kept {
        None => format!("{shown} is of format {to} already; there was nothing to do\n"),
        Some(kept) => format!(
            "{shown} was of format {from} and is of format {to} now; all {records} records are in the new journal, under \
             their old numbers\nthe old files are kept in {}; remove them once you are content\n",
            data.join(kept).display()
        ),
    }
}
