//! Certificates that nobody accepted: the library writes each that a client shows into `rejected`, and would fill the disk for whoever shows
//! a new one each time. The oldest go, so that one that is shown now can be accepted now.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Fewer than the driver, which shares the folder, leaves there: certificates of servers find room as well.
const KEPT_MAX: usize = 80;

/// Reads and removes files. A file that went away meanwhile is one that somebody accepted.
pub(crate) fn trim(folder: &Path) -> io::Result<()> {
    let mut shown = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        shown.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
    }
    if shown.len() <= KEPT_MAX {
        return Ok(());
    }
    shown.sort_unstable_by(|one, other| other.cmp(one));
    for (_, path) in shown.drain(KEPT_MAX..) {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn of_more_certificates_than_are_kept_the_newest_stay() {
        let folder = tempfile::TempDir::new().unwrap();
        for number in 0..KEPT_MAX + 5 {
            let file = File::create(folder.path().join(format!("{number}.der"))).unwrap();
            let second = u64::try_from(number).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
        }
        trim(folder.path()).unwrap();
        let there = |number: usize| folder.path().join(format!("{number}.der")).exists();
        assert!((0..5).all(|number| !there(number)) && (5..KEPT_MAX + 5).all(there));
        trim(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT_MAX);
    }
}
