//! The end of a file that a kill or a power cut may have left unfinished: where to cut it.
//!
//! A delivery is synced before it is committed, and the next one is written after that. So damage lies in the last delivery
//! alone, all of it comes again, and cutting from the first damaged line on loses nothing. Reads the end of the file.

use crate::line::BEGINNING;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// More than the largest delivery: 256 KiB of records and one more of 512 KiB, each byte of which may become six.
const WINDOW_BYTES: u64 = 8 << 20;

/// What a file's end looks like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    Whole,
    /// Everything from this byte on belongs to an unfinished delivery.
    Torn {
        from: u64,
    },
    /// The file was not written by this sink.
    Foreign,
}

pub(crate) fn examine(file: &File, length: u64) -> io::Result<Tail> {
    if !begins_as_ours(&read(file, 0, BEGINNING.len().min(length as usize))?) {
        return Ok(Tail::Foreign);
    }
    let start = length.saturating_sub(WINDOW_BYTES);
    let window = read(file, start, (length - start) as usize)?;
    let skipped =
        if start == 0 { Some(0) } else { window.iter().position(|byte| *byte == b'\n').map(|at| at + 1) };
    let Some(skipped) = skipped else { return Ok(Tail::Foreign) };
    let damage = first_damage(&window[skipped..]);
    Ok(damage.map_or(Tail::Whole, |at| Tail::Torn { from: start + (skipped + at) as u64 }))
}

/// A first delivery that a power cut took may be all zeros, or cut short.
fn begins_as_ours(beginning: &[u8]) -> bool {
    BEGINNING.starts_with(beginning) || beginning.iter().all(|byte| *byte == 0)
}

/// Where the first line starts that is no row.
fn first_damage(lines: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let whole = line.starts_with(BEGINNING) && line.ends_with(b"}\n") && !line.contains(&0);
        if !whole {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn read(file: &File, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const ROW: &[u8] = b"{\"seq\":1,\"payload\":1}\n";

    fn tail(parts: &[&[u8]]) -> Tail {
        let mut file = tempfile::tempfile().unwrap();
        parts.iter().for_each(|part| file.write_all(part).unwrap());
        let length = file.metadata().unwrap().len();
        examine(&file, length).unwrap()
    }

    #[test]
    fn whole_rows_stay_and_any_torn_one_is_found() {
        assert_eq!((tail(&[]), tail(&[ROW, ROW])), (Tail::Whole, Tail::Whole));
        for end in 1..ROW.len() {
            assert_eq!(tail(&[ROW, &ROW[..end]]), Tail::Torn { from: ROW.len() as u64 });
            assert_eq!(tail(&[&ROW[..end]]), Tail::Torn { from: 0 });
        }
    }

    #[test]
    fn a_hole_of_zeros_is_found_although_a_whole_row_follows() {
        assert_eq!(tail(&[ROW, &[0; 100], b"\n", ROW]), Tail::Torn { from: ROW.len() as u64 });
        assert_eq!(tail(&[&[0; 4096]]), Tail::Torn { from: 0 });
    }

    #[test]
    fn a_file_of_something_else_is_not_touched() {
        assert_eq!(tail(&[b"dear diary"]), Tail::Foreign);
        assert_eq!(tail(&[b"{\"a\":1}\n"]), Tail::Foreign);
    }

    #[test]
    fn a_file_longer_than_the_window_is_examined_at_its_end() {
        let many = ROW.repeat(WINDOW_BYTES as usize / ROW.len() + 1000);
        assert_eq!(tail(&[&many]), Tail::Whole);
        assert_eq!(tail(&[&many, b"{\"se"]), Tail::Torn { from: many.len() as u64 });
    }
}
