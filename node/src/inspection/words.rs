//! An inspection as a person reads it. Pure.

use super::{Found, Inspection, Verdict};
use std::fmt::Write;
use tidegate_kernel_journal::{Account, Counts, Finding, JournalReport, SegmentReport};

impl Inspection<'_> {
    /// Everything that was found, for `inspect`.
    pub(super) fn in_full(&self) -> String {
        let journals: String = self.journals().iter().map(whole_journal).collect();
        format!("{}{journals}\n{}", self.title(), self.verdict_in_words())
    }

    /// What matters for the verdict, for `verify`.
    pub(super) fn in_short(&self) -> String {
        let journals: String = self.journals().iter().map(short_journal).collect();
        format!("{}{journals}{}", self.title(), self.verdict_in_words())
    }

    fn title(&self) -> String {
        let data = self.data.display();
        match &self.found {
            Found::Folder(examination) => format!("{data}: a data folder of format {}\n", examination.format),
            Found::Unmade => format!("{data}: a data folder that was not made to the end\n"),
        }
    }

    fn verdict_in_words(&self) -> String {
        let words = match self.verdict() {
            Verdict::Sound => "sound: every record is as it was written",
            Verdict::Unfinished => {
                "sound, with an unfinished end: every record that was acknowledged at level disk is as it was written"
            }
            Verdict::Damaged => "damaged: the node will not start on it; nothing in it was changed",
            Verdict::Unmade => {
                "sound: the process was stopped while it made the folder, before it took in anything; the next start \
                 makes it anew"
            }
        };
        format!("{words}\n")
    }
}

fn whole_journal(journal: &JournalReport) -> String {
    let mut text = format!("\n{}", headline(journal));
    let streams = journal.counts.iter().map(|(stream, counts)| stream_line(*stream, *counts));
    section(&mut text, "streams", streams);
    section(&mut text, "cursors", journal.accounts.iter().map(cursor_line));
    section(&mut text, "registers", journal.registers.keys().cloned());
    section(&mut text, "snapshots", journal.snapshots.iter().map(|file| place(journal, file)));
    section(&mut text, "segments", journal.segments.iter().map(|segment| segment_line(journal, segment)));
    section(&mut text, "unfinished end", unfinished(journal).into_iter());
    section(&mut text, "wrong", journal.findings.iter().map(|finding| finding_line(journal, finding)));
    text
}

fn short_journal(journal: &JournalReport) -> String {
    let mut text = headline(journal);
    let findings = journal.findings.iter().map(|finding| finding_line(journal, finding));
    for line in findings.chain(unfinished(journal).map(|line| format!("unfinished end: {line}"))) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn headline(journal: &JournalReport) -> String {
    let JournalReport { name, records, pruned, head_seq, .. } = journal;
    let pruned = if *pruned == 0 { String::new() } else { format!(" ({pruned} of them pruned)") };
    let segments = many(journal.segments.len() as u64, "segment");
    let last = match head_seq {
        0 => String::new(),
        _ => format!("; the last is number {head_seq}, of {}", utc(journal.last_stamp_ms)),
    };
    format!("journal {name}: {}{pruned} in {segments}{last}\n", many(*records, "record"))
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<_> = lines.collect();
    // Writing to a string cannot fail.
    let _ = match lines.is_empty() {
        true => writeln!(text, "  {title}: none"),
        false => writeln!(text, "  {title}:\n    {}", lines.join("\n    ")),
    };
}

fn stream_line(stream: u16, counts: Counts) -> String {
    format!("{stream}: {} appended since it began{}", many(counts.total(), "record"), of_class(counts))
}

fn cursor_line(account: &Account) -> String {
    let Account { cursor, stream, position, routed, tally, lag, .. } = account;
    let mut line = format!("{cursor} on stream {stream}: position {position}, routed {}", routed.total());
    let ways = [
        ("delivered", tally.delivered),
        ("shed", tally.shed),
        ("absorbed", tally.absorbed),
        ("coalesced", tally.coalesced),
        ("dead-lettered", tally.dead_lettered),
    ];
    for (at, (name, counts)) in ways.into_iter().enumerate() {
        // The first two are always said, so that a loss is never a missing word.
        if at < 2 || counts.total() > 0 {
            let _ = write!(line, ", {name} {}", counts.total());
        }
    }
    let _ = write!(line, ", lag {}{}", lag.total(), of_class(*lag));
    line
}

fn of_class(counts: Counts) -> String {
    match counts.critical {
        0 => String::new(),
        critical => format!(" ({critical} of them critical)"),
    }
}

fn segment_line(journal: &JournalReport, segment: &SegmentReport) -> String {
    let SegmentReport { file, first_seq, last_seq, batches, file_bytes, used_bytes } = segment;
    let records = match last_seq < first_seq {
        true => "no record".to_owned(),
        false => format!("records {first_seq} to {last_seq}"),
    };
    let batches = match batches {
        // Format 0 has none.
        0 => String::new(),
        1 => " in 1 batch".to_owned(),
        batches => format!(" in {batches} batches"),
    };
    format!("{}: {records}{batches}, {used_bytes} of {file_bytes} bytes used", place(journal, file))
}

fn unfinished(journal: &JournalReport) -> Option<String> {
    let tail = journal.segments.last().filter(|_| journal.unfinished_bytes > 0)?;
    let bytes = many(journal.unfinished_bytes, "byte");
    let (file, offset) = (place(journal, &tail.file), tail.used_bytes);
    Some(format!(
        "{bytes} from byte {offset} of {file}. The process was stopped while it wrote (or is writing now); the records \
         there were never acknowledged at level disk, and the next start drops them"
    ))
}

fn finding_line(journal: &JournalReport, finding: &Finding) -> String {
    let Finding { file, offset, seq, what, fatal } = finding;
    let weight = if *fatal { "damage" } else { "note" };
    let record = seq.map(|seq| format!(", where record {seq} should be")).unwrap_or_default();
    format!("{weight}: {} at byte {offset}{record}: {what}", place(journal, file))
}

/// The file below the data folder.
pub(super) fn place(journal: &JournalReport, file: &str) -> String {
    match file.starts_with(journal.name) {
        true => file.to_owned(),
        false => format!("{}/{file}", journal.name),
    }
}

fn many(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Day and time; the days by the era of 400 years, each beginning in March, so that leap days are last.
pub(crate) fn utc(stamp_ms: u64) -> String {
    let (days, ms) = (stamp_ms / 86_400_000, stamp_ms % 86_400_000);
    let (era, day_of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03} UTC", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_a_day_and_a_time() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00.000 UTC");
        assert_eq!(utc(1_767_225_599_999), "2025-12-31 23:59:59.999 UTC");
    }

    #[test]
    fn an_unfinished_end_says_where_it_is_and_what_becomes_of_it() {
        let tail = SegmentReport {
            file: "0000000001.seg".to_owned(),
            first_seq: 1,
            last_seq: 0,
            batches: 1,
            file_bytes: 1 << 20,
            used_bytes: 8448,
        };
        let journal = JournalReport {
            name: "queues",
            unfinished_bytes: 120,
            segments: vec![tail],
            ..JournalReport::default()
        };
        let line = unfinished(&journal).expect("there is an unfinished end");
        assert!(line.starts_with("120 bytes from byte 8448 of queues/0000000001.seg. "), "{line}");
        assert!(line.contains("never acknowledged at level disk"), "{line}");
        assert_eq!(unfinished(&JournalReport { unfinished_bytes: 0, ..journal }), None);
    }
}
