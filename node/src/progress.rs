//! How far a command is that takes long: one line on standard error, written over and over, and taken away at the end.
//!
//! Only for a person: not with `--json`, and not where standard error is no terminal; and only once a second has gone by. What a command
//! will read in all is seldom known beforehand, so the line says what it has read and written, and no share of anything. Reads
//! `/proc/self/io` and the clock on a thread of its own.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What takes no longer needs no line.
const QUIET: Duration = Duration::from_secs(1);
const BEAT: Duration = Duration::from_millis(200);
/// To the beginning of the line, and away with it.
const CLEAR: &str = "\r\u{1b}[K";

/// Whether a line may stand there, which other words have to take away.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Does the work, and says of it how far it is.
pub(crate) fn during<T>(what: &'static str, is_json: bool, work: impl FnOnce() -> T) -> T {
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    if is_json || is_dumb || !io::stderr().is_terminal() {
        return work();
    }
    let (working, ended) = mpsc::channel();
    let watch = thread::spawn(move || watch(what, &ended, QUIET, &mut io::stderr()));
    let outcome = work();
    drop(working);
    // It has nothing to fail at.
    let _ = watch.join();
    outcome
}

/// Before other words are written.
pub(crate) fn clear() {
    if SHOWN.swap(false, Ordering::SeqCst) {
        let _ = io::stderr().write_all(CLEAR.as_bytes());
    }
}

/// Until the other end is dropped.
fn watch(what: &str, ended: &Receiver<()>, quiet: Duration, out: &mut impl Write) {
    let (began, mut wait) = (Instant::now(), quiet);
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = BEAT;
        SHOWN.store(true, Ordering::SeqCst);
        let line = line(what, began.elapsed(), &fs::read_to_string("/proc/self/io").unwrap_or_default());
        // A terminal that is gone shows nothing.
        let _ = out.write_all(format!("{CLEAR}{line}").as_bytes()).and_then(|()| out.flush());
    }
    if SHOWN.swap(false, Ordering::SeqCst) {
        let _ = out.write_all(CLEAR.as_bytes()).and_then(|()| out.flush());
    }
}

/// `io` is as proc(5) has it.
fn line(what: &str, elapsed: Duration, io: &str) -> String {
    let of = |key: &str| io.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    let mut text = format!("{what}: {} s", elapsed.as_secs());
    for (key, did) in [("rchar:", "read"), ("wchar:", "written")] {
        if let Some(bytes) = of(key) {
            text += &format!(", {} {did}", bytes_text(bytes));
        }
    }
    text
}

fn bytes_text(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if amount >= 1024.0 {
            (amount, unit) = (amount / 1024.0, larger);
        }
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_and_what_was_read_and_written() {
        let io = "rchar: 3221225472\nwchar: 1536\nsyscr: 9\n";
        let elapsed = Duration::from_millis(7900);
        assert_eq!(line("backup", elapsed, io), "backup: 7 s, 3.0 GiB read, 1.5 KiB written");
        assert_eq!(line("backup", elapsed, ""), "backup: 7 s");
    }

    #[test]
    fn what_ends_soon_says_nothing_and_what_takes_long_takes_its_line_away() {
        let (working, ended) = mpsc::channel();
        drop(working);
        let mut out = Vec::new();
        watch("verify", &ended, QUIET, &mut out);
        assert!(out.is_empty());

        /// Ends the work with the first line.
        struct Terminal(Option<mpsc::Sender<()>>, String);
        impl Write for Terminal {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.take();
                self.1 += &String::from_utf8_lossy(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (working, ended) = mpsc::channel();
        let mut terminal = Terminal(Some(working), String::new());
        watch("verify", &ended, Duration::ZERO, &mut terminal);
        assert!(
            terminal.1.starts_with("\r\u{1b}[Kverify: 0 s, ") && terminal.1.ends_with("written\r\u{1b}[K")
        );
    }
}
