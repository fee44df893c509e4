//! What a start refuses or waits for: no database, a wrong password, no durability, another database, another gear; and TLS.

use crate::desk::{Desk, Site, database, opened, trouble};
use crate::server::Server;
use std::fs;
use std::net::SocketAddr;
use tidegate_kernel_journal::{DataFolder, SystemClock};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_ledger::{BookConfig, Config, Ledger, Shared};

fn local(server: &Server) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_the_database_waits_for_it_and_a_wrong_password_is_told() {
    let test = "postgres::start::a_start_without_the_database_waits_for_it_and_a_wrong_password_is_told";
    let Some(mut server) = Server::start(test).await else { return };
    let mut site = Site::new(database(local(&server)));
    server.crash();
    let ledger = site.try_ledger().unwrap();
    let why = trouble(&ledger).await;
    assert!(why.contains("TG-PG-001"), "{why}");
    assert_eq!(ledger.book("main").unwrap_err().code(), "TG-LE-037");
    server.again().await;
    opened(&ledger).await;
    drop(ledger);
    site.reopen();
    site.database.password = Some("flow and ebb".to_owned());
    let why = trouble(&site.try_ledger().unwrap()).await;
    assert!(why.contains("password authentication failed"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_sync_keeps_no_books() {
    let test = "postgres::start::a_database_that_does_not_sync_keeps_no_books";
    let Some(server) = Server::with(test, &["fsync=off".to_owned()]).await else { return };
    let site = Site::new(database(local(&server)));
    let why = trouble(&site.try_ledger().unwrap()).await;
    assert!(why.contains("TG-PG-005") && why.contains("fsync"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_than_before_is_refused() {
    let test = "postgres::start::another_database_than_before_is_refused";
    let Some(server) = Server::start(test).await else { return };
    let mut desk = Desk::at(server).await;
    desk.server().sql("CREATE DATABASE other").await;
    let Desk { ledger, book, mut site, server } = desk;
    drop((ledger, book));
    site.reopen();
    site.database.endpoint.path = "/other".to_owned();
    let why = trouble(&site.try_ledger().unwrap()).await;
    assert!(why.contains("TG-PG-003"), "{why}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_books_another_gear_keeps_is_refused_both_ways() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let site = Site::new(database(nowhere));
    site.try_ledger().unwrap();
    let config = Config {
        shared: Shared::default(),
        books: vec![BookConfig { name: "main".to_owned(), limit: Default::default() }],
    };
    let clock: std::sync::Arc<dyn tidegate_kernel_journal::Clock> = std::sync::Arc::new(SystemClock);
    let embedded = |folder: &DataFolder| Ledger::open(folder.books(), &clock, &config);
    assert_eq!(embedded(site.folder()).unwrap_err().code(), "TG-LE-050");
    let site = Site::new(database(nowhere));
    embedded(site.folder()).unwrap();
    let refused = site.try_ledger().unwrap_err();
    assert_eq!(refused.code(), "TG-LE-050");
    assert!(refused.to_string().contains("embedded") && refused.hint().contains("gear move"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_behind_tls_is_let_in_by_its_certificate_alone() {
    let test = "postgres::start::a_database_behind_tls_is_let_in_by_its_certificate_alone";
    let Some(mut server) = Server::start(test).await else { return };
    server.crash();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (server.folder().join("cert.pem"), server.folder().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    [&certificate, &key].into_iter().for_each(|path| server.own(path));
    let file = |path: &std::path::Path| path.display().to_string();
    server.set(&[
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file(&certificate)),
        format!("ssl_key_file={}", file(&key)),
    ]);
    server.again().await;
    let mut site = Site::new(database(local(&server)));
    site.database.endpoint.tls = true;
    let why = trouble(&site.try_ledger().unwrap()).await;
    assert!(why.contains("did not prove with TLS"), "{why}");
    let dialer = Dialer::new(Resolver::system(), Some(made.cert.pem().as_bytes())).unwrap();
    let ledger = site.ledger_over(dialer).unwrap();
    opened(&ledger).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'tidegate'";
    assert!(server.number(encrypted).await > 0);
}
