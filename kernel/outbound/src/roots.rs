//! Whom TLS trusts: the certificates of a file, or those that come with the binary. Pure.

use crate::error::RootsError;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A client's settings; `pem` is the text of a file of roots.
pub(crate) fn client_config(pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, RootsError> {
    let mut roots = RootCertStore::empty();
    match pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(RootsError::Pem)?).map_err(RootsError::Root)?;
            }
        }
    }
    if roots.is_empty() {
        return Err(RootsError::Empty);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for every version");
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
