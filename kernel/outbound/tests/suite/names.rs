//! Names are looked up at a name server of ours, over UDP and, where the answer is cut, TCP.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tidegate_kernel_outbound::{OutboundError, Resolver};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers questions for addresses of version 4 with one, and all others with none.
fn answer(question: &[u8], address: Option<[u8; 4]>, is_cut: bool) -> Vec<u8> {
    let mut out = question.to_vec();
    let is_v4 = question[question.len() - 3] == 1;
    let address = address.filter(|_| is_v4 && !is_cut);
    out[2..8].copy_from_slice(&[
        if is_cut { 0x83 } else { 0x81 },
        0x80,
        0,
        1,
        0,
        u8::from(address.is_some()),
    ]);
    if let Some(address) = address {
        out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        out.extend_from_slice(&address);
    }
    out
}

/// A name server that cuts its answers over UDP if it is told to.
async fn name_server(address: Option<[u8; 4]>, cuts: bool) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(at).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            // What was not asked for comes first, and is passed over.
            let mut other = answer(&buffer[..length], Some([6, 6, 6, 6]), false);
            other[0] ^= 0xff;
            udp.send_to(&other, from).await.unwrap();
            udp.send_to(&answer(&buffer[..length], address, cuts), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let message = answer(&question, address, false);
            stream.write_u16(message.len() as u16).await.unwrap();
            stream.write_all(&message).await.unwrap();
        }
    });
    at
}

async fn addresses(servers: Vec<SocketAddr>, name: &str) -> Result<Vec<IpAddr>, OutboundError> {
    let resolver = Resolver::with_servers(servers);
    timeout(PATIENCE, resolver.addresses(name)).await.unwrap()
}

#[tokio::test]
async fn a_name_is_found_over_udp_and_over_tcp_where_the_answer_is_cut() {
    for cuts in [false, true] {
        let server = name_server(Some([10, 1, 2, 3]), cuts).await;
        let found = addresses(vec![server], "influx.plant.invalid").await.unwrap();
        assert_eq!(found, ["10.1.2.3".parse::<IpAddr>().unwrap()], "cut: {cuts}");
    }
}

#[tokio::test]
async fn a_name_that_nobody_knows_and_a_name_server_that_is_gone_are_told_apart() {
    let server = name_server(None, false).await;
    let unknown = addresses(vec![server], "nobody.invalid").await.unwrap_err();
    assert!(matches!(unknown, OutboundError::NoAddress { .. }), "{unknown}");
    let silent = addresses(vec![], "nobody.invalid").await.unwrap_err();
    assert!(matches!(silent, OutboundError::NoNameServer { .. }), "{silent}");
}

#[tokio::test]
async fn an_address_is_nobodys_business() {
    let found = addresses(vec![], "::1").await.unwrap();
    assert_eq!(found, ["::1".parse::<IpAddr>().unwrap()]);
}
