//! The configuration from the outside: where its file is and the file of devices beside it, reading both and the secrets, and
//! `tidegate config`.
//!
//! The only place that reads the files and what they refer to.

use crate::cli::{Config as Command, Place, Up};
use crate::failure::Failure;
use crate::logs::Format;
use crate::settings::{self, Settings};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tidegate_kernel_plug::config::{
    BESIDE_BYTES_MAX, Beside, FILE_BYTES_MAX, Faults, Origin, Override, Reading, SECRET_BYTES_MAX,
    SecretSource, Shown, Source, Values, beside,
};

mod given;
mod reloading;

pub(crate) use reloading::reload;

const FILE_NAME: &str = "tidegate.toml";
const DATA: &str = "./tidegate-data";
/// What the file beside it may have.
const DEVICES: &[&str] = &["ingest.templates", "ingest.devices"];

/// Where settings come from: a file, if there is one, and the command line.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    pub(crate) file: Option<PathBuf>,
    overrides: Vec<Override>,
}

/// Why settings could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    File(io::Error),
    Faults(Faults),
}

impl Origins {
    /// The file that is named; or else the one in the data folder, or in the folder it is started in, if it is there.
    pub(crate) fn of(up: &Up) -> Origins {
        let file = file(up.config.as_ref(), up.data.as_deref());
        Origins { file, overrides: given::overrides(up) }
    }

    /// The same for a node that is looked at, and not started.
    pub(crate) fn at(place: &Place) -> Origins {
        let Place { config, data } = place;
        let data_in =
            |data: &String| Override { path: "node.data", option: "--data", texts: vec![data.clone()] };
        let overrides = data.iter().map(data_in).collect();
        Origins { file: file(config.as_ref(), data.as_deref()), overrides }
    }

    /// The same with more from the command line; what it says already goes before.
    pub(crate) fn with(mut self, more: Vec<Override>) -> Origins {
        let news = more.into_iter().filter(|one| self.overrides.iter().all(|known| known.path != one.path));
        let news: Vec<_> = news.collect();
        self.overrides.extend(news);
        self
    }

    /// The file's name as it is shown.
    pub(crate) fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "command line".to_owned(), |file| file.display().to_string())
    }

    pub(crate) fn read(&self) -> Result<(Values, Settings), Unread> {
        let devices = self.devices().map_err(Unread::File)?;
        self.read_with(devices.as_deref())
    }

    /// The same as if the file of devices had these.
    pub(crate) fn read_with(&self, devices: Option<&[u8]>) -> Result<(Values, Settings), Unread> {
        settings::judge(self.reading(devices)?).map_err(Unread::Faults)
    }

    /// What both files say, of which nobody has judged more than the form.
    pub(crate) fn values(&self) -> Result<Values, Failure> {
        let devices = self.devices().map_err(|error| self.failure(Unread::File(error)))?;
        let reading = self.reading(devices.as_deref());
        reading
            .and_then(|reading| reading.finish().map_err(Unread::Faults))
            .map_err(|unread| self.failure(unread))
    }

    fn reading(&self, devices: Option<&[u8]>) -> Result<Reading, Unread> {
        let bytes = self.bytes().map_err(Unread::File)?;
        let source = Source { file: bytes.as_deref(), overrides: &self.overrides, secrets: &secret };
        Ok(match devices {
            Some(bytes) => settings::table().read_both(&source, &Beside { bytes, groups: DEVICES }),
            None => settings::table().read(&source),
        })
    }

    /// Where the data folder is, whatever else is wrong; or all that is wrong, where that cannot be said.
    pub(crate) fn data(&self) -> Result<PathBuf, Failure> {
        let bytes = self.bytes().map_err(|error| unreadable(&self.name(), &error))?;
        let source = Source { file: bytes.as_deref(), overrides: &self.overrides, secrets: &secret };
        match settings::data(&source) {
            Some(data) => Ok(data),
            None => self.settings().map(|(_, settings)| settings.data),
        }
    }

    /// How the log is written, whatever else is wrong.
    pub(crate) fn log_format(&self) -> Format {
        let bytes = self.bytes().unwrap_or_default();
        let source = Source { file: bytes.as_deref(), overrides: &self.overrides, secrets: &secret };
        settings::log_format(&source).unwrap_or_default()
    }

    fn bytes(&self) -> io::Result<Option<Vec<u8>>> {
        self.file.as_deref().map(|file| head(file, FILE_BYTES_MAX)).transpose()
    }

    /// The file of devices that goes with the file, whether it is there or not.
    pub(crate) fn beside(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| beside(&file.to_string_lossy()).into())
    }

    fn devices(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.beside() else { return Ok(None) };
        match head(&file, BESIDE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
        }
    }

    /// Reads it, or tells all that is wrong.
    pub(crate) fn settings(&self) -> Result<(Values, Settings), Failure> {
        self.read().map_err(|unread| self.failure(unread))
    }

    /// One fault speaks for itself; more of them are told before.
    pub(crate) fn failure(&self, unread: Unread) -> Failure {
        let name = self.name();
        let faults = match unread {
            Unread::File(error) => return unreadable(&name, &error),
            Unread::Faults(faults) => faults,
        };
        let mut each = faults.iter();
        if let (Some(fault), None) = (each.next(), each.next()) {
            let message = format!("{}: {}", fault.place_in(&name), fault.message);
            return Failure::message(fault.code, message, fault.hint.clone());
        }
        let _ = io::stderr().write_all(faults.report(&name).as_bytes());
        let message = format!("{name} has {} faults", faults.len());
        Failure::message("TG-CF-017", message, "mend them; each is named above")
    }
}

fn file(named: Option<&PathBuf>, data: Option<&str>) -> Option<PathBuf> {
    let data = Path::new(data.unwrap_or(DATA));
    let found = || [data.join(FILE_NAME), PathBuf::from(FILE_NAME)].into_iter().find(|file| file.exists());
    named.cloned().or_else(found)
}

pub(crate) fn unreadable(name: &str, error: &io::Error) -> Failure {
    let message = format!("could not read {name}: {error}");
    Failure::message("TG-CF-001", message, "look at its path and permissions")
}

/// A file's bytes, up to one more than there may be.
pub(crate) fn head(file: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn secret(source: &SecretSource) -> Result<String, String> {
    match source {
        SecretSource::Env(name) => std::env::var(name).map_err(|error| error.to_string()),
        SecretSource::File(path) => {
            let bytes = head(Path::new(path), SECRET_BYTES_MAX).map_err(|error| error.to_string())?;
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
        }
    }
}

/// `tidegate config`.
pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init { out, section } => init(out, section.as_deref()),
        Command::Check { file } => check(file),
        Command::Show { origin, json, up } => show(*origin, *json, up),
        Command::Reload(node) => reload(node),
        Command::Reference => print(&settings::table().reference()),
    }
}

fn init(out: &Path, section: Option<&str>) -> Result<ExitCode, Failure> {
    let table = settings::table();
    let text = match section {
        None => table.sample(),
        Some(name) => table.sample_of(name).ok_or_else(|| no_section(name))?,
    };
    if out == Path::new("-") {
        return print(&text);
    }
    write_new(out, &text).map_err(|error| unwritten(out, &error))?;
    print(&format!("{} written; check it with: tidegate config check {0}\n", out.display()))
}

/// The file may come to hold secrets, so it is its owner's alone.
pub(crate) fn write_new(out: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn unwritten(out: &Path, error: &io::Error) -> Failure {
    let file = out.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let message = format!("{file} is there already, and nothing was written");
            Failure::message("TG-CF-018", message, "choose another path with --out")
        }
        _ => Failure::message(
            "TG-CF-019",
            format!("could not write {file}: {error}"),
            "look at the folder and its permissions",
        ),
    }
}

fn no_section(name: &str) -> Failure {
    let hint = "the sections are in docs/reference/config.md";
    Failure::message("TG-CF-006", format!("there is no section {name:?}"), hint)
}

fn check(file: &Path) -> Result<ExitCode, Failure> {
    let origins = Origins { file: Some(file.to_owned()), overrides: Vec::new() };
    origins.settings()?;
    print(&format!("{}: no faults\n", file.display()))
}

fn show(origin: bool, json: bool, up: &Up) -> Result<ExitCode, Failure> {
    let origins = Origins::of(up);
    let (values, _) = origins.settings()?;
    let name = origins.name();
    let shown = values.shown();
    let lines: Vec<String> = match json {
        true => shown.iter().map(|shown| object(shown).to_string()).collect(),
        false => shown.iter().map(|shown| line(shown, origin, &name)).collect(),
    };
    print(&lines.into_iter().map(|line| line + "\n").collect::<String>())
}

fn line(shown: &Shown, with_origin: bool, file: &str) -> String {
    let text = match &shown.text {
        Some(text) => format!("{} = {text}", shown.path),
        None => format!("# {} is not set", shown.path),
    };
    if !with_origin {
        return text;
    }
    let origin = match shown.origin {
        Origin::Default => "default".to_owned(),
        Origin::File(at) => format!("{file}:{}", at.line),
        Origin::Beside(at) => format!("{}:{}", beside(file), at.line),
        Origin::CommandLine(option) => format!("command line {option}"),
    };
    format!("{text:<52} # {origin}")
}

/// A setting with its origin, for programs.
pub(crate) fn object(shown: &Shown) -> serde_json::Value {
    let Shown { path, text, origin } = shown;
    match origin {
        Origin::Default => serde_json::json!({"key": path, "value": text, "origin": "default"}),
        Origin::File(at) => serde_json::json!({
            "key": path, "value": text, "origin": "file", "line": at.line, "column": at.column
        }),
        Origin::Beside(at) => serde_json::json!({
            "key": path, "value": text, "origin": "devices", "line": at.line, "column": at.column
        }),
        Origin::CommandLine(option) => {
            serde_json::json!({"key": path, "value": text, "origin": "command line", "option": option})
        }
    }
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}
