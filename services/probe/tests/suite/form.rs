//! `profile.proto` as github.com/google/pprof has it, decoded by `prost`.

use flate2::read::GzDecoder;
use prost::Message;
use std::io::Read as _;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Form {
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
    #[prost(int64, repeated, tag = "13")]
    pub(crate) comment: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(crate) kind: i64,
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(int64, tag = "1")]
    pub(crate) key: i64,
    #[prost(int64, tag = "2")]
    pub(crate) text: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Mapping {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) memory_start: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) memory_limit: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) file_offset: u64,
    #[prost(int64, tag = "5")]
    pub(crate) filename: i64,
    #[prost(int64, tag = "6")]
    pub(crate) build_id: i64,
    #[prost(bool, tag = "7")]
    pub(crate) has_functions: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Location {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) mapping_id: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) address: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Line {
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Function {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
}

/// A sample with names: the interrupted function first, and nothing where there is no name.
#[derive(Debug)]
pub(crate) struct Stack<'f> {
    pub(crate) functions: Vec<&'f str>,
    pub(crate) thread: &'f str,
    pub(crate) samples: i64,
}

impl Stack<'_> {
    pub(crate) fn leaf(&self) -> &str {
        self.functions.first().copied().unwrap_or_default()
    }
}

impl Form {
    pub(crate) fn read(file: &[u8]) -> Form {
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        let form = Form::decode(&bytes[..]).unwrap();
        assert_eq!(form.string_table[0], "");
        form
    }

    pub(crate) fn text(&self, number: i64) -> &str {
        &self.string_table[usize::try_from(number).unwrap()]
    }

    pub(crate) fn kind(&self, kind: &ValueType) -> (&str, &str) {
        (self.text(kind.kind), self.text(kind.unit))
    }

    pub(crate) fn kinds(&self) -> Vec<(&str, &str)> {
        self.sample_type.iter().map(|kind| self.kind(kind)).collect()
    }

    pub(crate) fn location(&self, id: u64) -> &Location {
        self.location.iter().find(|location| location.id == id).unwrap()
    }

    fn name(&self, location: u64) -> &str {
        let Some(line) = self.location(location).line.first() else { return "" };
        let function = self.function.iter().find(|function| function.id == line.function_id);
        self.text(function.unwrap().name)
    }

    pub(crate) fn stacks(&self) -> Vec<Stack<'_>> {
        let stack = |sample: &'_ Sample| (sample.location_id.clone(), sample.label[0], sample.value[0]);
        let stacks = self.sample.iter().map(stack);
        stacks
            .map(|(locations, label, samples)| {
                assert_eq!(self.text(label.key), "thread");
                let functions = locations.iter().map(|location| self.name(*location)).collect();
                Stack { functions, thread: self.text(label.text), samples }
            })
            .collect()
    }
}
