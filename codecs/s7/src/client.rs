//! The client's end of one connection, as a state machine: which TPDU is due, what was negotiated, which jobs are under way.
//!
//! ```text
//! Confirm --CC--> Setup --answer--> Open    any error: the connection is of no more use
//! ```

use crate::answer::{Answer, Outcomes};
use crate::cotp::{Connect, Decoder, Tpdu};
use crate::error::DecodeError;
use crate::fault::Refusal;
use crate::item::Item;
use crate::job::{self, Job, Setup, Write};
use crate::pdu::{Body, Pdu};
use crate::value::ValueError;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;

/// The smallest PDU a station of today grants, its head included.
pub const PDU_BYTES_MIN: u16 = 240;
/// The largest one.
pub const PDU_BYTES_MAX: u16 = 960;

const SOURCE: u16 = 1;
/// S7 basic communication: the kind of connection that PUT/GET is meant for (1 is a programming device's, 2 an operator panel's).
const CONNECTION_KIND: u16 = 3;
const CALLING_TSAP: u16 = 0x0100;

/// What a client asks for as it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub calling_tsap: u16,
    pub called_tsap: u16,
    pub pdu_bytes: u16,
    /// Jobs under way at once.
    pub jobs: u16,
}

impl Offer {
    /// The module in a rack (0 to 7) and slot (0 to 31): 0 and 2 for S7-300, as configured for S7-400, 0 and 1 for S7-1200 and
    /// S7-1500. Higher bits are left out.
    pub fn rack_slot(rack: u8, slot: u8) -> Offer {
        let called_tsap = CONNECTION_KIND << 8 | u16::from(rack & 7) << 5 | u16::from(slot & 31);
        Offer { calling_tsap: CALLING_TSAP, called_tsap, pdu_bytes: PDU_BYTES_MAX, jobs: 8 }
    }
}

/// What the station grants: never more than was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    pub pdu_bytes: u16,
    /// At least one.
    pub jobs: u16,
}

/// What came of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Jobs may be asked from now on.
    Open(Negotiated),
    Read {
        reference: u16,
        outcome: Result<Outcomes<Bytes>, Refusal>,
    },
    Written {
        reference: u16,
        outcome: Result<Outcomes<()>, Refusal>,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Confirm,
    Setup,
    Open,
}

/// The answer that a job waits for.
#[derive(Debug)]
enum Due {
    /// The bytes of each item.
    Read(Vec<usize>),
    /// The number of items.
    Write(usize),
}

#[derive(Debug)]
pub struct Client {
    offer: Offer,
    state: State,
    decoder: Decoder,
    data_bytes_max: usize,
    /// As negotiated.
    pdu_bytes: u16,
    reference: u16,
    due: BTreeMap<u16, Due>,
}

impl Client {
    /// Begins on a fresh TCP connection: the first bytes to send are in `out`.
    pub fn begin(offer: Offer, out: &mut BytesMut) -> Client {
        let connect = Connect {
            destination: 0,
            source: SOURCE,
            calling_tsap: offer.calling_tsap,
            called_tsap: offer.called_tsap,
            tpdu_size: Connect::TPDU_SIZE,
        };
        let data_bytes_max = connect.data_bytes_max();
        Tpdu::ConnectRequest(connect).put(data_bytes_max, out);
        let decoder = Decoder::new(offer.pdu_bytes);
        let (state, due) = (State::Confirm, BTreeMap::new());
        Client { offer, state, decoder, data_bytes_max, pdu_bytes: 0, reference: 0, due }
    }

    /// Jobs whose answers have not come.
    pub fn under_way(&self) -> usize {
        self.due.len()
    }

    /// Appends a job; its answer has this reference. Refused where job or answer are longer than was negotiated.
    pub fn read(&mut self, items: &[Item], out: &mut BytesMut) -> Result<u16, ValueError> {
        self.check(job::read_bytes(items))?;
        let due = Due::Read(items.iter().map(Item::bytes).collect());
        Ok(self.ask(Job::Read(items.to_vec()), Some(due), out))
    }

    /// As [`Client::read`].
    pub fn write(&mut self, writes: Vec<Write>, out: &mut BytesMut) -> Result<u16, ValueError> {
        self.check(job::write_bytes(&writes))?;
        let due = Due::Write(writes.len());
        Ok(self.ask(Job::Write(writes), Some(due), out))
    }

    /// Before the negotiation nothing fits.
    fn check(&self, pdu_bytes: usize) -> Result<(), ValueError> {
        if pdu_bytes <= self.pdu_bytes.into() { Ok(()) } else { Err(ValueError::TooLong) }
    }

    fn ask(&mut self, job: Job, due: Option<Due>, out: &mut BytesMut) -> u16 {
        self.reference = self.reference.wrapping_add(1);
        if let Some(due) = due {
            self.due.insert(self.reference, due);
        }
        let pdu = Pdu { reference: self.reference, body: Body::Job(job) };
        Tpdu::Data(pdu.encode()).put(self.data_bytes_max, out);
        self.reference
    }

    /// Takes the next event off what has come; `None` asks for more bytes. What has to be sent is appended to `out`.
    pub fn next(&mut self, buffer: &mut BytesMut, out: &mut BytesMut) -> Result<Option<Event>, DecodeError> {
        while let Some(tpdu) = self.decoder.next(buffer)? {
            match (self.state, tpdu) {
                (_, Tpdu::DisconnectRequest { reason }) => return Err(DecodeError::Disconnected { reason }),
                (State::Confirm, Tpdu::ConnectConfirm(confirm)) => self.set_up(confirm, out),
                (State::Setup | State::Open, Tpdu::Data(pdu)) => return self.event(pdu).map(Some),
                _ => return Err(DecodeError::Tpdu("a kind that is not due")),
            }
        }
        Ok(None)
    }

    fn set_up(&mut self, confirm: Connect, out: &mut BytesMut) {
        self.data_bytes_max = self.data_bytes_max.min(confirm.data_bytes_max());
        self.state = State::Setup;
        let Offer { jobs, pdu_bytes, .. } = self.offer;
        self.ask(Job::Setup(Setup { jobs_calling: jobs, jobs_called: jobs, pdu_bytes }), None, out);
    }

    fn event(&mut self, pdu: Bytes) -> Result<Event, DecodeError> {
        let Pdu { reference, body: Body::Answer(answer) } = Pdu::decode(pdu)? else {
            return Err(DecodeError::Contents("a job in place of an answer"));
        };
        if matches!(self.state, State::Setup) {
            return self.opened(reference, answer);
        }
        let due = self.due.remove(&reference).ok_or(DecodeError::Reference { reference })?;
        match (due, answer) {
            (Due::Read(expected), Answer::Read(found)) => {
                check_read(reference, &expected, &found)?;
                Ok(Event::Read { reference, outcome: Ok(found) })
            }
            (Due::Write(expected), Answer::Written(found)) => {
                check_count(reference, expected, found.len())?;
                Ok(Event::Written { reference, outcome: Ok(found) })
            }
            (Due::Read(_), Answer::Refused(refusal)) => Ok(Event::Read { reference, outcome: Err(refusal) }),
            (Due::Write(_), Answer::Refused(refusal)) => {
                Ok(Event::Written { reference, outcome: Err(refusal) })
            }
            _ => Err(DecodeError::Contents("an answer to another function")),
        }
    }

    fn opened(&mut self, reference: u16, answer: Answer) -> Result<Event, DecodeError> {
        if reference != self.reference {
            return Err(DecodeError::Reference { reference });
        }
        let setup = match answer {
            Answer::Setup(setup) => setup,
            Answer::Refused(refusal) => return Err(DecodeError::SetupRefused(refusal)),
            _ => return Err(DecodeError::Contents("an answer to another function")),
        };
        if !(PDU_BYTES_MIN..=self.offer.pdu_bytes).contains(&setup.pdu_bytes) {
            return Err(DecodeError::Negotiation { pdu_bytes: setup.pdu_bytes });
        }
        self.state = State::Open;
        self.pdu_bytes = setup.pdu_bytes;
        let jobs = setup.jobs_calling.min(self.offer.jobs).max(1);
        Ok(Event::Open(Negotiated { pdu_bytes: setup.pdu_bytes, jobs }))
    }
}

fn check_read(reference: u16, expected: &[usize], found: &Outcomes<Bytes>) -> Result<(), DecodeError> {
    check_count(reference, expected.len(), found.len())?;
    for (expected, found) in expected.iter().zip(found) {
        if let Ok(bytes) = found
            && bytes.len() != *expected
        {
            return Err(DecodeError::ItemLength { reference, found: bytes.len(), expected: *expected });
        }
    }
    Ok(())
}

fn check_count(reference: u16, expected: usize, found: usize) -> Result<(), DecodeError> {
    if expected == found { Ok(()) } else { Err(DecodeError::ItemCount { reference, found, expected }) }
}
