//! What must hold for any bytes whatever, as one function that panics where it does not: fed whole or in pieces the
//! outcome is the same; an accepted packet can be written, and read back equal; a PUBLISH lies inside the read buffer;
//! no list is larger than the bytes it came from. Shared by the libFuzzer target and the test suite.

use bytes::BytesMut;
use tidegate_codec_mqtt::{
    DecodeError, Decoder, EncodeError, Encoder, Kind, PACKET_BYTES_MAX, Packet, ProtocolLevel,
};

const PACKET_BYTES_ALLOWED: usize = 1 << 20;

pub(crate) type Decode<'a> = &'a dyn Fn(&mut Decoder, &mut BytesMut) -> Result<Option<Packet>, DecodeError>;
pub(crate) type Encode<'a> = &'a dyn Fn(&Packet, &mut BytesMut) -> Result<(), EncodeError>;

/// The codec under test; the suite plants faulty halves.
#[derive(Clone, Copy)]
pub(crate) struct Codec<'a> {
    pub(crate) decode: Decode<'a>,
    pub(crate) encode: Encode<'a>,
}

pub(crate) fn real() -> Codec<'static> {
    Codec {
        decode: &Decoder::decode,
        encode: &|packet, out| Encoder::new(ProtocolLevel::V311).encode(packet, out),
    }
}

/// Runs every check; returns how many packets were accepted.
pub(crate) fn fuzz_one(data: &[u8]) -> usize {
    check(data, real())
}

pub(crate) fn check(data: &[u8], codec: Codec<'_>) -> usize {
    let piece_bytes = 1 + data.first().map_or(0, |byte| usize::from(byte % 7));
    let mut accepted = 0;
    for decoder in [fresh_server, open_server, client] {
        let whole = feed(decoder(), codec.decode, data, data.len().max(1));
        let pieces = feed(decoder(), codec.decode, data, piece_bytes);
        assert_eq!(pieces, whole, "fed {piece_bytes} bytes at a time");
        for packet in &whole.packets {
            check_memory(packet, data.len());
            check_round_trip(packet, codec.encode);
        }
        accepted += whole.packets.len();
    }
    accepted
}

#[derive(Debug, PartialEq)]
struct Outcome {
    packets: Vec<Packet>,
    failure: Option<DecodeError>,
    bytes_left: usize,
}

fn feed(mut decoder: Decoder, decode: Decode<'_>, data: &[u8], piece_bytes: usize) -> Outcome {
    let mut buffer = BytesMut::with_capacity(data.len());
    let mut outcome = Outcome { packets: Vec::new(), failure: None, bytes_left: 0 };
    for piece in data.chunks(piece_bytes) {
        buffer.extend_from_slice(piece);
        match drain(&mut decoder, decode, &mut buffer, &mut outcome.packets) {
            Ok(()) => outcome.bytes_left = buffer.len(),
            // Bytes behind a failure differ by how they were fed, and mean nothing.
            Err(failure) => return Outcome { failure: Some(failure), bytes_left: 0, ..outcome },
        }
    }
    outcome
}

fn drain(
    decoder: &mut Decoder,
    decode: Decode<'_>,
    buffer: &mut BytesMut,
    packets: &mut Vec<Packet>,
) -> Result<(), DecodeError> {
    loop {
        let (memory, capacity) = (buffer.as_ptr_range(), buffer.capacity());
        let outcome = decode(decoder, buffer);
        assert!(buffer.capacity() <= capacity, "decoding grew the read buffer");
        match outcome {
            Ok(Some(packet)) => {
                check_slices(&packet, &memory);
                packets.push(packet);
            }
            Ok(None) => return Ok(()),
            Err(failure) => {
                let again = decode(decoder, &mut BytesMut::from(&b"\xc0\x00"[..]));
                assert_eq!(again, Err(failure), "a failed decoder went on");
                return Err(failure);
            }
        }
    }
}

/// Topic and payload of a PUBLISH are slices of the read buffer.
fn check_slices(packet: &Packet, memory: &std::ops::Range<*const u8>) {
    let Packet::Publish(publish) = packet else { return };
    for slice in [publish.topic.as_bytes(), &publish.payload[..]] {
        let inside = slice.as_ptr_range();
        assert!(
            slice.is_empty() || (memory.start <= inside.start && inside.end <= memory.end),
            "PUBLISH was copied"
        );
    }
}

/// An entry takes at least three bytes on the wire in UNSUBSCRIBE, four in SUBSCRIBE, one in SUBACK.
fn check_memory(packet: &Packet, data_bytes: usize) {
    match packet {
        Packet::Subscribe(subscribe) => assert!(subscribe.subscriptions.capacity() * 4 <= data_bytes),
        Packet::Unsubscribe(unsubscribe) => assert!(unsubscribe.filters.capacity() * 3 <= data_bytes),
        Packet::Suback(suback) => assert!(suback.outcomes.capacity() <= 8.max(2 * data_bytes)),
        _ => {}
    }
}

/// Writes a packet and reads it back at the end it is meant for.
pub(crate) fn check_round_trip(packet: &Packet, encode: Encode<'_>) {
    let mut bytes = BytesMut::new();
    encode(packet, &mut bytes).expect("what was decoded can be encoded");
    let mut decoder = receiver_of(packet.kind());
    decoder.set_packet_bytes_max(PACKET_BYTES_MAX);
    assert_eq!(decoder.decode(&mut bytes).as_ref(), Ok(&Some(packet.clone())), "read back");
    assert!(bytes.is_empty(), "bytes behind the packet read back");
}

fn receiver_of(kind: Kind) -> Decoder {
    match kind {
        Kind::Connect => fresh_server(),
        Kind::Subscribe | Kind::Unsubscribe | Kind::Pingreq | Kind::Disconnect => open_server(),
        _ => client(),
    }
}

pub(crate) fn fresh_server() -> Decoder {
    Decoder::server(PACKET_BYTES_ALLOWED)
}

/// A server's decoder that has seen its CONNECT.
pub(crate) fn open_server() -> Decoder {
    let mut decoder = fresh_server();
    let mut connect = BytesMut::from(&b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"[..]);
    assert!(matches!(decoder.decode(&mut connect), Ok(Some(Packet::Connect(_)))));
    decoder
}

pub(crate) fn client() -> Decoder {
    Decoder::client(ProtocolLevel::V311, PACKET_BYTES_ALLOWED)
}
