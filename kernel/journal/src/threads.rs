//! The committer and the caretaker of one or more journals, ended together.

use crate::caretaker;
use crate::committer;
use crate::journal::Journal;
use crate::state::Bell;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Dropping it closes the journals: what is queued is written, then the threads end.
#[derive(Debug)]
pub struct Threads {
    journals: Vec<Journal>,
    bell: Arc<Bell>,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn start(journals: Vec<Journal>, bell: Arc<Bell>) -> io::Result<Threads> {
        let committer = committer::start(journals.clone(), bell.clone())?;
        let caretaker = caretaker::start(journals.clone(), bell.clone())?;
        Ok(Threads { journals, bell, running: vec![committer, caretaker] })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.journals.iter().for_each(Journal::close);
        self.bell.ring();
        self.bell.ring_caretaker();
        for thread in self.running.drain(..) {
            // A thread that panicked has said so; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}
