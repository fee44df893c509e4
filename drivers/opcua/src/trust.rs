//! Certificates: the one this node shows, and those of servers that somebody has said are right.
//!
//! A folder: `own` and `private` for the node's, `trusted` and `rejected` for servers'. All calls read or write files. Nothing becomes
//! trusted but by [`Trust::accept`].

use crate::error;
use crate::place::Place;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opcua::crypto::{CertificateStore, PrivateKey, X509, X509Data};
use opcua::types::EndpointDescription;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_id::Id;
use tidegate_service_plant::Trouble;

const OWN_CERTIFICATE: &str = "own/cert.der";
const OWN_KEY: &str = "private/private.pem";
/// What the node is called in its own certificate, and so in each session.
const OWN_URI: &str = "own/uri";
const KEY_BITS: u32 = 2048;
const OWN_DAYS: u32 = 3650;
/// Whoever answers with a new certificate each time fills no disk.
const REJECTED_MAX: usize = 100;

/// A folder of certificates.
#[derive(Debug, Default)]
pub struct Trust {
    folder: PathBuf,
    /// Held while files are looked at and changed.
    busy: Mutex<()>,
}

/// A server's certificate that is in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1 of all of it in hex digits, as OPC UA names certificates.
    pub thumbprint: String,
    pub subject: String,
    pub standing: Standing,
    pub not_after_s: i64,
    path: PathBuf,
}

/// What somebody said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Trusted,
    /// It was refused, or nobody has said anything yet.
    Rejected,
}

impl Standing {
    pub fn name(self) -> &'static str {
        match self {
            Standing::Trusted => "trusted",
            Standing::Rejected => "rejected",
        }
    }
}

impl Trust {
    /// Looks at nothing yet.
    pub fn at(folder: PathBuf) -> Trust {
        Trust { folder, busy: Mutex::default() }
    }

    /// All certificates of servers, trusted ones first. A file that is none is not told.
    pub fn list(&self) -> io::Result<Vec<Certificate>> {
        let mut found = self.in_folder(Standing::Trusted)?;
        found.extend(self.in_folder(Standing::Rejected)?);
        found.sort_by(|one, other| (one.standing, &one.subject).cmp(&(other.standing, &other.subject)));
        Ok(found)
    }

    /// The server that shows this certificate is believed from now on; nothing where there is none such.
    pub fn accept(&self, thumbprint: &str) -> io::Result<Option<Certificate>> {
        self.set(thumbprint, Standing::Trusted)
    }

    /// It is believed no more.
    pub fn reject(&self, thumbprint: &str) -> io::Result<Option<Certificate>> {
        self.set(thumbprint, Standing::Rejected)
    }

    fn set(&self, thumbprint: &str, standing: Standing) -> io::Result<Option<Certificate>> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &Certificate| known.thumbprint.eq_ignore_ascii_case(thumbprint);
        let Some(known) = self.list()?.into_iter().find(same) else { return Ok(None) };
        let name = known.path.file_name().expect("it was listed by its name");
        let path = self.folder_of(standing).join(name);
        if path != known.path {
            fs::create_dir_all(self.folder_of(standing))?;
            fs::rename(&known.path, &path)?;
        }
        Ok(Some(Certificate { standing, path, ..known }))
    }

    /// Whether this is the server that was trusted; one that is unknown is noted as rejected.
    pub(crate) fn judge(&self, place: &Place, endpoint: &EndpointDescription) -> Result<(), Trouble> {
        let shown = X509::from_byte_string(&endpoint.server_certificate);
        let shown = shown.map_err(|_| error::unreadable_certificate(place))?;
        let thumbprint = shown.thumbprint().as_hex_string();
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = self.in_folder(Standing::Trusted).map_err(error::own_folder)?;
        if !trusted.iter().any(|known| known.thumbprint == thumbprint) {
            self.note(&shown).map_err(error::own_folder)?;
            let same = |known: &&Certificate| speaks_for(known, endpoint);
            return Err(match trusted.iter().find(same) {
                Some(known) => error::changed_certificate(place, &thumbprint, &known.thumbprint),
                None => error::unknown_certificate(place, &thumbprint),
            });
        }
        in_time(&shown).map_err(|is_early| error::expired_certificate(place, &thumbprint, is_early))
    }

    fn note(&self, shown: &X509) -> io::Result<()> {
        let folder = self.folder_of(Standing::Rejected);
        fs::create_dir_all(&folder)?;
        let path = folder.join(CertificateStore::cert_file_name(shown));
        if path.exists() || fs::read_dir(&folder)?.count() >= REJECTED_MAX {
            return Ok(());
        }
        write(&path, &der(shown)?, 0o644)
    }

    /// Sees to it that the node has a certificate, and says what it is called in it.
    pub fn own(&self) -> io::Result<String> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.store();
        let (has_certificate, has_key) =
            (store.own_certificate_path().exists(), store.own_private_key_path().exists());
        match (has_certificate, has_key) {
            (true, _) => {
                store.read_own_cert().map_err(io::Error::other)?;
                store.read_own_pkey().map_err(io::Error::other)?;
                fs::read_to_string(self.folder.join(OWN_URI)).map(|uri| uri.trim().to_owned())
            }
            // A key that no certificate speaks for yet was shown to nobody.
            (false, _) => self.make(),
        }
    }

    fn make(&self) -> io::Result<String> {
        let uri = format!("urn:tidegate:{}", Id::v7(wall_ms()));
        let data = X509Data {
            key_size: KEY_BITS,
            common_name: "tidegate".to_owned(),
            organization: "tidegate".to_owned(),
            organizational_unit: String::new(),
            country: String::new(),
            state: String::new(),
            alt_host_names: X509Data::alt_host_names(&uri, None, false, true, false),
            certificate_duration_days: OWN_DAYS,
        };
        let (certificate, key) = X509::cert_and_pkey(&data).map_err(io::Error::other)?;
        fs::create_dir_all(self.folder.join("own"))?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.folder.join("private"))?;
        write(&self.folder.join(OWN_URI), uri.as_bytes(), 0o644)?;
        write(&self.folder.join(OWN_KEY), pem(&key)?.as_bytes(), 0o600)?;
        write(&self.folder.join(OWN_CERTIFICATE), &der(&certificate)?, 0o644)?;
        Ok(uri)
    }

    /// As the library reads it. What it would check beside the thumbprint was checked by [`Trust::judge`]: of a certificate that a
    /// person has accepted as a whole, its host name says nothing more.
    pub(crate) fn store(&self) -> CertificateStore {
        let mut store = CertificateStore::new(&self.folder);
        store.set_skip_verify_certs(true);
        store
    }

    /// Also for whoever serves with the same certificate and trusts the same applications.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn folder_of(&self, standing: Standing) -> PathBuf {
        self.folder.join(standing.name())
    }

    fn in_folder(&self, standing: Standing) -> io::Result<Vec<Certificate>> {
        let entries = match fs::read_dir(self.folder_of(standing)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(certificate(entry?.path(), standing));
        }
        Ok(found)
    }
}

fn certificate(path: PathBuf, standing: Standing) -> Option<Certificate> {
    let known = CertificateStore::read_cert(&path).ok()?;
    Some(Certificate {
        thumbprint: known.thumbprint().as_hex_string(),
        subject: known.subject_name(),
        standing,
        not_after_s: known.not_after().ok()?.timestamp(),
        path,
    })
}

/// Whether it is of the application that this server says it is.
fn speaks_for(known: &Certificate, endpoint: &EndpointDescription) -> bool {
    let uri = endpoint.server.application_uri.as_ref();
    CertificateStore::read_cert(&known.path).is_ok_and(|known| known.is_application_uri_valid(uri).is_ok())
}

/// An error says whether it is too early.
fn in_time(shown: &X509) -> Result<(), bool> {
    let now_ms = i64::try_from(wall_ms()).unwrap_or(i64::MAX);
    let begins = shown.not_before().map_or(i64::MAX, |time| time.timestamp_millis());
    let ends = shown.not_after().map_or(i64::MIN, |time| time.timestamp_millis());
    if now_ms < begins {
        Err(true)
    } else if now_ms > ends {
        Err(false)
    } else {
        Ok(())
    }
}

fn der(certificate: &X509) -> io::Result<Vec<u8>> {
    certificate.to_der().map_err(|_| io::Error::other("a certificate cannot be written down"))
}

fn pem(key: &PrivateKey) -> io::Result<String> {
    let der = key.to_der().map_err(|_| io::Error::other("a key cannot be written down"))?;
    let text = STANDARD.encode(der.as_bytes());
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
