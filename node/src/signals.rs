//! Being told to stop: the first SIGTERM or SIGINT begins the end, the second one is the end. SIGHUP is a reload.

use crate::audit::Audit;
use crate::reload::Reloader;
use std::io;
use std::sync::Arc;
use tidegate_kernel_plug::{Act, Outcome};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The status of a process that was told twice.
const TWICE: i32 = 130;

/// Both signals, from now on.
#[derive(Debug)]
pub(crate) struct Stops {
    term: Signal,
    interrupt: Signal,
}

impl Stops {
    pub(crate) fn listen() -> io::Result<Stops> {
        Ok(Stops { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the process, whatever it is doing, at the next signal.
    pub(crate) async fn end_at_next(mut self) {
        self.next().await;
        tracing::warn!("told to stop again: ending at once; what was acknowledged is in the journal");
        std::process::exit(TWICE);
    }
}

/// Whoever may send a signal to the process is not known to it by name.
fn hangup() -> Act {
    let [who, what, target, from] = ["a signal", "SIGHUP", "reload", "this machine"].map(str::to_owned);
    Act { who, what, target, from, request: String::new() }
}

/// SIGHUP, from now on.
#[derive(Debug)]
pub(crate) struct Hangups(Signal);

impl Hangups {
    pub(crate) fn listen() -> io::Result<Hangups> {
        Ok(Hangups(signal(SignalKind::hangup())?))
    }

    /// Reads the file again at each, which is an administrative act; what comes during one is one more.
    pub(crate) async fn each(mut self, reloader: Arc<Reloader>, audit: Audit) {
        while self.0.recv().await.is_some() {
            let reloader = reloader.clone();
            // It has logged how it went; a panic in there has been reported as well.
            let verdict = tokio::task::spawn_blocking(move || reloader.reload()).await;
            let detail = verdict.map_or_else(|_| String::new(), |verdict| verdict.changes.join("\n"));
            audit.note(hangup(), Outcome { status: 0, detail }).await;
        }
    }
}
