//! How the server begins and ends.

use crate::client::{Client, python};
use crate::rig::{Door, PATIENCE, Rig, own};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Instant;
use tidegate_connector_opcua::{Config, OpcUaServer, Own};
use tidegate_kernel_plug::{Capability, Readiness};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn refused(config: &Config, own: &Own) -> &'static str {
    let door = Arc::new(Door { anonymous: true });
    OpcUaServer::bind(config, own, door, Box::new(|_| BTreeMap::new())).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_and_a_certificate_that_is_damaged_are_told_with_codes() {
    let rig = Rig::open(Config::default()).await;
    let (own, taken) = (own(&rig.trust), Config { listen: rig.server.local_addr(), ..Config::default() });
    assert_eq!(refused(&taken, &own).await, "TG-UA-060");
    fs::write(own.folder.join("own/cert.der"), "no certificate").unwrap();
    let free = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    assert_eq!(refused(&free, &own).await, "TG-UA-061");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_that_it_ends_and_nobody_is_let_in_any_more() {
    let Some(python) = python("ending::clients_are_told_that_it_ends_and_nobody_is_let_in_any_more") else {
        return;
    };
    let rig = Rig::open(Config::default()).await;
    rig.put_real("press-7", "temp", 21.5);
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    let mut socket = TcpStream::connect(rig.server.local_addr()).await.unwrap();
    socket.write_all(&hello(&rig.url())).await.unwrap();
    let mut head = [0; 28];
    socket.read_exact(&mut head).await.unwrap();
    assert_eq!(&head[..4], b"ACKF");
    let (server, url) = (rig.server.clone(), rig.url());
    assert_eq!(server.readiness(), Readiness::Ready);
    rig.end().await;
    let mut last = Vec::new();
    socket.read_to_end(&mut last).await.unwrap();
    // An error message with BadServerHalted.
    assert_eq!((&last[..4], &last[8..12]), (&b"ERRF"[..], &0x800E_0000_u32.to_le_bytes()[..]));
    assert!(client.order("read", "press-7/temp", Json::Null).await["failed"].is_string());
    assert_ne!(Client::refused(&python, &url, &json!({})).await, "");
    assert!(matches!(server.readiness(), Readiness::Unready(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_served_ends_at_once() {
    let rig = Rig::open(Config::default()).await;
    let own = own(&rig.trust);
    let free = Config { listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    let door = Arc::new(Door { anonymous: true });
    let server = OpcUaServer::bind(&free, &own, door, Box::new(|_| BTreeMap::new())).await.unwrap();
    assert!(server.drain(Instant::now() + PATIENCE).await.is_empty());
    server.serve().await;
    assert!(TcpStream::connect(server.local_addr()).await.is_err());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_opc_ua_end_their_connection_and_nothing_else() {
    let Some(python) = python("ending::bytes_that_are_no_opc_ua_end_their_connection_and_nothing_else")
    else {
        return;
    };
    let rig = Rig::open(Config::default()).await;
    rig.put_real("press-7", "temp", 21.5);
    let mut client = Client::connect(&python, &rig.url(), &json!({})).await;
    let longer_than_may_be = [&b"HELF"[..], &u32::MAX.to_le_bytes(), &[0; 64]].concat();
    let short_url = [&hello(&rig.url())[..28], &u32::MAX.to_le_bytes()].concat();
    let wrong_path = hello(&format!("{}/elsewhere", rig.url()));
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 4096], longer_than_may_be, short_url, wrong_path]
    {
        let mut socket = TcpStream::connect(rig.server.local_addr()).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
        // It may be reset with bytes that were not read, which ends it as well.
        let _ = timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await.expect("it is ended");
    }
    assert_eq!(client.read("press-7/temp").await["value"], 21.5);
    rig.end().await;
}

/// The first message of a client (OPC 10000-6, 7.1.2.3).
fn hello(url: &str) -> Vec<u8> {
    let fields = [0_u32, 65_535, 65_535, 0, 0, u32::try_from(url.len()).unwrap()];
    let body: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).chain(url.bytes()).collect();
    let bytes = u32::try_from(body.len() + 8).unwrap().to_le_bytes();
    [&b"HELF"[..], &bytes, &body].concat()
}
