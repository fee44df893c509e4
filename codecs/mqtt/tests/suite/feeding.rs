//! A stream means the same however the network cuts it.

use bytes::BytesMut;
use tidegate_codec_mqtt::{Decoder, Packet, PacketId};

use crate::harness::{V311, client, fresh_server};
use crate::samples::{id, stream, to_client, to_server};

/// Feeds pieces one after the other, decoding as far as possible behind each.
fn feed<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Packet> {
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(packet) = decoder.decode(&mut buffer).expect("a valid stream") {
            packets.push(packet);
        }
    }
    assert!(buffer.is_empty(), "bytes left behind the last packet");
    packets
}

#[test]
fn a_stream_cut_in_two_anywhere_gives_the_same_packets() {
    for (decoder, packets) in [(fresh_server as fn() -> _, to_server()), (|| client(V311), to_client())] {
        let bytes = stream(&packets);
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(feed(decoder(), [head, tail]), packets, "cut at {cut}");
        }
    }
}

#[test]
fn a_stream_fed_byte_by_byte_gives_the_same_packets() {
    assert_eq!(feed(fresh_server(), stream(&to_server()).chunks(1)), to_server());
    assert_eq!(feed(client(V311), stream(&to_client()).chunks(1)), to_client());
}

#[test]
fn a_truncated_packet_asks_for_more_and_takes_nothing() {
    for packet in to_client() {
        let bytes = stream(std::slice::from_ref(&packet));
        for cut in 0..bytes.len() {
            let mut buffer = BytesMut::from(&bytes[..cut]);
            assert_eq!(client(V311).decode(&mut buffer), Ok(None));
            assert_eq!(buffer, bytes[..cut]);
        }
    }
}

#[test]
fn a_detached_topic_no_longer_shares_the_read_buffer() {
    let mut buffer = BytesMut::from(&b"\x32\x07\x00\x03a/b\x00\x01"[..]);
    let memory = buffer.as_ptr_range();
    let Ok(Some(Packet::Publish(publish))) = client(V311).decode(&mut buffer) else {
        panic!("a valid PUBLISH")
    };
    assert!(memory.contains(&publish.topic.as_bytes().as_ptr()));
    let detached = publish.topic.detach();
    assert_eq!(detached, publish.topic);
    assert!(!memory.contains(&detached.as_bytes().as_ptr()));
    assert_eq!(publish.delivery.id(), Some(id(1)));
    assert_eq!(PacketId::new(0), None);
}
