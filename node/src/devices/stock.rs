//! What is there before an import: the configuration, and the file of devices beside it, which this replaces. Reads and writes files.

use crate::config::{Origins, Unread};
use crate::devices::document::Document;
use crate::devices::fault::{self, Told};
use crate::devices::plain::Found;
use crate::devices::row::{self, Cells, Key, Rows};
use crate::devices::unwritten;
use crate::failure::Failure;
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use tidegate_kernel_plug::config::{Fault, Faults, Origin, Place, Secret, Setting, Values};

pub(super) struct Stock {
    origins: Origins,
    file: PathBuf,
    pub(super) beside: PathBuf,
    pub(super) values: Values,
    /// Written by hand, and where.
    by_hand: BTreeMap<Key, (Cells, Place)>,
    imported: Rows,
}

impl Stock {
    pub(super) fn read(origins: Origins) -> Result<Stock, Failure> {
        let files = origins.file.clone().zip(origins.beside());
        let (file, beside) = files.ok_or_else(no_file)?;
        let values = origins.values()?;
        let (mut by_hand, mut imported) = (BTreeMap::new(), Rows::new());
        for (key, cells, begin) in row::of_values(values.group("ingest")) {
            if let Origin::Beside(_) = begin {
                imported.insert(key, cells);
            } else {
                by_hand.insert(key, (cells, begin.place()));
            }
        }
        Ok(Stock { origins, file, beside, values, by_hand, imported })
    }

    /// Every row there is, in the order of the files.
    pub(super) fn rows(&self) -> Vec<(Key, Cells)> {
        let rows = row::of_values(self.values.group("ingest"));
        rows.into_iter().map(|(key, cells, _)| (key, cells)).collect()
    }

    /// What was exported does not show secrets: where one is hidden, the one that is there is meant.
    pub(super) fn keep_secrets(&self, found: &mut Found, faults: &mut Faults) {
        let is_hidden = |setting: &Setting| matches!(setting, Setting::Secret(secret) if secret.reveal() == Secret::HIDDEN);
        let mut unknown = Vec::new();
        for (key, cells) in &mut found.rows {
            let before = self.by_hand.get(key).map(|(cells, _)| cells).or_else(|| self.imported.get(key));
            for (field, setting) in cells.iter_mut().filter(|(_, setting)| is_hidden(setting)) {
                match before.and_then(|before| before.get(field)) {
                    Some(before) => setting.clone_from(before),
                    None => unknown.push((key.clone(), *field)),
                }
            }
        }
        for (key, field) in unknown {
            let at = found.place(&key, Some(field)).expect("what was found has its place");
            faults.push(fault::hidden(at));
        }
    }

    /// What is written by hand is not written a second time; where it says otherwise, that is a fault.
    pub(super) fn take_out_known(&self, found: &mut Found, faults: &mut Faults) {
        for (key, (cells, stands)) in &self.by_hand {
            if let Some(said) = found.rows.remove(key)
                && said != *cells
            {
                let at = found.place(key, None).expect("what was found has its place");
                faults.push(fault::by_hand(at, &key.path(), &stands.in_file(&self.origins.name())));
            }
        }
    }

    /// What the file of devices is to have.
    pub(super) fn with(&self, found: &Found, replace: bool) -> Rows {
        let mut rows = if replace { Rows::new() } else { self.imported.clone() };
        rows.extend(found.rows.clone());
        rows
    }

    /// What would hold with this file of devices.
    pub(super) fn judged(&self, document: &Document) -> Result<(Values, Settings), Unread> {
        self.origins.read_with(Some(document.text.as_bytes()))
    }

    /// What the judge said, each told where it stands in the spreadsheet if it does.
    pub(super) fn told(&self, faults: &Faults, document: &Document, found: &Found, sheet: &str) -> Vec<Told> {
        let config = self.origins.name();
        let told = |fault: &Fault| {
            let line = if let Place::Beside(at) = fault.place { document.at(at.line) } else { None };
            match line.and_then(|(key, field)| found.place(key, *field)) {
                Some(place) => Told::in_sheet(Fault { place, ..fault.clone() }, sheet),
                None => Told::in_config(fault.clone(), &config),
            }
        };
        faults.iter().map(told).collect()
    }

    /// For a configuration that could not be read at all.
    pub(super) fn unread(&self, unread: Unread) -> Failure {
        self.origins.failure(unread)
    }

    pub(super) fn write(&self, document: &Document) -> Result<(), Failure> {
        replace(&self.beside, &self.file, &document.text).map_err(|error| unwritten(&self.beside, &error))
    }
}

fn no_file() -> Failure {
    let hint = "write one with `tidegate config init`, or say where it is with --config";
    Failure::message(
        "TG-DI-010",
        "there is no configuration file that devices could stand beside".to_owned(),
        hint,
    )
}

/// Puts a file in place as a whole, or leaves what is there. Whoever may read the one beside it may read it.
fn replace(file: &Path, like: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let like = fs::metadata(like)?;
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    out.write_all(text.as_bytes())?;
    out.set_permissions(like.permissions())?;
    let is_other = out.metadata().map(|ours| (ours.uid(), ours.gid()) != (like.uid(), like.gid()))?;
    if is_other {
        chown(&fresh, Some(like.uid()), Some(like.gid()))?;
    }
    out.sync_all()?;
    fs::rename(&fresh, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
