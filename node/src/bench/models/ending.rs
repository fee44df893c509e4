//! Where memory ends: the same load in a small control group while a sink stands still, until the system ends the process.
//!
//! A process of its own says every moment that it is still there; the last one is when memory ended. A bounded shape is let run for
//! three times as long, and lives.

use super::super::{Report, Trouble};
use super::budget;
use super::load::{self, PER_SECOND, Standstill, TELEMETRY_SHARE};
use super::shape::Shape;
use crate::banner::say;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::{Cell, Row};

/// Small, so that it ends soon: what a message takes does not depend on it.
const CELL_BYTES: u64 = 96 << 20;
/// A process that is there for so long has not used its memory up.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two signs of life.
const BEAT: Duration = Duration::from_millis(20);

/// Unbounded tasks, and this shape beside them.
pub(super) fn measure(report: &Report, bounded: Shape) -> Result<(), Trouble> {
    let cell = match Cell::new(CELL_BYTES) {
        Ok(cell) => cell,
        Err(why) => {
            report.print(row(None, format!("no cgroup: {why}"), load::WORDS.to_owned()));
            return Ok(());
        }
    };
    let ended = lives(&cell, Shape::TaskPerMessage, LONGEST)?;
    report.print(row(ended, still_there(LONGEST), unbounded_words(&cell, ended.unwrap_or(LONGEST))));
    let longest = ended.map_or(LONGEST, |ended| ended * 3);
    let ended = lives(&cell, bounded, longest)?;
    report.print(row(ended, still_there(longest), format!("{}, in {}", bounded.words(), cell.words())));
    Ok(())
}

fn still_there(longest: Duration) -> String {
    format!("it is still there after {:.0} s", longest.as_secs_f64())
}

fn unbounded_words(cell: &Cell, ended: Duration) -> String {
    let waiting = ended.as_secs_f64() * PER_SECOND as f64 * TELEMETRY_SHARE;
    let here = budget::memory_bytes().map_or_else(String::new, |bytes| {
        let here_s = ended.as_secs_f64() * bytes as f64 / CELL_BYTES as f64;
        format!("; with the {} MiB that this process may have it would take {here_s:.0} s", bytes >> 20)
    });
    format!("{}, in {}, when {waiting:.0} of them wait{here}", Shape::TaskPerMessage.words(), cell.words())
}

fn row(ended: Option<Duration>, why_not: String, load: String) -> Row {
    Row {
        scenario: "models.sweep".to_owned(),
        metric: "memory_ends",
        unit: "s of stall",
        value: ended.unwrap_or_default().as_secs_f64(),
        skipped: ended.is_none().then_some(why_not),
        load,
        ..Row::default()
    }
}

/// How long a process with this shape lives; nothing if it still does after so long.
fn lives(cell: &Cell, shape: Shape, longest: Duration) -> Result<Option<Duration>, Trouble> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "endless-stall", "--shape", &shape.written()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let admitted = cell.admit(child.id());
    // It begins when its standard input ends, by then inside.
    drop(child.stdin.take());
    let beats = BufReader::new(child.stdout.take().ok_or("the child has no standard output")?);
    let last = admitted.map(|()| listen(beats, longest));
    // It may have ended already; either way it is waited for.
    let _ = child.kill();
    let _ = child.wait();
    Ok(last?)
}

fn listen(beats: impl BufRead, longest: Duration) -> Option<Duration> {
    let mut last = Duration::ZERO;
    for beat in beats.lines().map_while(Result::ok) {
        last = Duration::from_millis(beat.parse().unwrap_or_default());
        if last > longest {
            return None;
        }
    }
    Some(last)
}

/// In the child: the load while the sink stands still, until somebody ends this process.
pub(in super::super) fn endless(shape: &str) -> Result<(), Trouble> {
    let shape = Shape::read(shape).ok_or("this is no shape")?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    let began = Instant::now();
    thread::spawn(move || {
        loop {
            say(&format!("{}\n", began.elapsed().as_millis()));
            thread::park_timeout(BEAT);
        }
    });
    load::run(shape, Standstill::Forever, 4 * LONGEST).map(drop)
}
