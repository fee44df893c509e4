//! The file: opened when there is something to write, appended to, synced; made anew where it was moved away.
//!
//! All IO of this crate but the look at the file's end. Blocks.

use crate::line;
use crate::tail::{self, Tail};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate_service_ingest::{Row, Setback, Sink, SinkError};

/// Room kept between deliveries; a larger one gives its memory back.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// Appends rows to the file at a path.
#[derive(Debug)]
pub struct FileSink {
    /// One delivery at a time is what keeps the rows in order; the lock is never waited for.
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: Option<File>,
    lines: Vec<u8>,
    repairs: u64,
}

impl FileSink {
    /// Touches nothing yet: a file that cannot be opened is the matter of a delivery.
    pub fn new(path: impl Into<PathBuf>) -> FileSink {
        let writer = Writer { path: path.into(), file: None, lines: Vec::new(), repairs: 0 };
        FileSink { writer: Mutex::new(writer) }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn append(&mut self, batch: &[Row]) -> Result<(), SinkError> {
        self.let_go_if_moved();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        self.lines.clear();
        batch.iter().for_each(|row| line::put(&mut self.lines, row));
        let outcome = write_synced(&mut file, &self.lines);
        self.lines.shrink_to(BUFFER_BYTES_KEPT);
        // After an error the file is opened anew, and its end looked at, before anything else is written.
        outcome.map_err(|error| self.error("TG-FI-002", "could not write to", error))?;
        self.file = Some(file);
        Ok(())
    }

    fn let_go_if_moved(&mut self) {
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let there = fs::metadata(&self.path).ok().map(|metadata| identity(&metadata));
        let open =
            self.file.as_ref().and_then(|file| file.metadata().ok()).map(|metadata| identity(&metadata));
        if open.is_some() && open != there {
            tracing::info!(path = %self.path.display(), "the file was moved away and is made anew");
            self.file = None;
        }
    }

    fn open(&mut self) -> Result<File, SinkError> {
        let opened = File::options().read(true).append(true).create(true).open(&self.path);
        let file = opened.map_err(|error| self.error("TG-FI-001", "could not open", error))?;
        match self.repair(&file) {
            Ok(true) => Ok(file),
            Ok(false) => Err(self.foreign()),
            Err(error) => Err(self.error("TG-FI-001", "could not open", error)),
        }
    }

    /// Cuts an unfinished delivery off; false if the file is none of ours.
    fn repair(&mut self, file: &File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(false);
        }
        match tail::examine(file, metadata.len())? {
            Tail::Foreign => return Ok(false),
            Tail::Torn { from } => {
                let bytes = metadata.len() - from;
                tracing::warn!(path = %self.path.display(), bytes, "cut an unfinished delivery off; it comes again");
                file.set_len(from)?;
                self.repairs += 1;
            }
            Tail::Whole => {}
        }
        // An end that was cut off, here or after a failed write, must not come back between the sectors of what is written next:
        // two halves of rows can look like one.
        file.sync_all()?;
        if metadata.len() == 0 {
            sync_folder(&self.path)?;
        }
        Ok(true)
    }

    fn error(&self, code: &'static str, attempt: &str, source: io::Error) -> SinkError {
        SinkError { code, attempt: format!("{attempt} {}", self.path.display()), source: Some(source.into()) }
    }

    fn foreign(&self) -> SinkError {
        let attempt = format!("{} is not a file of readings, so it is left alone", self.path.display());
        SinkError { code: "TG-FI-003", attempt, source: None }
    }
}

impl Sink for FileSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        Ok(self.writer().append(batch)?)
    }

    fn repairs(&self) -> u64 {
        self.writer().repairs
    }
}

/// Appends and syncs, or takes back what it wrote: pages that a failed sync left behind may be marked clean although they are
/// lost, so the same bytes are better written again than synced again.
fn write_synced(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let outcome = file.write_all(lines).and_then(|()| file.sync_data());
    if outcome.is_err() {
        // If this fails too, the end of the file is looked at when it is opened next.
        let _ = file.set_len(before);
    }
    outcome
}

/// Makes the name of a new file as safe as its contents will be.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
