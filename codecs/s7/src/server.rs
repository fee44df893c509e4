//! The station's end of one connection: answers from a memory that its caller has.

use crate::answer::Answer;
use crate::client::{PDU_BYTES_MAX, PDU_BYTES_MIN};
use crate::cotp::{Connect, Decoder, Tpdu};
use crate::error::DecodeError;
use crate::fault::{ItemFault, Refusal};
use crate::item::Item;
use crate::job::{self, Job, Setup};
use crate::pdu::{Body, Pdu};
use bytes::{Bytes, BytesMut};

const SOURCE: u16 = 1;

/// What a station has.
pub trait Memory {
    /// As many bytes as the item has; for a bit one that is 0 or 1.
    fn read(&mut self, item: Item) -> Result<Bytes, ItemFault>;
    fn write(&mut self, item: Item, bytes: &[u8]) -> Result<(), ItemFault>;
}

/// What it grants at most.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    is_connected: bool,
    decoder: Decoder,
    data_bytes_max: usize,
}

impl Server {
    pub fn new(pdu_bytes: u16, jobs: u16) -> Server {
        let pdu_bytes = pdu_bytes.clamp(PDU_BYTES_MIN, PDU_BYTES_MAX);
        let setup = Setup { jobs_calling: jobs, jobs_called: jobs, pdu_bytes };
        Server { setup, is_connected: false, decoder: Decoder::new(pdu_bytes), data_bytes_max: 0 }
    }

    /// Answers all that has come; what has to be sent is appended to `out`. After an error the connection is closed.
    pub fn serve(
        &mut self,
        buffer: &mut BytesMut,
        memory: &mut impl Memory,
        out: &mut BytesMut,
    ) -> Result<(), DecodeError> {
        while let Some(tpdu) = self.decoder.next(buffer)? {
            match tpdu {
                Tpdu::DisconnectRequest { reason } => return Err(DecodeError::Disconnected { reason }),
                Tpdu::ConnectRequest(request) if !self.is_connected => self.confirm(request, out),
                Tpdu::Data(pdu) if self.is_connected => self.answer(pdu, memory, out)?,
                _ => return Err(DecodeError::Tpdu("a kind that is not due")),
            }
        }
        Ok(())
    }

    fn confirm(&mut self, request: Connect, out: &mut BytesMut) {
        self.is_connected = true;
        self.data_bytes_max = request.data_bytes_max();
        let confirm = Connect { destination: request.source, source: SOURCE, ..request };
        Tpdu::ConnectConfirm(confirm).put(self.data_bytes_max, out);
    }

    fn answer(
        &mut self,
        pdu: Bytes,
        memory: &mut impl Memory,
        out: &mut BytesMut,
    ) -> Result<(), DecodeError> {
        let Pdu { reference, body: Body::Job(job) } = Pdu::decode(pdu)? else {
            return Err(DecodeError::Contents("an answer in place of a job"));
        };
        let answer = match job {
            Job::Setup(offer) => Answer::Setup(self.grant(offer)),
            Job::Read(items) if job::read_bytes(&items) > self.setup.pdu_bytes.into() => {
                Answer::Refused(Refusal::PDU_SIZE)
            }
            Job::Read(items) => Answer::Read(items.into_iter().map(|item| memory.read(item)).collect()),
            Job::Write(writes) => {
                Answer::Written(writes.iter().map(|write| memory.write(write.item, &write.bytes)).collect())
            }
            Job::Unserved(_) => Answer::Refused(Refusal::FUNCTION),
        };
        let pdu = Pdu { reference, body: Body::Answer(answer) };
        Tpdu::Data(pdu.encode()).put(self.data_bytes_max, out);
        Ok(())
    }

    fn grant(&mut self, offer: Setup) -> Setup {
        self.setup = Setup {
            jobs_calling: offer.jobs_calling.min(self.setup.jobs_calling),
            jobs_called: offer.jobs_called.min(self.setup.jobs_called),
            pdu_bytes: offer.pdu_bytes.min(self.setup.pdu_bytes),
        };
        self.setup
    }
}
