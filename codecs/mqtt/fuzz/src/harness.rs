//! What must hold for any bytes whatever, as one function that panics where it does not: fed whole or in pieces the
//! outcome is the same; an accepted packet can be written, and read back equal; a PUBLISH lies inside the read buffer;
//! no list is larger than the bytes it came from. Shared by the libFuzzer target and the test suite.

use bytes::BytesMut;
use tidegate_codec_mqtt::{
    DecodeError, Decoder, EncodeError, Encoder, Kind, MessageProperties, PACKET_BYTES_MAX, Packet,
    ProtocolLevel, Publish, Text, TopicName,
};

const PACKET_BYTES_ALLOWED: usize = 1 << 20;
pub(crate) const ALIAS_MAX: u16 = 8;
pub(crate) const V311: ProtocolLevel = ProtocolLevel::V311;
pub(crate) const V5: ProtocolLevel = ProtocolLevel::V5;

pub(crate) type Decode<'a> = &'a dyn Fn(&mut Decoder, &mut BytesMut) -> Result<Option<Packet>, DecodeError>;
pub(crate) type Encode<'a> = &'a dyn Fn(ProtocolLevel, &Packet, &mut BytesMut) -> Result<(), EncodeError>;

/// The codec under test; the suite plants faulty halves.
#[derive(Clone, Copy)]
pub(crate) struct Codec<'a> {
    pub(crate) decode: Decode<'a>,
    pub(crate) encode: Encode<'a>,
}

pub(crate) fn real() -> Codec<'static> {
    Codec {
        decode: &Decoder::decode,
        encode: &|level, packet, out| {
            let encoder = Encoder::new(level);
            let before = out.len();
            encoder.encode(packet, out)?;
            assert_eq!(encoder.packet_bytes(packet), Ok(out.len() - before), "as long as it said");
            Ok(())
        },
    }
}

/// Runs every check; returns how many packets were accepted.
pub(crate) fn fuzz_one(data: &[u8]) -> usize {
    check(data, real())
}

pub(crate) fn check(data: &[u8], codec: Codec<'_>) -> usize {
    let piece_bytes = 1 + data.first().map_or(0, |byte| usize::from(byte % 7));
    let mut accepted = 0;
    for decoder in [fresh_server, || open_server(V311), || open_server(V5), || client(V311), || client(V5)] {
        let whole = feed(decoder(), codec.decode, data, data.len().max(1));
        let pieces = feed(decoder(), codec.decode, data, piece_bytes);
        assert_eq!(pieces, whole, "fed {piece_bytes} bytes at a time");
        for packet in &whole.packets {
            check_memory(packet, data.len());
            check_round_trip(whole.level.unwrap_or(V311), packet, codec.encode);
        }
        accepted += whole.packets.len();
    }
    accepted
}

#[derive(Debug, PartialEq)]
struct Outcome {
    level: Option<ProtocolLevel>,
    packets: Vec<Packet>,
    failure: Option<DecodeError>,
    bytes_left: usize,
}

fn feed(mut decoder: Decoder, decode: Decode<'_>, data: &[u8], piece_bytes: usize) -> Outcome {
    let mut buffer = BytesMut::with_capacity(data.len());
    let mut outcome = Outcome { level: None, packets: Vec::new(), failure: None, bytes_left: 0 };
    for piece in data.chunks(piece_bytes) {
        buffer.extend_from_slice(piece);
        let drained = drain(&mut decoder, decode, &mut buffer, &mut outcome.packets);
        outcome.level = decoder.level();
        match drained {
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

/// Topic, payload and properties of a PUBLISH are slices of the read buffer, but for a topic that came by its alias.
fn check_slices(packet: &Packet, memory: &std::ops::Range<*const u8>) {
    let Packet::Publish(publish) = packet else { return };
    let topic = publish.alias.is_none().then(|| publish.topic.as_bytes());
    let parts = topic.into_iter().chain([&publish.payload[..]]).chain(parts_of(&publish.properties));
    for slice in parts {
        let inside = slice.as_ptr_range();
        assert!(
            slice.is_empty() || (memory.start <= inside.start && inside.end <= memory.end),
            "PUBLISH was copied"
        );
    }
}

pub(crate) fn parts_of(properties: &MessageProperties) -> impl Iterator<Item = &[u8]> {
    let MessageProperties { content_type, response_topic, correlation_data, user, .. } = properties;
    let pairs = user.iter().flat_map(|one| [one.name.as_bytes(), one.value.as_bytes()]);
    let texts = content_type.as_ref().map(Text::as_bytes).into_iter();
    let topics = response_topic.as_ref().map(TopicName::as_bytes);
    texts.chain(topics).chain(correlation_data.as_deref()).chain(pairs)
}

/// An entry takes at least three bytes on the wire in UNSUBSCRIBE, four in SUBSCRIBE, one in SUBACK and UNSUBACK, two for
/// a subscription identifier, and properties are there only where they were sent.
fn check_memory(packet: &Packet, data_bytes: usize) {
    let codes_max = 8.max(2 * data_bytes);
    match packet {
        Packet::Subscribe(subscribe) => assert!(subscribe.subscriptions.capacity() * 4 <= data_bytes),
        Packet::Unsubscribe(unsubscribe) => assert!(unsubscribe.filters.capacity() * 3 <= data_bytes),
        Packet::Suback(suback) => assert!(suback.outcomes.capacity() <= codes_max),
        Packet::Unsuback(unsuback) => assert!(unsuback.reasons.capacity() <= codes_max),
        Packet::Publish(publish) => check_publish_memory(publish, codes_max),
        _ => {}
    }
}

fn check_publish_memory(publish: &Publish, ids_max: usize) {
    assert!(publish.subscription_ids.capacity() <= ids_max);
    let properties = &publish.properties;
    assert!(properties.is_none() || **properties != MessageProperties::default(), "allocated for nothing");
}

/// Writes a packet and reads it back at an end it may come to.
pub(crate) fn check_round_trip(level: ProtocolLevel, packet: &Packet, encode: Encode<'_>) {
    let mut bytes = BytesMut::new();
    encode(level, packet, &mut bytes).expect("what was decoded can be encoded");
    let mut decoder = receiver_of(packet.kind(), level);
    decoder.set_packet_bytes_max(PACKET_BYTES_MAX);
    assert_eq!(decoder.decode(&mut bytes).as_ref(), Ok(&Some(packet.clone())), "read back");
    assert!(bytes.is_empty(), "bytes behind the packet read back");
}

/// Of two ends that may get a packet, the one that takes more of it.
fn receiver_of(kind: Kind, level: ProtocolLevel) -> Decoder {
    match kind {
        Kind::Connect => fresh_server(),
        Kind::Subscribe | Kind::Unsubscribe | Kind::Pingreq | Kind::Disconnect => open_server(level),
        _ => client(level),
    }
}

pub(crate) fn fresh_server() -> Decoder {
    with_aliases(Decoder::server(PACKET_BYTES_ALLOWED))
}

/// A server's decoder that has seen its CONNECT.
pub(crate) fn open_server(level: ProtocolLevel) -> Decoder {
    let mut decoder = fresh_server();
    let connect: &[u8] = match level {
        V5 => b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00",
        _ => b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
    };
    assert!(matches!(decoder.decode(&mut BytesMut::from(connect)), Ok(Some(Packet::Connect(_)))));
    decoder
}

pub(crate) fn client(level: ProtocolLevel) -> Decoder {
    with_aliases(Decoder::client(level, PACKET_BYTES_ALLOWED))
}

fn with_aliases(mut decoder: Decoder) -> Decoder {
    decoder.set_topic_alias_max(ALIAS_MAX);
    decoder
}
