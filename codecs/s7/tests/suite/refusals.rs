//! Bytes that are no S7, answers that are to nothing or not what was asked.

use crate::harness::open_client;
use crate::mutation::framed;
use bytes::{Bytes, BytesMut};
use tidegate_codec_s7::{
    Answer, Area, Body, Client, DecodeError, Decoder, Extent, Item, ItemFault, Job, Offer, Outcomes, Pdu,
    Refusal, Setup, Tag, Value, ValueError,
};

#[track_caller]
fn check_frame(bytes: &[u8], code: &str) {
    let error = Decoder::new(480).next(&mut BytesMut::from(bytes)).expect_err("it is refused");
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.hint().is_empty());
}

#[test]
fn frames_that_are_none_are_refused_by_their_first_bytes() {
    check_frame(b"HTTP", "TG-SI-010");
    check_frame(&[3, 0, 0, 6], "TG-SI-011");
    check_frame(&[3, 0, 0xff, 0xff], "TG-SI-011");
    check_frame(&[3, 0, 1, 0xe8], "TG-SI-011");
}

#[test]
fn transport_that_has_no_place_here_is_refused() {
    check_frame(&[3, 0, 0, 7, 2, 0x70, 0], "TG-SI-012");
    check_frame(&[3, 0, 0, 7, 2, 0xf0, 0], "TG-SI-012");
    check_frame(&[3, 0, 0, 7, 0, 0xf0, 0], "TG-SI-014");
    check_frame(&[3, 0, 0, 7, 9, 0xf0, 0], "TG-SI-014");
    check_frame(&[3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 1, 0x20], "TG-SI-012");
    check_frame(&[3, 0, 0, 14, 9, 0xd0, 0, 1, 0, 1, 0, 0xc0, 1, 14], "TG-SI-012");
    check_frame(&[3, 0, 0, 13, 8, 0xd0, 0, 1, 0, 1, 0, 0xc1, 2], "TG-SI-014");
}

#[test]
fn data_in_pieces_has_an_end_and_a_limit() {
    let piece = |bytes: usize, end: u8| {
        let length = (bytes as u16 + 7).to_be_bytes();
        [&[3, 0, length[0], length[1], 2, 0xf0, end][..], &vec![7; bytes]].concat()
    };
    let whole = [piece(200, 0), piece(80, 0x80)].concat();
    let tpdu = Decoder::new(280).next(&mut BytesMut::from(&whole[..]));
    assert_eq!(tpdu, Ok(Some(tidegate_codec_s7::Tpdu::Data(vec![7; 280].into()))));
    assert!(Decoder::new(279).next(&mut BytesMut::from(&whole[..])).is_err());
    check_frame(&[piece(200, 0), vec![3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 1, 0]].concat(), "TG-SI-012");
}

#[track_caller]
fn check_pdu(bytes: &[u8], code: &str) {
    let error = Pdu::decode(Bytes::copy_from_slice(bytes)).expect_err("it is refused");
    assert_eq!(error.code(), code, "{error}");
}

#[test]
fn pdus_that_contradict_themselves_are_refused() {
    check_pdu(&[], "TG-SI-014");
    check_pdu(&[0x72], "TG-SI-015");
    check_pdu(&[0x32, 7, 0, 0, 0, 0, 0, 0, 0, 0], "TG-SI-015");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 4], "TG-SI-014");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 4, 0, 9], "TG-SI-015");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 4, 1], "TG-SI-014");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 2, 0, 5, 0, 0, 4, 1, 0xff, 4, 0, 32, 1], "TG-SI-014");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 2, 0, 2, 0, 0, 5, 1, 0xff, 0xff], "TG-SI-015");
    check_pdu(&[0x32, 3, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0x29], "TG-SI-015");
    check_pdu(
        &[0x32, 1, 0, 0, 0, 2, 0, 14, 0, 0, 4, 1, 0x13, 10, 0x10, 2, 0, 1, 0, 1, 0x84, 0, 0, 0],
        "TG-SI-015",
    );
}

/// What a client says to this answer, having asked for four bytes by job 2.
fn outcome(reference: u16, answer: Answer) -> Result<(), DecodeError> {
    let (mut client, _) = open_client();
    let item = Item { area: Area::Block(1), at: 4, extent: Extent::Bytes(4) };
    assert_eq!(client.read(&[item], &mut BytesMut::new()), Ok(2));
    let pdu = Pdu { reference, body: Body::Answer(answer) };
    client.next(&mut BytesMut::from(&framed(&pdu.encode())[..]), &mut BytesMut::new()).map(drop)
}

fn values(bytes: &[&'static [u8]]) -> Outcomes<Bytes> {
    bytes.iter().map(|bytes| Ok(Bytes::from_static(bytes))).collect()
}

#[test]
fn an_answer_that_is_not_to_what_was_asked_ends_the_connection() {
    assert_eq!(outcome(2, Answer::Read(values(&[b"four"]))), Ok(()));
    assert_eq!(outcome(2, Answer::Read(vec![Err(ItemFault::Missing)])), Ok(()));
    assert_eq!(outcome(2, Answer::Refused(Refusal { class: 0x85, code: 0 })), Ok(()));
    for (reference, answer, code) in [
        (3, Answer::Read(values(&[b"four"])), "TG-SI-016"),
        (1, Answer::Read(values(&[b"four"])), "TG-SI-016"),
        (2, Answer::Read(values(&[])), "TG-SI-017"),
        (2, Answer::Read(values(&[b"four", b"five"])), "TG-SI-017"),
        (2, Answer::Read(values(&[b"six"])), "TG-SI-017"),
        (2, Answer::Written(vec![Ok(())]), "TG-SI-015"),
        (2, Answer::Setup(Setup { jobs_calling: 1, jobs_called: 1, pdu_bytes: 240 }), "TG-SI-015"),
    ] {
        assert_eq!(outcome(reference, answer.clone()).map_err(|error| error.code()), Err(code), "{answer:?}");
    }
}

#[test]
fn an_answer_that_comes_twice_is_to_nothing() {
    let (mut client, _) = open_client();
    let item = Item { area: Area::Block(1), at: 4, extent: Extent::Bytes(4) };
    client.read(&[item], &mut BytesMut::new()).unwrap();
    let answer = Pdu { reference: 2, body: Body::Answer(Answer::Read(values(&[b"four"]))) };
    let mut twice = BytesMut::from(&[framed(&answer.encode()), framed(&answer.encode())].concat()[..]);
    assert!(client.next(&mut twice, &mut BytesMut::new()).is_ok());
    let error = client.next(&mut twice, &mut BytesMut::new());
    assert_eq!(error, Err(DecodeError::Reference { reference: 2 }));
}

#[test]
fn a_job_in_place_of_an_answer_is_refused() {
    let (mut client, _) = open_client();
    let job = Pdu { reference: 2, body: Body::Job(Job::Read(Vec::new())) };
    let error = client.next(&mut BytesMut::from(&framed(&job.encode())[..]), &mut BytesMut::new());
    assert_eq!(error.map_err(|error| error.code()), Err("TG-SI-015"));
}

/// What a client makes of this answer to its negotiation.
fn negotiation(answer: Answer) -> Result<(), &'static str> {
    let mut out = BytesMut::new();
    let mut client = Client::begin(Offer { pdu_bytes: 480, ..Offer::rack_slot(0, 1) }, &mut out);
    let confirm = [3, 0, 0, 14, 9, 0xd0, 0, 1, 0, 1, 0, 0xc0, 1, 10];
    client.next(&mut BytesMut::from(&confirm[..]), &mut out).unwrap();
    let pdu = Pdu { reference: 1, body: Body::Answer(answer) };
    client
        .next(&mut BytesMut::from(&framed(&pdu.encode())[..]), &mut out)
        .map(drop)
        .map_err(|error| error.code())
}

#[test]
fn a_negotiation_outside_of_what_was_offered_is_refused() {
    let setup = |pdu_bytes| Answer::Setup(Setup { jobs_calling: 0, jobs_called: 0, pdu_bytes });
    assert_eq!(negotiation(setup(240)), Ok(()));
    assert_eq!(negotiation(setup(480)), Ok(()));
    assert_eq!(negotiation(setup(239)), Err("TG-SI-018"));
    assert_eq!(negotiation(setup(481)), Err("TG-SI-018"));
    assert_eq!(negotiation(Answer::Refused(Refusal { class: 0x81, code: 4 })), Err("TG-SI-018"));
    assert_eq!(negotiation(Answer::Written(Vec::new())), Err("TG-SI-015"));
}

#[test]
fn a_station_that_ends_the_connection_says_so() {
    let mut client = Client::begin(Offer::rack_slot(0, 9), &mut BytesMut::new());
    let end = [3, 0, 0, 11, 6, 0x80, 0, 1, 0, 0, 3];
    let error = client.next(&mut BytesMut::from(&end[..]), &mut BytesMut::new()).unwrap_err();
    assert_eq!((error, error.code()), (DecodeError::Disconnected { reason: 3 }, "TG-SI-013"));
    assert!(error.hint().contains("rack and slot"));
}

#[test]
fn jobs_that_do_not_fit_into_what_was_negotiated_are_not_sent() {
    let mut out = BytesMut::new();
    let item = |bytes| Item { area: Area::Block(1), at: 0, extent: Extent::Bytes(bytes) };
    let mut unopened = Client::begin(Offer::rack_slot(0, 1), &mut out);
    assert_eq!(unopened.read(&[item(1)], &mut BytesMut::new()), Err(ValueError::TooLong));
    let (mut client, _) = open_client();
    out.clear();
    assert_eq!(client.read(&[item(463)], &mut out), Err(ValueError::TooLong));
    assert_eq!(client.read(&[item(1); 40], &mut out), Err(ValueError::TooLong));
    let text = Value::Text("x".repeat(254));
    let write = Tag::parse("DB1.DBB0:STRING").unwrap().write(&text).unwrap();
    assert_eq!(client.write(vec![write.clone(), write.clone()], &mut out), Err(ValueError::TooLong));
    assert!(out.is_empty() && client.under_way() == 0);
    assert!(client.write(vec![write], &mut out).is_ok());
    assert!(client.read(&[item(462)], &mut out).is_ok());
}
