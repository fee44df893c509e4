//! The section `[tls]`: three paths, whose files are read when the section is, so that a fault in them is told with all others.

use crate::tls::files::{Files, TlsError};
use rustls::ServerConfig;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Kind, Section, Values};
use tidegate_kernel_plug::with_causes;

pub(crate) const SECTION: Section = Section::new(
    "tls",
    "The certificate for HTTP, gRPC and MQTT. The files are read again at every reload; connections keep what they began with.",
    &[
        Field::optional(
            "cert",
            Kind::Path,
            "The certificate with its chain, in PEM. Without it TLS is not spoken.",
        ),
        Field::optional("key", Kind::Path, "Its private key, in PEM, without a password."),
        Field::optional(
            "client_ca",
            Kind::Path,
            "Authorities, in PEM, of which every client has to show a certificate.",
        ),
    ],
);

/// Files that were read and are as they should be.
#[derive(Debug, Clone)]
pub(crate) struct Certificate(pub(super) Arc<ServerConfig>);

impl Certificate {
    /// Reads the files, if there are any. Blocks for the disk.
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Option<Certificate> {
        let path = |key| values.find::<PathBuf>(key);
        let (cert, key, client_ca) = (path("cert"), path("key"), path("client_ca"));
        let files = Files::of(cert.as_deref(), key.as_deref(), client_ca.as_deref());
        match files.and_then(|files| files.map(|files| files.read()).transpose()) {
            Ok(config) => config.map(Certificate),
            Err(error) => {
                faults.push(fault(values, &error, key.as_deref()));
                None
            }
        }
    }
}

fn fault(values: &Values, error: &TlsError, key: Option<&std::path::Path>) -> Fault {
    let at = match error {
        TlsError::NoKey { .. } | TlsError::Mismatch { .. } => "key",
        TlsError::Read { path, .. } | TlsError::NotPem { path, .. } if Some(path.as_path()) == key => "key",
        TlsError::ClientCa { .. } => "client_ca",
        _ => "cert",
    };
    let place = values.origin(at).place();
    Fault { place, code: error.code(), message: with_causes(error), hint: error.hint().to_owned() }
}
