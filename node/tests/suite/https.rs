//! A client over TLS that trusts what it is told to trust, and one request.

use crate::process::PATIENCE;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom it trusts, and what it shows.
pub(crate) struct Client {
    pub(crate) roots: PathBuf,
    /// A certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) token: Option<String>,
}

/// The answer, head and body; the error where no hands are shaken.
pub(crate) fn get(address: SocketAddr, client: &Client, path: &str) -> std::io::Result<String> {
    request(address, client, "GET", path)
}

pub(crate) fn request(
    address: SocketAddr,
    client: &Client,
    method: &str,
    path: &str,
) -> std::io::Result<String> {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config(client)), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(session, stream);
    let token = client.token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{token}content-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn config(client: &Client) -> ClientConfig {
    let certificate = |path: &Path| CertificateDer::from_pem_file(path).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&client.roots)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    match &client.client {
        Some((shown, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            builder.with_client_auth_cert(vec![certificate(shown)], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}
