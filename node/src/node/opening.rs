//! What is opened before anything listens: the data folder, what was taken in before, the trees, the past.

use super::unstarted;
use crate::audit::{Leaving, Log, Trees};
use crate::failure::Failure;
use crate::history::{self, Past};
use crate::identity::NodeKey;
use crate::settings::Settings;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tidegate_kernel_journal::{DataFolder, FolderOptions};
use tidegate_service_ingest::Ingest;

pub(super) fn open_folder(settings: &Settings) -> Result<DataFolder, Failure> {
    let _span = tracing::info_span!("open the data folder").entered();
    let options = FolderOptions {
        network_allowed: settings.network_allowed,
        queues: settings.queues(),
        ..FolderOptions::default()
    };
    let opened = DataFolder::open_with(&settings.data, options);
    opened.map_err(|error| Failure::new(error.code(), &error, error.hint()))
}

/// What can fail once the folder is open, and then has to close it again.
pub(super) fn open_parts(settings: &Settings, folder: &DataFolder) -> Result<(Arc<Ingest>, Trees), Failure> {
    Ok((open_ingest(settings, folder)?, open_trees(settings, folder)?))
}

/// The trees over administrative acts and over the books that are this process's, which are signed with the node's key.
fn open_trees(settings: &Settings, folder: &DataFolder) -> Result<Trees, Failure> {
    let key = NodeKey::open(&settings.data)?;
    tracing::info!(fingerprint = key.fingerprint(), "the key of this node");
    let books = settings.ledger.books.iter().filter(|_| settings.only.ledger).map(|book| &*book.name);
    let logs = Log::all(folder.books(), books);
    let trees = Trees::open(&settings.data, folder.books(), &settings.audit, key, logs)?;
    let leaving = Leaving::new(&settings.audit, &settings.sinks.dialer()?, &trees);
    Ok(trees.leaving_by(leaving))
}

fn open_ingest(settings: &Settings, folder: &DataFolder) -> Result<Arc<Ingest>, Failure> {
    let _span = tracing::info_span!("find out what waits").entered();
    if let Some(file) = settings.file.as_ref().filter(|_| settings.only.ingest) {
        make_folder_for(file, &settings.data)?;
    }
    let opened = Ingest::open(folder.queues().clone(), settings.ingest.clone());
    let ingest = opened.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
    ingest.use_model(&settings.model);
    Ok(Arc::new(ingest))
}

/// Nothing where no device has a model, or the history is another process's.
pub(super) fn past(settings: &Settings, folder: &DataFolder) -> Result<Option<Past>, Failure> {
    let has_tags = !settings.model.devices.is_empty();
    (has_tags && settings.only.history).then(|| history::open(&settings.history, folder.queues())).transpose()
}

/// Makes the folder that the file is in, if that is one right below the data folder, as it is by default. Its name is synced at every
/// start, since the one before may have ended between the two: what is delivered is settled, and must not go with the name of a
/// folder.
fn make_folder_for(file: &Path, data: &Path) -> Result<(), Failure> {
    let Some(folder) = file.parent().filter(|folder| folder.parent() == Some(data)) else { return Ok(()) };
    fs::create_dir_all(folder)
        .and_then(|()| fs::File::open(data)?.sync_all())
        .map_err(|error| unstarted(&format!("could not make the folder {}", folder.display()), &error))
}
