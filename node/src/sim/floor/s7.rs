//! A PLC that speaks S7. The exchange is the codec's; here are its socket and its data blocks.

use crate::sim::floor::image::Image;
use crate::sim::floor::serving::{Seat, Station};
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;
use tidegate_codec_s7::{Area, Extent, Item, ItemFault, Memory, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What an S7-1500 grants.
const PDU_BYTES: u16 = 960;
const JOBS: u16 = 8;
/// The longest frame there is, and then some.
const RECEIVE_BYTES: usize = 4096;

/// Until the client goes, or says what is none of S7.
pub(super) async fn serve(mut stream: TcpStream, _seat: Seat, station: Arc<Station>) {
    let (mut server, mut received, mut to_send) =
        (Server::new(PDU_BYTES, JOBS), BytesMut::new(), BytesMut::new());
    while receive(&mut stream, &mut received).await.is_ok_and(|bytes| bytes > 0) {
        let (is_sound, has_answered) = answer(&mut server, &mut received, &station, &mut to_send);
        let is_sent = stream.write_all_buf(&mut to_send).await.is_ok();
        if !is_sound || !is_sent || (has_answered && station.closes_each()) {
            return;
        }
    }
}

async fn receive(stream: &mut TcpStream, received: &mut BytesMut) -> io::Result<usize> {
    received.reserve(RECEIVE_BYTES);
    stream.read_buf(received).await
}

/// Whether what came was sound, and whether anything was read or written.
fn answer(
    server: &mut Server,
    received: &mut BytesMut,
    station: &Station,
    to_send: &mut BytesMut,
) -> (bool, bool) {
    let mut blocks = Blocks { image: &mut station.asked(), has_answered: false };
    let is_sound = server.serve(received, &mut blocks, to_send).is_ok();
    (is_sound, blocks.has_answered)
}

struct Blocks<'i> {
    image: &'i mut Image,
    has_answered: bool,
}

impl Blocks<'_> {
    /// The number of the image's block. There are neither inputs nor outputs nor flags.
    fn block(&mut self, item: Item) -> Result<usize, ItemFault> {
        self.has_answered = true;
        let Area::Block(number) = item.area else { return Err(ItemFault::Missing) };
        let block = usize::from(number).checked_sub(1).filter(|block| self.image.has(*block));
        block.ok_or(ItemFault::Missing)
    }
}

impl Memory for Blocks<'_> {
    fn read(&mut self, item: Item) -> Result<Bytes, ItemFault> {
        let (block, at) = (self.block(item)?, item.at as usize);
        let bytes = self.image.read(block, at, item.bytes()).ok_or(ItemFault::Address)?;
        Ok(match item.extent {
            Extent::Bytes(_) => Bytes::copy_from_slice(bytes),
            Extent::Bit(bit) => Bytes::copy_from_slice(&[bytes[0] >> bit & 1]),
        })
    }

    fn write(&mut self, item: Item, bytes: &[u8]) -> Result<(), ItemFault> {
        let (block, at) = (self.block(item)?, item.at as usize);
        let written = match item.extent {
            Extent::Bytes(_) => self.image.write(block, at, bytes),
            Extent::Bit(bit) => self.image.write_bits(block, 8 * at + usize::from(bit), &[bytes[0] & 1 == 1]),
        };
        written.ok_or(ItemFault::Address)
    }
}
