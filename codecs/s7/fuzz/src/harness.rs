//! What must hold for any bytes whatever, as one function that panics where it does not: fed whole or in pieces the outcome is the
//! same; an accepted PDU can be written, and read back equal; neither end of a connection panics or says more than it was
//! negotiated; a text that is an address is one. Shared by the libFuzzer target and the test suite.

use bytes::{Bytes, BytesMut};
use tidegate_codec_s7::{
    Area, Body, Client, DecodeError, Decoder, Event, Extent, Item, ItemFault, Job, Memory, Offer, Pdu,
    Server, Tag, Tpdu,
};

const PDU_BYTES: u16 = 480;
/// A TPKT, the head of a TPDU and a PDU.
const FRAME_BYTES_MAX: usize = 7 + PDU_BYTES as usize;

pub(crate) type Decode<'a> = &'a dyn Fn(Bytes) -> Result<Pdu, DecodeError>;

/// Runs every check; returns how many PDUs were accepted.
pub(crate) fn fuzz_one(data: &[u8]) -> usize {
    check(data, &Pdu::decode)
}

/// With the given decoder of PDUs; the suite plants a faulty one.
pub(crate) fn check(data: &[u8], decode: Decode<'_>) -> usize {
    let piece_bytes = 1 + data.first().map_or(0, |byte| usize::from(byte % 7));
    let whole = feed(data, data.len().max(1));
    assert_eq!(feed(data, piece_bytes), whole, "fed {piece_bytes} bytes at a time");
    let pdus = whole.0.into_iter().filter_map(|tpdu| match tpdu {
        Tpdu::Data(pdu) => Some(pdu),
        _ => None,
    });
    let accepted = pdus.filter(|pdu| check_round_trip(pdu.clone(), decode)).count();
    check_server(data);
    check_client(data);
    check_tag(data);
    accepted
}

fn feed(data: &[u8], piece_bytes: usize) -> (Vec<Tpdu>, Option<DecodeError>) {
    let (mut decoder, mut buffer, mut tpdus) = (Decoder::new(PDU_BYTES), BytesMut::new(), Vec::new());
    for piece in data.chunks(piece_bytes) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Some(tpdu)) => tpdus.push(tpdu),
                Ok(None) => break,
                Err(error) => return (tpdus, Some(error)),
            }
        }
    }
    (tpdus, None)
}

/// A job with an item that is not served is known by its function alone.
fn check_round_trip(bytes: Bytes, decode: Decode<'_>) -> bool {
    let Ok(pdu) = decode(bytes) else { return false };
    let is_known = !matches!(pdu.body, Body::Job(Job::Unserved(_)));
    if is_known {
        assert_eq!(Pdu::decode(pdu.encode()).as_ref(), Ok(&pdu), "read back");
    }
    is_known
}

/// A hundred bytes of everything.
struct Small;

impl Memory for Small {
    fn read(&mut self, item: Item) -> Result<Bytes, ItemFault> {
        let is_inside = item.at as usize + item.bytes() <= 100;
        if is_inside { Ok(vec![1; item.bytes()].into()) } else { Err(ItemFault::Address) }
    }

    fn write(&mut self, item: Item, bytes: &[u8]) -> Result<(), ItemFault> {
        assert_eq!(item.bytes(), bytes.len(), "a value has the length of its item");
        Ok(())
    }
}

pub(crate) fn open_client() -> (Client, Server) {
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut client = Client::begin(Offer { pdu_bytes: PDU_BYTES, ..Offer::rack_slot(0, 1) }, &mut to_server);
    let mut server = Server::new(PDU_BYTES, 8);
    loop {
        server.serve(&mut to_server, &mut Small, &mut to_client).expect("our own client is understood");
        let event = client.next(&mut to_client, &mut to_server).expect("our own server is understood");
        if let Some(Event::Open(_)) = event {
            return (client, server);
        }
    }
}

fn check_server(data: &[u8]) {
    for mut server in [Server::new(PDU_BYTES, 8), open_client().1] {
        let mut out = BytesMut::new();
        let _ = server.serve(&mut BytesMut::from(data), &mut Small, &mut out);
        let mut decoder = Decoder::new(PDU_BYTES);
        while let Some(tpdu) = decoder.next(&mut out).expect("what a server says is in frames") {
            if let Tpdu::Data(pdu) = tpdu {
                assert!(
                    pdu.len() <= FRAME_BYTES_MAX && Pdu::decode(pdu).is_ok(),
                    "what a server says is a PDU"
                );
            }
        }
    }
}

fn check_client(data: &[u8]) {
    let (mut client, _) = open_client();
    let item = |extent| Item { area: Area::Block(1), at: 4, extent };
    let items = [item(Extent::Bytes(4)), item(Extent::Bytes(1)), item(Extent::Bit(3))];
    client.read(&items, &mut BytesMut::new()).expect("it fits");
    let mut buffer = BytesMut::from(data);
    while let Ok(Some(event)) = client.next(&mut buffer, &mut BytesMut::new()) {
        if let Event::Read { outcome: Ok(outcomes), .. } = event {
            let found: Vec<_> = outcomes.iter().map(|one| one.as_ref().map_or(0, Bytes::len)).collect();
            assert!(found.iter().zip([4, 1, 1]).all(|(found, asked)| *found == 0 || *found == asked));
        }
    }
}

fn check_tag(data: &[u8]) {
    if let Ok(tag) = Tag::parse(&String::from_utf8_lossy(data)) {
        assert!(u64::from(tag.at) + u64::from(tag.bytes()) <= 1 << 21, "inside of what an address can say");
    }
}
