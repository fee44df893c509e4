//! A profile in the form of pprof: `profile.proto` of github.com/google/pprof, written by hand and compressed by gzip. Pure.
//!
//! Two values for each stack: samples, and the CPU time they stand for. A caller's address is that of the instruction before the one it
//! returns to, as the form wants it.

use crate::mapping::Mapping;
use crate::profile::Profile;
use crate::symbols::{Named, readable};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

const WRITES: &str = "writing to memory does not fail";

/// A message of protobuf.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Zero is what a number is that is left out.
    fn number(&mut self, field: u64, value: u64) -> &mut Message {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Message {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn message(&mut self, field: u64, message: &Message) -> &mut Message {
        self.bytes(field, &message.0)
    }

    fn packed(&mut self, field: u64, values: impl IntoIterator<Item = u64>) -> &mut Message {
        let mut packed = Message::default();
        values.into_iter().for_each(|value| packed.varint(value));
        self.message(field, &packed)
    }
}

/// Texts by number; the empty one is 0.
#[derive(Debug)]
struct Texts {
    numbers: BTreeMap<String, u64>,
    texts: Vec<String>,
}

impl Texts {
    fn new() -> Texts {
        let mut texts = Texts { numbers: BTreeMap::new(), texts: Vec::new() };
        texts.number("");
        texts
    }

    fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

/// The whole file. `named` has what is known of the addresses of each mapping.
pub(crate) fn file(profile: &Profile, mappings: &[(Mapping, Named)]) -> Vec<u8> {
    let mut texts = Texts::new();
    let mut whole = Message::default();
    let kind = |texts: &mut Texts, kind, unit| {
        let mut message = Message::default();
        message.number(1, texts.number(kind)).number(2, texts.number(unit));
        message
    };
    let (samples, cpu) = (kind(&mut texts, "samples", "count"), kind(&mut texts, "cpu", "nanoseconds"));
    whole.message(1, &samples).message(1, &cpu);
    let addresses: BTreeSet<usize> = profile.addresses().collect();
    let numbers: BTreeMap<usize, u64> = addresses.iter().copied().zip(1..).collect();
    for ((thread, frames), count) in &profile.stacks {
        let thread = profile.names.get(thread).map_or("", |name| name);
        whole.message(
            2,
            &sample(&mut texts, thread, frames.iter().map(|frame| numbers[frame]), *count, profile),
        );
    }
    for (number, (mapping, named)) in (1..).zip(mappings) {
        whole.message(3, &mapped(&mut texts, number, mapping, named));
    }
    let functions = put_locations(&mut whole, &numbers, mappings);
    for (name, number) in functions {
        let mut function = Message::default();
        let texts = [texts.number(&readable(name)), texts.number(name)];
        function.number(1, number).number(2, texts[0]).number(3, texts[1]);
        whole.message(5, &function);
    }
    let words = format!(
        "{} samples found no room, {} threads could not be sampled",
        profile.dropped, profile.unreached
    );
    let words = texts.number(&words);
    for text in &texts.texts {
        whole.bytes(6, text.as_bytes());
    }
    whole.number(9, profile.began_ms * 1_000_000).number(10, profile.span_ns);
    whole.message(11, &cpu).number(12, profile.period_ns()).packed(13, [words]);
    zipped(&whole.0)
}

fn sample(
    texts: &mut Texts,
    thread: &str,
    locations: impl Iterator<Item = u64>,
    count: u64,
    profile: &Profile,
) -> Message {
    let (mut message, mut label) = (Message::default(), Message::default());
    label.number(1, texts.number("thread")).number(2, texts.number(thread));
    message.packed(1, locations).packed(2, [count, count * profile.period_ns()]).message(3, &label);
    message
}

fn mapped(texts: &mut Texts, number: u64, mapping: &Mapping, named: &Named) -> Message {
    let mut message = Message::default();
    message.number(1, number).number(2, mapping.start as u64).number(3, mapping.end as u64);
    message.number(4, mapping.offset as u64).number(5, texts.number(&mapping.file));
    message.number(6, texts.number(&named.build_id)).number(7, u64::from(!named.functions.is_empty()));
    message
}

/// Every location; and the functions they name, with their numbers.
fn put_locations<'n>(
    whole: &mut Message,
    numbers: &BTreeMap<usize, u64>,
    mappings: &'n [(Mapping, Named)],
) -> BTreeMap<&'n str, u64> {
    let mut functions = BTreeMap::new();
    for (address, number) in numbers {
        let mut location = Message::default();
        location.number(1, *number);
        let found = (1..).zip(mappings).find(|(_, (mapping, _))| mapping.contains(*address));
        if let Some((mapping, _)) = found {
            location.number(2, mapping);
        }
        location.number(3, *address as u64);
        if let Some(name) = found.and_then(|(_, (_, named))| named.functions.get(address)) {
            let next = functions.len() as u64 + 1;
            let mut line = Message::default();
            line.number(1, *functions.entry(name.as_str()).or_insert(next));
            location.message(4, &line);
        }
        whole.message(4, &location);
    }
    functions
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect(WRITES);
    encoder.finish().expect(WRITES)
}
