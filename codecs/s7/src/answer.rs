//! What a station answers.

use crate::error::DecodeError;
use crate::fault::{ItemFault, Refusal, SUCCESS};
use crate::job::{self, Setup, VALUE_HEAD_BYTES};
use crate::pdu::{Parts, READ, SETUP, WRITE};
use crate::read::Read;
use bytes::{BufMut, Bytes, BytesMut};

/// What became of each item of a job, in its order.
pub type Outcomes<T> = Vec<Result<T, ItemFault>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Setup(Setup),
    Read(Outcomes<Bytes>),
    Written(Outcomes<()>),
    /// Nothing was done.
    Refused(Refusal),
}

impl Answer {
    pub(crate) fn read(parts: Parts) -> Result<Answer, DecodeError> {
        let Parts { mut parameters, mut data } = parts;
        let answer = match parameters.u8("a function")? {
            SETUP => Answer::Setup(Setup::read(&mut parameters)?),
            READ => Answer::Read(outcomes(&mut parameters, &mut data, read_value)?),
            WRITE => Answer::Written(outcomes(&mut parameters, &mut data, read_code)?),
            _ => return Err(DecodeError::Contents("an answer to a function that is not used here")),
        };
        parameters.end()?;
        data.end()?;
        Ok(answer)
    }

    /// A refusal has neither parameters nor data.
    pub(crate) fn put(&self, parameters: &mut BytesMut, data: &mut BytesMut) {
        match self {
            Self::Setup(setup) => setup.put(parameters),
            Self::Read(outcomes) => {
                put_count(READ, outcomes, parameters);
                outcomes.iter().for_each(|outcome| put_outcome(outcome, data));
            }
            Self::Written(outcomes) => {
                put_count(WRITE, outcomes, parameters);
                data.extend(
                    outcomes.iter().map(|outcome| outcome.map_or_else(ItemFault::byte, |()| SUCCESS)),
                );
            }
            Self::Refused(_) => {}
        }
    }
}

fn outcomes<T>(
    parameters: &mut Read,
    data: &mut Read,
    one: impl Fn(&mut Read) -> Result<Result<T, ItemFault>, DecodeError>,
) -> Result<Outcomes<T>, DecodeError> {
    let many = parameters.u8("a number of items")?;
    (0..many).map(|_| one(data)).collect()
}

/// A fault is a head alone; what it says of a length means nothing.
fn read_value(data: &mut Read) -> Result<Result<Bytes, ItemFault>, DecodeError> {
    let code = data.u8("a return code")?;
    if code == SUCCESS {
        return job::value(data).map(Ok);
    }
    data.skip(VALUE_HEAD_BYTES - 1, "the head of a value")?;
    Ok(Err(ItemFault::from_byte(code)))
}

fn read_code(data: &mut Read) -> Result<Result<(), ItemFault>, DecodeError> {
    let code = data.u8("a return code")?;
    Ok(if code == SUCCESS { Ok(()) } else { Err(ItemFault::from_byte(code)) })
}

fn put_count<T>(function: u8, outcomes: &Outcomes<T>, parameters: &mut BytesMut) {
    let many = u8::try_from(outcomes.len()).expect("a job has no more items");
    parameters.put_slice(&[function, many]);
}

fn put_outcome(outcome: &Result<Bytes, ItemFault>, data: &mut BytesMut) {
    job::pad(data);
    match outcome {
        Ok(bytes) => job::put_bytes(SUCCESS, bytes, data),
        Err(fault) => data.put_slice(&[fault.byte(), 0, 0, 0]),
    }
}
