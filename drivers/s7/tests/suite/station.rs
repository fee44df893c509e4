//! A station made of the codec's own end: a block and flags, a count of what was asked, and a wait until enough was.

use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use tidegate_codec_s7::{Area, Item, ItemFault, Memory, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) jobs: u16,
    /// Answers no job of reading before so many have come; the last ones are fewer.
    pub(crate) waits_for: usize,
    /// Refuses every job that is no negotiation.
    pub(crate) refuses: bool,
    /// Closes the connection behind each answer to a job of reading.
    pub(crate) hangs_up: bool,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { jobs: 1, waits_for: 1, refuses: false, hangs_up: false }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) areas: BTreeMap<Area, Vec<u8>>,
    pub(crate) items_read: usize,
    pub(crate) connections: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Ground>>);

impl Shared {
    pub(crate) fn ground(&self) -> MutexGuard<'_, Ground> {
        self.0.lock().unwrap()
    }
}

impl Memory for Shared {
    fn read(&mut self, item: Item) -> Result<Bytes, ItemFault> {
        let mut ground = self.ground();
        ground.items_read += 1;
        let area = ground.areas.get(&item.area).ok_or(ItemFault::Missing)?;
        let at = item.at as usize;
        area.get(at..at + item.bytes()).map(Bytes::copy_from_slice).ok_or(ItemFault::Address)
    }

    fn write(&mut self, item: Item, bytes: &[u8]) -> Result<(), ItemFault> {
        let mut ground = self.ground();
        let area = ground.areas.get_mut(&item.area).ok_or(ItemFault::Missing)?;
        let at = item.at as usize;
        area.get_mut(at..at + bytes.len()).ok_or(ItemFault::Address)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) port: u16,
    pub(crate) shared: Shared,
    _serving: JoinSet<()>,
}

impl Station {
    pub(crate) async fn start(manner: Manner, areas: BTreeMap<Area, Vec<u8>>) -> Station {
        let shared = Shared::default();
        shared.ground().areas = areas;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, manner, shared.clone()));
        Station { port, shared, _serving: serving }
    }
}

async fn accept(listener: TcpListener, manner: Manner, shared: Shared) {
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.ground().connections += 1;
        clients.spawn(serve(stream, manner, shared.clone()));
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, mut shared: Shared) {
    let (mut server, mut received, mut to_send) =
        (Server::new(240, manner.jobs), BytesMut::new(), BytesMut::new());
    while stream.read_buf(&mut received).await.is_ok_and(|bytes| bytes > 0) {
        let is_last = manner.hangs_up && is_read(&received);
        if is_read(&received) && frames(&received) < manner.waits_for {
            continue;
        }
        if manner.refuses && is_read(&received) {
            let reference = [received[11], received[12]];
            received.clear();
            to_send.extend_from_slice(&[3, 0, 0, 19, 2, 0xf0, 0x80, 0x32, 2, 0, 0]);
            to_send.extend_from_slice(&reference);
            to_send.extend_from_slice(&[0, 0, 0, 0, 0x81, 4]);
        } else if server.serve(&mut received, &mut shared, &mut to_send).is_err() {
            return;
        }
        if stream.write_all_buf(&mut to_send).await.is_err() || is_last {
            return;
        }
    }
}

/// Whether a job of reading is in front.
fn is_read(received: &[u8]) -> bool {
    received.get(17) == Some(&4)
}

/// How many frames are there whole.
fn frames(mut received: &[u8]) -> usize {
    let mut many = 0;
    while let Some([_, _, high, low]) = received.first_chunk::<4>() {
        let Some(rest) = received.get(usize::from(u16::from_be_bytes([*high, *low]))..) else { break };
        received = rest;
        many += 1;
    }
    many
}
