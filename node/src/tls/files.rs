//! Certificate, key and client authorities from PEM files, with a code for everything that can be wrong with them.

use crate::tls::expiry::{Moment, not_after};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// More than a chain of certificates ever has; what is larger is another file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// The certificate, and those between it and its authority.
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    /// Authorities of which a client has to show a certificate; without it none is asked for.
    pub(crate) client_ca: Option<PathBuf>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("could not read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no certificate in {path}")]
    NoCertificate { path: PathBuf },
    #[error("there is no private key in {path}")]
    NoKey { path: PathBuf },
    #[error("{path} is no PEM: {what}")]
    NotPem { path: PathBuf, what: String },
    #[error("the key in {key} is not the one of the certificate in {cert}")]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("certificate {cert} and key {key} cannot be used")]
    Unusable { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("the client authorities in {path} cannot be used: {what}")]
    ClientCa { path: PathBuf, what: String },
    #[error("of certificate and key only one is given")]
    Half,
}

impl TlsError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            TlsError::Read { .. } => "TG-TL-001",
            TlsError::NoCertificate { .. } => "TG-TL-002",
            TlsError::NoKey { .. } => "TG-TL-003",
            TlsError::NotPem { .. } => "TG-TL-004",
            TlsError::Mismatch { .. } => "TG-TL-005",
            TlsError::Unusable { .. } => "TG-TL-006",
            TlsError::ClientCa { .. } => "TG-TL-007",
            TlsError::Half => "TG-TL-008",
        }
    }

    /// What to do about it, in one line.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            TlsError::Read { .. } => "look at the path, and whether the node's user may read the file",
            TlsError::NoCertificate { .. } => "name the file that has BEGIN CERTIFICATE in it",
            TlsError::NoKey { .. } => "name the file that has BEGIN PRIVATE KEY in it, without a password",
            TlsError::NotPem { .. } => "give the file in PEM, as text with BEGIN and END lines",
            TlsError::Mismatch { .. } => "name the key that the certificate was made with",
            TlsError::Unusable { .. } => {
                "take a certificate of X.509 version 3 with an ECDSA, RSA or Ed25519 key"
            }
            TlsError::ClientCa { .. } => "name a file with the certificates of the authorities alone",
            TlsError::Half => "give both, or none to do without TLS",
        }
    }
}

impl Files {
    /// Both or none.
    pub(crate) fn of(
        cert: Option<&Path>,
        key: Option<&Path>,
        client_ca: Option<&Path>,
    ) -> Result<Option<Files>, TlsError> {
        match (cert, key) {
            (Some(cert), Some(key)) => {
                let client_ca = client_ca.map(Path::to_owned);
                Ok(Some(Files { cert: cert.to_owned(), key: key.to_owned(), client_ca }))
            }
            (None, None) if client_ca.is_none() => Ok(None),
            _ => Err(TlsError::Half),
        }
    }

    /// Reads all of them anew. Says in the log if the certificate has run out: devices may still take it, and a node that
    /// does not start takes nobody.
    pub(crate) fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.cert)?;
        self.warn_if_expired(&chain[0]);
        let key = key(&self.key)?;
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&versions)
            .expect("the provider speaks both versions");
        let builder = match self.client_verifier()? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key).map_err(|error| self.unusable(error))?;
        Ok(Arc::new(config))
    }

    fn unusable(&self, source: rustls::Error) -> TlsError {
        let (cert, key) = (self.cert.clone(), self.key.clone());
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { cert, key }
            }
            source => TlsError::Unusable { cert, key, source },
        }
    }

    fn client_verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let Some(path) = &self.client_ca else { return Ok(None) };
        let useless = |what: String| TlsError::ClientCa { path: path.clone(), what };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| useless(error.to_string()))?;
        }
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map(Some).map_err(|error| useless(error.to_string()))
    }

    fn warn_if_expired(&self, certificate: &CertificateDer<'_>) {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if let Some(end) = not_after(certificate).filter(|end| *end < Moment::of_unix_s(now_s)) {
            let hint = "put a new certificate in its place and reload; more: tidegate explain TG-TL-009";
            tracing::warn!(code = "TG-TL-009", file = %self.cert.display(), %end, hint, "the certificate has run out");
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| not_pem(path, &error))?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        error => not_pem(path, &error),
    })
}

fn not_pem(path: &Path, error: &pem::Error) -> TlsError {
    TlsError::NotPem { path: path.to_owned(), what: error.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        let what = format!("it has {bytes} bytes");
        return Err(TlsError::NotPem { path: path.to_owned(), what });
    }
    fs::read(path).map_err(failed)
}
