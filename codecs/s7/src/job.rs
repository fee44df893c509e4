//! What a client asks for.

use crate::error::DecodeError;
use crate::fault::ItemFault;
use crate::item::{Extent, ITEM_BYTES, Item};
use crate::pdu::{ANSWER_HEAD_BYTES, JOB_HEAD_BYTES, Parts, READ, SETUP, WRITE};
use crate::read::Read;
use bytes::{BufMut, Bytes, BytesMut};

/// Function and number of items.
pub(crate) const COUNT_BYTES: usize = 2;
/// Bytes of the head of a value: return code, transport size, length.
pub(crate) const VALUE_HEAD_BYTES: usize = 4;

const BITS: u8 = 0x03;
const BYTES: u8 = 0x04;
const INTEGER: u8 = 0x05;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    Setup(Setup),
    Read(Vec<Item>),
    Write(Vec<Write>),
    /// Anything else, by its function: nothing here does it.
    Unserved(u8),
}

/// What a connection can do, as one side offers it and the other one grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Jobs of the client that may be under way at once.
    pub jobs_calling: u16,
    pub jobs_called: u16,
    pub pdu_bytes: u16,
}

/// A value and where it goes. It has as many bytes as its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub item: Item,
    pub bytes: Bytes,
}

impl Job {
    pub(crate) fn read(parts: Parts) -> Result<Job, DecodeError> {
        let Parts { mut parameters, mut data } = parts;
        let job = match parameters.u8("a function")? {
            SETUP => Setup::read(&mut parameters).map(Job::Setup)?,
            function @ (READ | WRITE) => match items(&mut parameters)? {
                Ok(items) if function == READ => Job::Read(items),
                Ok(items) => Job::Write(values(items, &mut data)?),
                Err(_) => return Ok(Job::Unserved(function)),
            },
            other => return Ok(Job::Unserved(other)),
        };
        parameters.end()?;
        data.end()?;
        Ok(job)
    }

    pub(crate) fn put(&self, parameters: &mut BytesMut, data: &mut BytesMut) {
        match self {
            Self::Setup(setup) => setup.put(parameters),
            Self::Read(items) => put_items(READ, items.iter(), parameters),
            Self::Write(writes) => {
                put_items(WRITE, writes.iter().map(|write| &write.item), parameters);
                for write in writes {
                    pad(data);
                    let is_bit = matches!(write.item.extent, Extent::Bit(_));
                    put_value(0, if is_bit { BITS } else { BYTES }, &write.bytes, data);
                }
            }
            Self::Unserved(function) => parameters.put_u8(*function),
        }
    }
}

impl Setup {
    /// Behind the function.
    pub(crate) fn read(parameters: &mut Read) -> Result<Setup, DecodeError> {
        const WHAT: &str = "a negotiation";
        parameters.skip(1, WHAT)?;
        let (jobs_calling, jobs_called) = (parameters.u16(WHAT)?, parameters.u16(WHAT)?);
        Ok(Setup { jobs_calling, jobs_called, pdu_bytes: parameters.u16(WHAT)? })
    }

    pub(crate) fn put(&self, parameters: &mut BytesMut) {
        parameters.put_slice(&[SETUP, 0]);
        parameters.put_u16(self.jobs_calling);
        parameters.put_u16(self.jobs_called);
        parameters.put_u16(self.pdu_bytes);
    }
}

/// As many as are said to be there. One that is not served spoils the job, but not the connection.
fn items(parameters: &mut Read) -> Result<Result<Vec<Item>, ItemFault>, DecodeError> {
    let many = parameters.u8("a number of items")?;
    (0..many).map(|_| Item::read(parameters)).collect()
}

fn put_items<'a>(function: u8, items: impl ExactSizeIterator<Item = &'a Item>, parameters: &mut BytesMut) {
    parameters.put_slice(&[function, u8::try_from(items.len()).expect("a PDU has no room for more items")]);
    items.for_each(|item| item.put(parameters));
}

fn values(items: Vec<Item>, data: &mut Read) -> Result<Vec<Write>, DecodeError> {
    let write = |item: Item| {
        data.skip(1, "the head of a value")?;
        let bytes = value(data)?;
        if bytes.len() != item.bytes() {
            return Err(DecodeError::Contents("a value of another length than its item"));
        }
        Ok(Write { item, bytes })
    };
    items.into_iter().map(write).collect()
}

/// A value behind its return code. Some lengths are in bits, some in bytes. An odd one is padded, but for the last.
pub(crate) fn value(data: &mut Read) -> Result<Bytes, DecodeError> {
    const WHAT: &str = "a value";
    let (size, length) = (data.u8(WHAT)?, usize::from(data.u16(WHAT)?));
    let bytes = match size {
        BITS | BYTES | INTEGER => length.div_ceil(8),
        _ => length,
    };
    let value = data.bytes(bytes, WHAT)?;
    if bytes % 2 == 1 && !data.0.is_empty() {
        data.skip(1, WHAT)?;
    }
    Ok(value)
}

/// Before a value: what is before it becomes even.
pub(crate) fn pad(data: &mut BytesMut) {
    if data.len() % 2 == 1 {
        data.put_u8(0);
    }
}

fn put_value(code: u8, size: u8, bytes: &[u8], data: &mut BytesMut) {
    let bits = if size == BITS { 1 } else { bytes.len() * 8 };
    data.put_slice(&[code, size]);
    data.put_u16(u16::try_from(bits).expect("a value fits into a PDU"));
    data.put_slice(bytes);
}

/// A value that was read.
pub(crate) fn put_bytes(code: u8, bytes: &[u8], data: &mut BytesMut) {
    put_value(code, BYTES, bytes, data);
}

/// Of the job or of its answer, whichever is longer.
pub(crate) fn read_bytes(items: &[Item]) -> usize {
    let job = JOB_HEAD_BYTES + COUNT_BYTES + items.len() * ITEM_BYTES;
    let values = items.iter().map(|item| VALUE_HEAD_BYTES + item.bytes().next_multiple_of(2)).sum::<usize>();
    job.max(ANSWER_HEAD_BYTES + COUNT_BYTES + values)
}

pub(crate) fn write_bytes(writes: &[Write]) -> usize {
    let one = |write: &Write| ITEM_BYTES + VALUE_HEAD_BYTES + write.bytes.len().next_multiple_of(2);
    JOB_HEAD_BYTES + COUNT_BYTES + writes.iter().map(one).sum::<usize>()
}
