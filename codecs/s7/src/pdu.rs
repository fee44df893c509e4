//! The head of a PDU and which of a job or an answer it is.

use crate::answer::Answer;
use crate::error::DecodeError;
use crate::fault::Refusal;
use crate::job::Job;
use crate::read::Read;
use bytes::{BufMut, Bytes, BytesMut};

const PROTOCOL: u8 = 0x32;
const JOB: u8 = 1;
/// An answer that has nothing but a head.
const ACK: u8 = 2;
const ACK_DATA: u8 = 3;

pub(crate) const JOB_HEAD_BYTES: usize = 10;
pub(crate) const ANSWER_HEAD_BYTES: usize = 12;

pub(crate) const READ: u8 = 0x04;
pub(crate) const WRITE: u8 = 0x05;
pub(crate) const SETUP: u8 = 0xf0;

/// One PDU. The reference of a job comes back with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    pub reference: u16,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Job(Job),
    Answer(Answer),
}

/// What follows a head: parameters, and data behind them.
pub(crate) struct Parts {
    pub(crate) parameters: Read,
    pub(crate) data: Read,
}

impl Pdu {
    pub fn decode(pdu: Bytes) -> Result<Pdu, DecodeError> {
        const WHAT: &str = "its head";
        let mut read = Read(pdu);
        if read.u8(WHAT)? != PROTOCOL {
            return Err(DecodeError::Contents("another protocol's number"));
        }
        let kind = read.u8(WHAT)?;
        read.skip(2, WHAT)?;
        let (reference, parameters, data) = (read.u16(WHAT)?, read.u16(WHAT)?, read.u16(WHAT)?);
        let refusal = match kind {
            JOB => None,
            ACK | ACK_DATA => Some(Refusal { class: read.u8(WHAT)?, code: read.u8(WHAT)? }),
            _ => return Err(DecodeError::Contents("a kind that has no place here")),
        };
        let parameters = Read(read.bytes(parameters.into(), "its parameters")?);
        let data = Read(read.bytes(data.into(), "its data")?);
        read.end()?;
        let parts = Parts { parameters, data };
        let body = match refusal {
            None => Body::Job(Job::read(parts)?),
            Some(Refusal { class: 0, code: 0 }) => Body::Answer(Answer::read(parts)?),
            Some(refusal) => Body::Answer(Answer::Refused(refusal)),
        };
        Ok(Pdu { reference, body })
    }

    /// The bytes of it. A PDU within the negotiated size has room for its counts and lengths.
    pub fn encode(&self) -> Bytes {
        let (mut parameters, mut data) = (BytesMut::new(), BytesMut::new());
        let (kind, refusal) = match &self.body {
            Body::Job(job) => {
                job.put(&mut parameters, &mut data);
                (JOB, None)
            }
            Body::Answer(Answer::Refused(refusal)) => (ACK, Some([refusal.class, refusal.code])),
            Body::Answer(answer) => {
                answer.put(&mut parameters, &mut data);
                (ACK_DATA, Some([0, 0]))
            }
        };
        let mut out = BytesMut::with_capacity(ANSWER_HEAD_BYTES + parameters.len() + data.len());
        out.put_slice(&[PROTOCOL, kind, 0, 0]);
        out.put_u16(self.reference);
        out.put_u16(length(&parameters));
        out.put_u16(length(&data));
        out.put_slice(refusal.as_ref().map_or(&[][..], |refusal| &refusal[..]));
        out.put_slice(&parameters);
        out.put_slice(&data);
        out.freeze()
    }
}

fn length(part: &[u8]) -> u16 {
    u16::try_from(part.len()).expect("jobs and answers are kept within the negotiated size")
}
