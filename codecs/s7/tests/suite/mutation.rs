//! A bounded, seeded stand-in for the fuzzer on stable: valid exchanges, damaged a few times each, and noise, through the same checks.

use crate::harness::{check, fuzz_one};
use bytes::BytesMut;
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::panic::catch_unwind;
use tidegate_codec_s7::{
    Answer, Area, Body, Client, Connect, Extent, Item, ItemFault, Job, Offer, Pdu, Refusal, Setup, Tpdu,
    Write,
};

/// In their frames.
fn corpus() -> Vec<Vec<u8>> {
    let item = |at, extent| Item { area: Area::Block(1), at, extent };
    let items = vec![item(0, Extent::Bytes(4)), item(70_000, Extent::Bytes(3)), item(4, Extent::Bit(5))];
    let write = |item: Item| Write { item, bytes: vec![1; item.bytes()].into() };
    let setup = Setup { jobs_calling: 8, jobs_called: 8, pdu_bytes: 480 };
    let values = vec![Ok("four".into()), Err(ItemFault::Missing), Ok("one".into()), Ok("x".into())];
    let bodies = [
        Body::Job(Job::Setup(setup)),
        Body::Job(Job::Read(items.clone())),
        Body::Job(Job::Write(items.into_iter().map(write).collect())),
        Body::Answer(Answer::Setup(setup)),
        Body::Answer(Answer::Read(values)),
        Body::Answer(Answer::Written(vec![Ok(()), Err(ItemFault::Address)])),
        Body::Answer(Answer::Refused(Refusal { class: 0x81, code: 0x04 })),
    ];
    let frame = |body| framed(&Pdu { reference: 2, body }.encode());
    let mut hello = BytesMut::new();
    Client::begin(Offer::rack_slot(0, 2), &mut hello);
    let mut corpus: Vec<Vec<u8>> = bodies.into_iter().map(frame).collect();
    corpus.push(hello.to_vec());
    corpus.push(corpus.concat());
    corpus.push(b"DB1.DBD4:REAL".to_vec());
    corpus
}

pub(crate) fn framed(pdu: &[u8]) -> Vec<u8> {
    let length = (pdu.len() as u16 + 7).to_be_bytes();
    [&[3, 0, length[0], length[1], 2, 0xf0, 0x80], pdu].concat()
}

#[derive(Debug, Clone)]
enum Damage {
    Set(u8),
    Insert(u8),
    Remove,
    Cut,
}

fn damage() -> impl Strategy<Value = (prop::sample::Index, Damage)> {
    let byte = prop_oneof![Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    let one = prop_oneof![
        4 => byte.clone().prop_map(Damage::Set),
        1 => byte.prop_map(Damage::Insert),
        1 => Just(Damage::Remove),
        1 => Just(Damage::Cut),
    ];
    (any::<prop::sample::Index>(), one)
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let streams = prop::sample::select(corpus());
    (streams, prop::collection::vec(damage(), 0..4)).prop_map(|(mut bytes, damages)| {
        for (at, damage) in damages {
            let at = at.index(bytes.len().max(1));
            match damage {
                Damage::Insert(byte) => bytes.insert(at, byte),
                Damage::Cut => bytes.truncate(at),
                Damage::Set(_) | Damage::Remove if bytes.is_empty() => {}
                Damage::Set(byte) => bytes[at] = byte,
                Damage::Remove => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(Config::with_cases(5_000))]

    #[test]
    fn no_damage_to_an_exchange_breaks_the_codec(bytes in damaged()) {
        fuzz_one(&bytes);
    }

    #[test]
    fn no_noise_in_a_frame_breaks_the_codec(pdu in prop::collection::vec(any::<u8>(), 0..64), head: bool) {
        let pdu = if head { [&[0x32, 3, 0, 0, 0, 2], &pdu[..]].concat() } else { pdu };
        fuzz_one(&framed(&pdu));
    }
}

#[test]
fn what_is_not_damaged_is_accepted() {
    let accepted: usize = corpus().iter().map(|stream| fuzz_one(stream)).sum();
    assert_eq!(accepted, 14);
}

#[test]
fn a_decoder_that_takes_a_fault_for_a_value_is_found() {
    let faulty = |bytes| {
        let mut pdu = Pdu::decode(bytes)?;
        if let Body::Answer(Answer::Read(outcomes)) = &mut pdu.body {
            outcomes.iter_mut().filter(|one| one.is_err()).for_each(|one| *one = Err(ItemFault::Other(0xff)));
        }
        Ok(pdu)
    };
    let found = corpus().iter().filter(|stream| catch_unwind(|| check(stream, &faulty)).is_err()).count();
    assert_eq!(found, 2, "the answer alone, and all of them in a row");
}

#[test]
fn a_connect_comes_back_as_it_went() {
    let mut out = BytesMut::new();
    Client::begin(Offer::rack_slot(1, 3), &mut out);
    let tpdu = tidegate_codec_s7::Decoder::new(240).next(&mut out);
    let connect =
        Connect { destination: 0, source: 1, calling_tsap: 0x0100, called_tsap: 0x0323, tpdu_size: 10 };
    assert_eq!(tpdu, Ok(Some(Tpdu::ConnectRequest(connect))));
}
