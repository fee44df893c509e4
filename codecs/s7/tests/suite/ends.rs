//! Our client at our server, with no socket between them.

use crate::memory::Blocks;
use bytes::{Bytes, BytesMut};
use tidegate_codec_s7::{
    Area, Client, DecodeError, Event, Extent, Item, ItemFault, Limits, Negotiated, Offer, Plan, Refusal,
    Server, Tag, Value,
};

struct Line {
    client: Client,
    server: Server,
    memory: Blocks,
    to_server: BytesMut,
    to_client: BytesMut,
}

impl Line {
    fn open(server: Server, memory: Blocks) -> (Line, Negotiated) {
        let mut to_server = BytesMut::new();
        let client = Client::begin(Offer::rack_slot(0, 1), &mut to_server);
        let mut line = Line { client, server, memory, to_server, to_client: BytesMut::new() };
        assert_eq!(line.exchange(), Ok(None), "the negotiation goes out");
        match line.exchange() {
            Ok(Some(Event::Open(negotiated))) => (line, negotiated),
            other => panic!("{other:?}"),
        }
    }

    fn exchange(&mut self) -> Result<Option<Event>, DecodeError> {
        self.server.serve(&mut self.to_server, &mut self.memory, &mut self.to_client)?;
        self.client.next(&mut self.to_client, &mut self.to_server)
    }
}

fn block(bytes: usize) -> Blocks {
    Blocks::with(Area::Block(1), vec![0; bytes])
}

#[test]
fn the_smaller_pdu_and_the_fewer_jobs_are_negotiated() {
    let (_, negotiated) = Line::open(Server::new(240, 3), block(0));
    assert_eq!(negotiated, Negotiated { pdu_bytes: 240, jobs: 3 });
    let (_, negotiated) = Line::open(Server::new(9999, 99), block(0));
    assert_eq!(negotiated, Negotiated { pdu_bytes: 960, jobs: 8 });
}

#[test]
fn what_is_written_is_read_again_and_a_bit_leaves_its_neighbours() {
    let (mut line, negotiated) = Line::open(Server::new(480, 1), block(100));
    let addresses = ["DB1.DBX0.3", "DB1.DBX0.5", "DB1.DBD4:REAL", "DB1.DBB20:STRING[10]", "DB1.DBW90:INT"];
    let tags = addresses.map(|text| Tag::parse(text).unwrap());
    line.memory.0.get_mut(&Area::Block(1)).unwrap()[0] = 0b0010_0001;
    line.memory.0.get_mut(&Area::Block(1)).unwrap()[20] = 10;
    let values = [
        Value::Bool(true),
        Value::Bool(false),
        Value::Real(21.5),
        Value::Text("pump".to_owned()),
        Value::Signed(-7),
    ];
    let writes = tags.iter().zip(&values).map(|(tag, value)| tag.write(value).unwrap()).collect();
    line.client.write(writes, &mut line.to_server).unwrap();
    assert_eq!(line.exchange(), Ok(Some(Event::Written { reference: 2, outcome: Ok(vec![Ok(()); 5]) })));
    assert_eq!(line.memory.0[&Area::Block(1)][0], 0b0000_1001);

    let plan = Plan::new(&tags, Limits::of(negotiated), |_| false);
    line.client.read(&plan.reads[0].items, &mut line.to_server).unwrap();
    let Ok(Some(Event::Read { outcome: Ok(outcomes), .. })) = line.exchange() else { panic!() };
    let read: Vec<_> = plan.reads[0].values(&tags, &outcomes).map(|(_, value)| value.unwrap()).collect();
    assert_eq!(read, values);
}

#[test]
fn an_item_that_fails_leaves_the_others_of_its_job() {
    let (mut line, _) = Line::open(Server::new(480, 1), block(10));
    let item = |block, at| Item { area: Area::Block(block), at, extent: Extent::Bytes(3) };
    line.client.read(&[item(1, 0), item(2, 0), item(1, 8), item(1, 7)], &mut line.to_server).unwrap();
    let three = || Ok(Bytes::from_static(&[0; 3]));
    let outcomes = vec![three(), Err(ItemFault::Missing), Err(ItemFault::Address), three()];
    assert_eq!(line.exchange(), Ok(Some(Event::Read { reference: 2, outcome: Ok(outcomes) })));
}

#[test]
fn jobs_under_way_are_answered_each_by_its_reference() {
    let (mut line, _) = Line::open(Server::new(480, 4), block(10));
    let item = |at| Item { area: Area::Block(1), at, extent: Extent::Bytes(1) };
    let asked: Vec<u16> =
        (0..4).map(|at| line.client.read(&[item(at)], &mut line.to_server).unwrap()).collect();
    assert_eq!(line.client.under_way(), 4);
    line.server.serve(&mut line.to_server, &mut line.memory, &mut line.to_client).unwrap();
    // The last answer first.
    let frame_bytes = line.to_client.len() / 4;
    let frames: Vec<&[u8]> = line.to_client.chunks(frame_bytes).rev().collect();
    line.to_client = BytesMut::from(&frames.concat()[..]);
    for expected in asked.iter().rev() {
        let Ok(Some(Event::Read { reference, .. })) = line.exchange() else { panic!() };
        assert_eq!(reference, *expected);
    }
    assert_eq!(line.client.under_way(), 0);
}

#[test]
fn a_station_with_short_tpdus_is_spoken_to_in_pieces() {
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut client = Client::begin(Offer::rack_slot(0, 1), &mut to_server);
    let mut server = Server::new(480, 1);
    let mut memory = block(400);
    server.serve(&mut to_server, &mut memory, &mut to_client).unwrap();
    // The confirm says 128 bytes (2 to the power of 7) in place of what was asked.
    let size = to_client.windows(2).position(|pair| pair == [0xc0, 1]).unwrap() + 2;
    to_client[size] = 7;
    client.next(&mut to_client, &mut to_server).unwrap();
    server.serve(&mut to_server, &mut memory, &mut to_client).unwrap();
    client.next(&mut to_client, &mut to_server).unwrap();
    let write = Tag::parse("DB1.DBB0:STRING").unwrap().write(&Value::Text("x".repeat(200))).unwrap();
    client.write(vec![write], &mut to_server).unwrap();
    let frames = to_server.windows(7).filter(|head| head[..2] == [3, 0] && head[4..6] == [2, 0xf0]).count();
    assert_eq!(frames, 2);
    server.serve(&mut to_server, &mut memory, &mut to_client).unwrap();
    assert_eq!(memory.0[&Area::Block(1)][1..4], [200, b'x', b'x']);
}

#[test]
fn a_server_refuses_what_would_not_fit_and_what_it_does_not_do_and_goes_on() {
    let (mut line, _) = Line::open(Server::new(240, 1), block(400));
    let frame = |pdu: &[u8]| crate::mutation::framed(pdu);
    let long = [0x32, 1, 0, 0, 0, 2, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 2, 1, 0, 0, 1, 0x84, 0, 0, 0];
    let stop = [0x32, 1, 0, 0, 0, 3, 0, 1, 0, 0, 0x29];
    for (job, refusal) in
        [(&long[..], Refusal { class: 0x85, code: 0 }), (&stop[..], Refusal { class: 0x81, code: 4 })]
    {
        line.to_server.extend_from_slice(&frame(job));
        line.server.serve(&mut line.to_server, &mut line.memory, &mut line.to_client).unwrap();
        let answer = line.to_client.split();
        assert_eq!(answer[8..9], [2], "a head alone");
        assert_eq!(answer[17..], [refusal.class, refusal.code]);
    }
    let item = Item { area: Area::Block(1), at: 0, extent: Extent::Bytes(1) };
    line.client.read(&[item], &mut line.to_server).unwrap();
    assert!(matches!(line.exchange(), Ok(Some(Event::Read { .. }))));
}

#[test]
fn a_server_wants_a_connection_before_data_and_one_alone() {
    let mut server = Server::new(480, 1);
    let setup = crate::mutation::framed(&[0x32, 1, 0, 0, 0, 1, 0, 8, 0, 0, 0xf0, 0, 0, 1, 0, 1, 1, 0xe0]);
    let serve = |server: &mut Server, bytes: &[u8]| {
        server
            .serve(&mut BytesMut::from(bytes), &mut block(0), &mut BytesMut::new())
            .map_err(|error| error.code())
    };
    assert_eq!(serve(&mut server, &setup), Err("TG-SI-012"));
    let mut hello = BytesMut::new();
    Client::begin(Offer::rack_slot(0, 1), &mut hello);
    assert_eq!(serve(&mut server, &hello), Ok(()));
    assert_eq!(serve(&mut server, &hello), Err("TG-SI-012"));
}
