//! A bounded, seeded stand-in for the fuzzer on stable: valid streams, damaged a few times each, through the same
//! checks. A failure prints the seed and the bytes.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{DecodeError, Decoder, Packet, ProtocolLevel};

use crate::harness::{Codec, V5, V311, check, client, real};
use crate::samples::{encoded, encoded_at, stream, to_client, to_server};
use crate::v5;

const CASES: u64 = 120_000;

/// SplitMix64: small, and the same everywhere.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`; zero where `bound` is.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let packets = to_server().into_iter().chain(to_client());
    let mut corpus: Vec<Vec<u8>> = packets.map(|packet| encoded(&packet).to_vec()).collect();
    corpus.push(stream(&to_server()));
    corpus.push(stream(&to_client()));
    for packets in [v5::samples::to_server(), v5::samples::to_client()] {
        let each: Vec<Vec<u8>> = packets.iter().map(|packet| encoded_at(V5, packet).to_vec()).collect();
        corpus.push(each.concat());
        corpus.extend(each);
    }
    corpus
}

/// One damaged stream, the same for the same seed.
fn input(seed: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Seeded(seed);
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..random.below(4) {
        damage(&mut bytes, &corpus[random.below(corpus.len())], &mut random);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Seeded) {
    const EDGES: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'+', b'#', b'/'];
    let at = random.below(bytes.len());
    match random.below(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        2 if !bytes.is_empty() => bytes[at] = EDGES[random.below(EDGES.len())],
        3 => bytes.insert(at, EDGES[random.below(EDGES.len())]),
        4 if !bytes.is_empty() => drop(bytes.remove(at)),
        5 => bytes.truncate(at),
        _ => bytes.splice(at..at, other.iter().copied()).for_each(drop),
    }
}

/// Runs one case; the error names the seed and the bytes.
fn run(seed: u64, corpus: &[Vec<u8>], codec: Codec<'_>) -> Result<usize, String> {
    let bytes = input(seed, corpus);
    catch_unwind(AssertUnwindSafe(|| check(&bytes, codec))).map_err(|_| {
        let mut report = format!("seed {seed} fails with bytes ");
        bytes.iter().for_each(|byte| write!(report, "{byte:02x}").expect("a string takes all"));
        report
    })
}

#[test]
fn no_mutation_of_a_valid_stream_breaks_the_codec() {
    let corpus = corpus();
    let mut streams_accepted = 0;
    for seed in 0..CASES {
        match run(seed, &corpus, real()) {
            Ok(packets) => streams_accepted += u64::from(packets > 0),
            Err(report) => panic!("{report}"),
        }
    }
    assert!((CASES / 10..CASES).contains(&streams_accepted), "the damage is too much or too little");
}

/// The fault is reported with its seed, and the same seed passes without it.
#[track_caller]
fn check_found(faulty: Codec<'_>) {
    let corpus = corpus();
    let (seed, report) = (0..10_000)
        .find_map(|seed| run(seed, &corpus, faulty).err().map(|report| (seed, report)))
        .expect("the fault is found");
    assert!(report.starts_with(&format!("seed {seed} fails with bytes ")), "{report}");
    assert!(run(seed, &corpus, real()).is_ok(), "{report} without the fault too");
}

/// A decoder with `fault` behind it.
fn check_decoder_fault(
    fault: impl Fn(&mut Decoder, &mut BytesMut, &mut Result<Option<Packet>, DecodeError>),
) {
    let decode = |decoder: &mut Decoder, buffer: &mut BytesMut| {
        let mut outcome = decoder.decode(buffer);
        fault(decoder, buffer, &mut outcome);
        outcome
    };
    check_found(Codec { decode: &decode, ..real() });
}

#[test]
fn an_encoder_that_loses_a_flag_is_found() {
    let encode = |level: ProtocolLevel, packet: &Packet, out: &mut BytesMut| {
        let mut packet = packet.clone();
        if let Packet::Publish(publish) = &mut packet {
            publish.retain = false;
        }
        (real().encode)(level, &packet, out)
    };
    check_found(Codec { encode: &encode, ..real() });
}

#[test]
fn an_encoder_that_sorts_user_properties_is_found() {
    let encode = |level: ProtocolLevel, packet: &Packet, out: &mut BytesMut| {
        let mut packet = packet.clone();
        if let Packet::Publish(publish) = &mut packet {
            publish.properties.user.sort_by(|one, other| one.name.cmp(&other.name));
        }
        (real().encode)(level, &packet, out)
    };
    check_found(Codec { encode: &encode, ..real() });
}

#[test]
fn a_decoder_that_copies_properties_is_found() {
    check_decoder_fault(|_, _, outcome| {
        if let Ok(Some(Packet::Publish(publish))) = outcome
            && !publish.properties.is_none()
        {
            publish.properties = publish.properties.detach().into();
        }
    });
}

#[test]
fn a_decoder_that_allocates_for_no_properties_is_found() {
    check_decoder_fault(|_, _, outcome| {
        if let Ok(Some(Packet::Publish(publish))) = outcome {
            publish.properties.expiry_s = publish.properties.expiry_s.take();
        }
    });
}

#[test]
fn a_decoder_that_takes_bytes_of_an_incomplete_packet_is_found() {
    check_decoder_fault(|_, buffer, outcome| {
        if *outcome == Ok(None) {
            buffer.clear();
        }
    });
}

#[test]
fn a_decoder_that_copies_payloads_is_found() {
    check_decoder_fault(|_, _, outcome| {
        if let Ok(Some(Packet::Publish(publish))) = outcome {
            publish.payload = Bytes::copy_from_slice(&publish.payload);
        }
    });
}

#[test]
fn a_decoder_that_reserves_more_than_it_was_sent_is_found() {
    check_decoder_fault(|_, _, outcome| {
        if let Ok(Some(Packet::Subscribe(subscribe))) = outcome {
            subscribe.subscriptions.reserve(1000);
        }
    });
}

#[test]
fn a_decoder_that_grows_the_read_buffer_is_found() {
    check_decoder_fault(|_, buffer, _| buffer.reserve(1 << 20));
}

#[test]
fn a_decoder_that_goes_on_after_a_failure_is_found() {
    check_decoder_fault(|decoder, _, outcome| {
        if outcome.is_err() {
            *decoder = client(V311);
        }
    });
}
