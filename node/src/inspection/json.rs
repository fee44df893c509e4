//! An inspection as one JSON object, whose shape node/README.md documents. Pure.

use super::words::place;
use super::{Found, Inspection, Verdict};
use serde::Serialize;
use serde_json::{Value, json};
use tidegate_kernel_journal::{Account, Counts, Finding, JournalReport, SegmentReport};

impl Inspection<'_> {
    /// One line.
    pub(super) fn json(&self) -> String {
        let format = match &self.found {
            Found::Folder(examination) => Some(examination.format),
            Found::Unmade => None,
        };
        let journals: Vec<_> = self.journals().iter().map(journal).collect();
        let first_bad = self.first_bad().map(|(journal, bad)| finding(journal, bad));
        let object = json!({
            "data": self.data.to_string_lossy(),
            "format": format,
            "verdict": self.verdict(),
            "first_bad": first_bad,
            "journals": journals,
        });
        format!("{object}\n")
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Verdict::Sound => "sound",
            Verdict::Unfinished => "unfinished",
            Verdict::Damaged => "damaged",
            Verdict::Unmade => "unmade",
        })
    }
}

fn journal(report: &JournalReport) -> Value {
    let streams: Vec<_> = report.counts.iter().map(|(stream, counts)| stream_of(*stream, *counts)).collect();
    let snapshots: Vec<_> = report.snapshots.iter().map(|file| place(report, file)).collect();
    let segments: Vec<_> = report.segments.iter().map(|part| segment(report, part)).collect();
    let findings: Vec<_> = report.findings.iter().map(|found| finding(report, found)).collect();
    json!({
        "journal": report.name,
        "records": report.records,
        "pruned": report.pruned,
        "head_seq": report.head_seq,
        "last_stamp_ms": report.last_stamp_ms,
        "streams": streams,
        "cursors": report.accounts.iter().map(cursor).collect::<Vec<_>>(),
        "registers": report.registers.keys().collect::<Vec<_>>(),
        "snapshots": snapshots,
        "segments": segments,
        "unfinished_bytes": report.unfinished_bytes,
        "findings": findings,
    })
}

fn stream_of(stream: u16, appended: Counts) -> Value {
    json!({ "stream": stream, "appended": counts(appended) })
}

fn cursor(account: &Account) -> Value {
    let tally = &account.tally;
    json!({
        "cursor": account.cursor,
        "stream": account.stream,
        "position": account.position,
        "routed": counts(account.routed),
        "delivered": counts(tally.delivered),
        "absorbed": counts(tally.absorbed),
        "coalesced": counts(tally.coalesced),
        "shed": counts(tally.shed),
        "dead_lettered": counts(tally.dead_lettered),
        "replayed": counts(tally.replayed),
        "lag": counts(account.lag),
    })
}

fn counts(counts: Counts) -> Value {
    json!({ "process": counts.process, "critical": counts.critical })
}

fn segment(journal: &JournalReport, segment: &SegmentReport) -> Value {
    json!({
        "file": place(journal, &segment.file),
        "first_seq": segment.first_seq,
        "last_seq": segment.last_seq,
        "batches": segment.batches,
        "file_bytes": segment.file_bytes,
        "used_bytes": segment.used_bytes,
    })
}

fn finding(journal: &JournalReport, finding: &Finding) -> Value {
    json!({
        "journal": journal.name,
        "file": place(journal, &finding.file),
        "offset": finding.offset,
        "seq": finding.seq,
        "what": finding.what,
        "fatal": finding.fatal,
    })
}
