//! Bytes that other implementations put on the wire, or by which they know an answer: Snap7's telegrams.

use bytes::{Bytes, BytesMut};
use tidegate_codec_s7::{
    Answer, Area, Body, Client, Event, Extent, Item, ItemFault, Job, Negotiated, Offer, Pdu, Refusal, Setup,
    Tag, Value,
};

const CONNECT_CONFIRM: &[u8] =
    &[3, 0, 0, 22, 17, 0xd0, 0, 1, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 3, 2];
const SETUP_ANSWER: &[u8] =
    &[3, 0, 0, 27, 2, 0xf0, 0x80, 0x32, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0xf0, 0, 0, 1, 0, 1, 0, 240];

/// A connection that is open, and what was sent for it.
fn open() -> (Client, Vec<u8>) {
    let mut out = BytesMut::new();
    let mut client = Client::begin(Offer::rack_slot(0, 2), &mut out);
    assert_eq!(client.next(&mut BytesMut::from(CONNECT_CONFIRM), &mut out), Ok(None));
    let event = client.next(&mut BytesMut::from(SETUP_ANSWER), &mut out);
    assert_eq!(event, Ok(Some(Event::Open(Negotiated { pdu_bytes: 240, jobs: 1 }))));
    (client, out.to_vec())
}

#[test]
fn a_connection_begins_with_a_connect_request_and_a_negotiation() {
    let connect = [3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 3, 2];
    let setup = [3, 0, 0, 25, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 0, 1, 0, 8, 0, 0, 0xf0, 0, 0, 8, 0, 8, 3, 0xc0];
    assert_eq!(open().1, [&connect[..], &setup].concat());
}

#[test]
fn a_read_of_a_block_is_the_telegram_that_snap7_sends() {
    let (mut client, _) = open();
    let mut out = BytesMut::new();
    let item = Item { area: Area::Block(1), at: 4, extent: Extent::Bytes(4) };
    assert_eq!(client.read(&[item], &mut out), Ok(2));
    let job = [
        3, 0, 0, 31, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 0, 2, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 2, 0, 4, 0, 1,
        0x84, 0, 0, 32,
    ];
    assert_eq!(out[..], job);
    let answer = [
        3, 0, 0, 29, 2, 0xf0, 0x80, 0x32, 3, 0, 0, 0, 2, 0, 2, 0, 8, 0, 0, 4, 1, 0xff, 4, 0, 32, 0x41, 0xac,
        0, 0,
    ];
    let event = client.next(&mut BytesMut::from(&answer[..]), &mut out);
    let Ok(Some(Event::Read { reference: 2, outcome: Ok(outcomes) })) = event else { panic!("{event:?}") };
    let tag = Tag::parse("DB1.DBD4:REAL").unwrap();
    assert_eq!(tag.value(outcomes[0].as_ref().unwrap()), Ok(Value::Real(21.5)));
    assert_eq!(client.under_way(), 0);
}

#[test]
fn a_bit_is_written_as_one() {
    let (mut client, _) = open();
    let mut out = BytesMut::new();
    let write = Tag::parse("M7.3").unwrap().write(&Value::Bool(true)).unwrap();
    assert_eq!(client.write(vec![write], &mut out), Ok(2));
    let job = [
        3, 0, 0, 36, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 0, 2, 0, 14, 0, 5, 5, 1, 0x12, 10, 0x10, 1, 0, 1, 0, 0,
        0x83, 0, 0, 59, 0, 3, 0, 1, 1,
    ];
    assert_eq!(out[..], job);
}

#[track_caller]
fn decoded(pdu: &'static [u8]) -> Body {
    Pdu::decode(Bytes::from_static(pdu)).unwrap().body
}

#[test]
fn values_of_odd_length_are_padded_but_for_the_last_and_lengths_come_in_bits_or_bytes() {
    let body = decoded(&[
        0x32, 3, 0, 0, 0, 2, 0, 2, 0, 28, 0, 0, 4, 5, // in bits, padded
        0xff, 4, 0, 8, 0xaa, 0, // a fault has no value
        0x0a, 0, 0, 0, // in bytes, padded
        0xff, 9, 0, 3, 1, 2, 3, 0, // a bit, padded
        0xff, 3, 0, 1, 1, 0, // in bytes, last
        0xff, 7, 0, 0,
    ]);
    let values = vec![
        Ok(Bytes::from_static(&[0xaa])),
        Err(ItemFault::Missing),
        Ok(Bytes::from_static(&[1, 2, 3])),
        Ok(Bytes::from_static(&[1])),
        Ok(Bytes::new()),
    ];
    assert_eq!(body, Body::Answer(Answer::Read(values)));
}

#[test]
fn a_refusal_is_a_head_alone_and_says_what_to_do() {
    let body = decoded(&[0x32, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0x81, 4]);
    let refusal = Refusal { class: 0x81, code: 4 };
    assert_eq!(body, Body::Answer(Answer::Refused(refusal)));
    assert!(refusal.hint().contains("PUT/GET"));
}

#[test]
fn a_job_that_is_not_served_is_known_by_its_function() {
    assert_eq!(decoded(&[0x32, 1, 0, 0, 0, 2, 0, 2, 0, 0, 0x29, 0]), Body::Job(Job::Unserved(0x29)));
    let timer = [0x32, 1, 0, 0, 0, 2, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 0x1d, 0, 1, 0, 0, 0x1d, 0, 0, 5];
    let body = Pdu::decode(Bytes::copy_from_slice(&timer)).unwrap().body;
    assert_eq!(body, Body::Job(Job::Unserved(4)));
}

#[test]
fn a_negotiation_is_read() {
    let body = decoded(&[0x32, 1, 0, 0, 0, 1, 0, 8, 0, 0, 0xf0, 0, 0, 8, 0, 4, 3, 0xc0]);
    let setup = Setup { jobs_calling: 8, jobs_called: 4, pdu_bytes: 960 };
    assert_eq!(body, Body::Job(Job::Setup(setup)));
}
