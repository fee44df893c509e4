//! Handshakes with real certificates, and files that are not as they should be.

use super::files::Files;
use super::*;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tls").join(name)
}

fn files(cert: &str, key: &str) -> Files {
    Files { cert: case(cert), key: case(key), client_ca: None }
}

fn good() -> Files {
    files("server.pem", "server.key")
}

fn open(files: &Files) -> Tls {
    Tls::new(Certificate(files.read().unwrap()))
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(case(name)).unwrap()
}

fn client(with_certificate: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = if with_certificate {
        let key = PrivateKeyDer::from_pem_file(case("client.key")).unwrap();
        builder.with_client_auth_cert(vec![certificate("client.pem")], key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    TlsConnector::from(Arc::new(config))
}

/// What the client got to read, and whether the server shook hands.
async fn greeted(tls: &Tls, client: TlsConnector) -> (Option<String>, bool) {
    let (near, far): (DuplexStream, DuplexStream) = duplex(65_536);
    let serving = async {
        let Some(mut stream) = tls.accept(far).await else { return false };
        let _ = stream.write_all(b"hello").await;
        let _ = stream.shutdown().await;
        true
    };
    let asking = async {
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = client.connect(name, near).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text)
    };
    let (served, read) = tokio::join!(serving, asking);
    (read, served)
}

#[tokio::test]
async fn hands_are_shaken_with_the_given_certificate() {
    let tls = open(&good());
    assert_eq!(greeted(&tls, client(false)).await, (Some("hello".to_owned()), true));
    let page = tidegate_kernel_plug::exposition(&tls.metrics());
    assert!(page.contains("tidegate_tls_handshakes_total{outcome=\"done\"} 1\n"), "{page}");
}

#[tokio::test]
async fn where_clients_need_a_certificate_one_without_is_not_let_in() {
    let tls = open(&Files { client_ca: Some(case("ca.pem")), ..good() });
    assert_eq!(greeted(&tls, client(true)).await, (Some("hello".to_owned()), true));
    assert_eq!(greeted(&tls, client(false)).await, (None, false));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let tls = open(&good());
    let (_near, far) = duplex(100);
    assert!(tls.accept(far).await.is_none());
    let (mut near, far) = duplex(100);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(tls.accept(far).await.is_none());
    let page = tidegate_kernel_plug::exposition(&tls.metrics());
    assert!(page.contains("{outcome=\"late\"} 1\n") && page.contains("{outcome=\"failed\"} 1\n"), "{page}");
}

#[tokio::test]
async fn whoever_connects_after_the_files_were_replaced_meets_the_new_certificate() {
    let dir = TempDir::new().unwrap();
    let files = Files { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem"), client_ca: None };
    let put = |from: &str, to: &Path| {
        std::fs::copy(case(from), to).unwrap();
    };
    put("expired.pem", &files.cert);
    put("server.key", &files.key);
    let tls = open(&files);
    assert_eq!(greeted(&tls, client(false)).await.0, None);
    put("server.pem", &files.cert);
    put("other.key", &files.key);
    assert_eq!(files.read().unwrap_err().code(), "TG-TL-005");
    put("server.key", &files.key);
    tls.replace(Certificate(files.read().unwrap()));
    assert_eq!(greeted(&tls, client(false)).await.0.as_deref(), Some("hello"));
}

#[test]
fn whatever_is_wrong_with_the_files_has_its_code() {
    let code = |files: Files| files.read().unwrap_err().code();
    assert_eq!(code(files("nothing.pem", "server.key")), "TG-TL-001");
    assert_eq!(code(files("server.pem", "nothing.key")), "TG-TL-001");
    assert_eq!(code(files("server.key", "server.key")), "TG-TL-002");
    assert_eq!(code(files("server.pem", "server.pem")), "TG-TL-003");
    assert_eq!(code(files("server.pem", "other.key")), "TG-TL-005");
    let client_ca = Some(case("server.key"));
    assert_eq!(code(Files { client_ca, ..good() }), "TG-TL-002");
    let dir = TempDir::new().unwrap();
    let written = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let broken = written("broken", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    assert_eq!(code(Files { cert: broken, ..good() }), "TG-TL-004");
    let odd = written("odd", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(code(Files { cert: odd.clone(), ..good() }), "TG-TL-006");
    assert_eq!(code(Files { client_ca: Some(odd), ..good() }), "TG-TL-007");
    let large = written("large", &vec![b'a'; 1024 * 1024 + 1]);
    assert_eq!(code(Files { key: large, ..good() }), "TG-TL-004");
    assert_eq!(Files::of(Some(&case("server.pem")), None, None).unwrap_err().code(), "TG-TL-008");
    assert_eq!(Files::of(None, None, None).unwrap(), None);
}

#[test]
fn an_expired_certificate_is_read_and_its_end_known() {
    let end = |name| expiry::not_after(&certificate(name)).unwrap().to_string();
    assert_eq!(end("expired.pem"), "2021-01-01T00:00:00Z");
    assert_eq!(end("server.pem"), "2126-01-01T00:00:00Z");
    assert!(files("expired.pem", "server.key").read().is_ok());
}
