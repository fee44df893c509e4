//! Frames on TCP (RFC 1006 section 6, TPKT) and the transport protocol in them (ISO 8073 class 0, COTP).
//!
//! References of the transport are not compared: one TCP connection carries one transport connection, so they say nothing. Data
//! may come in several TPDUs; what they amount to is limited like one that comes whole.

use crate::error::DecodeError;
use crate::read::Read;
use bytes::{Buf, BufMut, Bytes, BytesMut};

const TPKT_VERSION: u8 = 3;
const TPKT_BYTES: usize = 4;
const DATA_HEAD_BYTES: usize = 3;
const TPKT_BYTES_MIN: usize = TPKT_BYTES + DATA_HEAD_BYTES;
/// The head of a TPDU says its length in one byte.
const TPDU_HEAD_BYTES_MAX: usize = 1 + 254;
const END_OF_DATA: u8 = 0x80;

const CONNECT_REQUEST: u8 = 0xe0;
const CONNECT_CONFIRM: u8 = 0xd0;
const DISCONNECT_REQUEST: u8 = 0x80;
const DATA: u8 = 0xf0;

const TPDU_SIZE: u8 = 0xc0;
const CALLING_TSAP: u8 = 0xc1;
const CALLED_TSAP: u8 = 0xc2;

/// A whole TPDU; `Data` is a whole PDU of S7 however many it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tpdu {
    ConnectRequest(Connect),
    ConnectConfirm(Connect),
    DisconnectRequest { reason: u8 },
    Data(Bytes),
}

/// What both sides say as a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect {
    pub destination: u16,
    pub source: u16,
    pub calling_tsap: u16,
    pub called_tsap: u16,
    /// A TPDU has up to two to the power of this many bytes, its head included: 7 (the default of ISO 8073) to 13.
    pub tpdu_size: u8,
}

impl Connect {
    /// 1024 bytes, so that the longest PDU is one TPDU.
    pub(crate) const TPDU_SIZE: u8 = 10;
    const TPDU_SIZE_DEFAULT: u8 = 7;

    /// How many bytes of a PDU go into one TPDU.
    pub(crate) fn data_bytes_max(&self) -> usize {
        (1 << self.tpdu_size) - DATA_HEAD_BYTES
    }

    fn read(mut read: Read) -> Result<Connect, DecodeError> {
        const WHAT: &str = "the head of a connect TPDU";
        let (destination, source) = (read.u16(WHAT)?, read.u16(WHAT)?);
        if read.u8(WHAT)? & 0xf0 != 0 {
            return Err(DecodeError::Tpdu("another class than 0"));
        }
        let mut connect = Connect {
            destination,
            source,
            calling_tsap: 0,
            called_tsap: 0,
            tpdu_size: Self::TPDU_SIZE_DEFAULT,
        };
        while !read.0.is_empty() {
            let (code, length) = (read.u8(WHAT)?, read.u8(WHAT)?);
            connect.parameter(code, read.bytes(length.into(), WHAT)?)?;
        }
        Ok(connect)
    }

    /// Parameters that are not known are passed over, as ISO 8073 wants it.
    fn parameter(&mut self, code: u8, mut value: Bytes) -> Result<(), DecodeError> {
        match (code, value.len()) {
            (TPDU_SIZE, 1) if (7..=13).contains(&value[0]) => self.tpdu_size = value[0],
            (TPDU_SIZE, _) => return Err(DecodeError::Tpdu("a size that is none")),
            (CALLING_TSAP, 2) => self.calling_tsap = value.get_u16(),
            (CALLED_TSAP, 2) => self.called_tsap = value.get_u16(),
            _ => {}
        }
        Ok(())
    }

    fn put(&self, code: u8, out: &mut BytesMut) {
        const HEAD: u8 = 6;
        const PARAMETERS: u8 = 3 + 4 + 4;
        put_tpkt(usize::from(1 + HEAD + PARAMETERS), out);
        out.put_slice(&[HEAD + PARAMETERS, code]);
        out.put_u16(self.destination);
        out.put_u16(self.source);
        out.put_slice(&[0, TPDU_SIZE, 1, self.tpdu_size, CALLING_TSAP, 2]);
        out.put_u16(self.calling_tsap);
        out.put_slice(&[CALLED_TSAP, 2]);
        out.put_u16(self.called_tsap);
    }
}

impl Tpdu {
    /// Appends it in its frames; data in pieces of at most `data_bytes_max`.
    pub(crate) fn put(&self, data_bytes_max: usize, out: &mut BytesMut) {
        match self {
            Self::ConnectRequest(connect) => connect.put(CONNECT_REQUEST, out),
            Self::ConnectConfirm(connect) => connect.put(CONNECT_CONFIRM, out),
            Self::DisconnectRequest { reason } => {
                put_tpkt(7, out);
                out.put_slice(&[6, DISCONNECT_REQUEST, 0, 0, 0, 0, *reason]);
            }
            Self::Data(pdu) => put_data(pdu, data_bytes_max, out),
        }
    }
}

fn put_data(pdu: &[u8], data_bytes_max: usize, out: &mut BytesMut) {
    let mut pieces = pdu.chunks(data_bytes_max).peekable();
    while let Some(piece) = pieces.next() {
        put_tpkt(DATA_HEAD_BYTES + piece.len(), out);
        out.put_slice(&[2, DATA, if pieces.peek().is_some() { 0 } else { END_OF_DATA }]);
        out.put_slice(piece);
    }
}

fn put_tpkt(bytes: usize, out: &mut BytesMut) {
    out.put_slice(&[TPKT_VERSION, 0]);
    out.put_u16(u16::try_from(TPKT_BYTES + bytes).expect("a TPDU has at most 8192 bytes"));
}

/// Takes TPDUs off the front of a read buffer, and makes one of data that comes in several.
#[derive(Debug)]
pub struct Decoder {
    pdu_bytes_max: usize,
    /// Data whose end has not come.
    begun: BytesMut,
}

impl Decoder {
    pub fn new(pdu_bytes_max: u16) -> Self {
        Self { pdu_bytes_max: pdu_bytes_max.into(), begun: BytesMut::new() }
    }

    /// The next TPDU; `None` asks for more bytes. After an error nothing that comes is of use.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Tpdu>, DecodeError> {
        while let Some(frame) = self.frame(buffer)? {
            if let Some(tpdu) = self.tpdu(frame)? {
                return Ok(Some(tpdu));
            }
        }
        Ok(None)
    }

    fn frame(&self, buffer: &mut BytesMut) -> Result<Option<Bytes>, DecodeError> {
        match buffer.first() {
            Some(&TPKT_VERSION) => {}
            Some(&version) => return Err(DecodeError::NotTpkt { version }),
            None => return Ok(None),
        }
        let Some(&[_, _, high, low]) = buffer.first_chunk::<TPKT_BYTES>() else { return Ok(None) };
        let bytes = usize::from(u16::from_be_bytes([high, low]));
        let bytes_max = TPKT_BYTES + TPDU_HEAD_BYTES_MAX.max(DATA_HEAD_BYTES + self.pdu_bytes_max);
        if !(TPKT_BYTES_MIN..=bytes_max).contains(&bytes) {
            return Err(DecodeError::TpktLength { bytes, bytes_max });
        }
        if buffer.len() < bytes {
            return Ok(None);
        }
        let mut frame = buffer.split_to(bytes);
        frame.advance(TPKT_BYTES);
        Ok(Some(frame.freeze()))
    }

    fn tpdu(&mut self, frame: Bytes) -> Result<Option<Tpdu>, DecodeError> {
        const WHAT: &str = "the head of a TPDU";
        let mut rest = Read(frame);
        let length = rest.u8(WHAT)?;
        let mut head = Read(rest.bytes(length.into(), WHAT)?);
        let code = head.u8(WHAT)?;
        if code != DATA && !self.begun.is_empty() {
            return Err(DecodeError::Tpdu("another kind amid data"));
        }
        match code {
            DATA => self.data(head.u8(WHAT)?, rest.0),
            CONNECT_REQUEST => Connect::read(head).map(|connect| Some(Tpdu::ConnectRequest(connect))),
            CONNECT_CONFIRM => Connect::read(head).map(|connect| Some(Tpdu::ConnectConfirm(connect))),
            DISCONNECT_REQUEST => {
                head.skip(4, WHAT)?;
                Ok(Some(Tpdu::DisconnectRequest { reason: head.u8(WHAT)? }))
            }
            _ => Err(DecodeError::Tpdu("a kind that has no place here")),
        }
    }

    fn data(&mut self, end: u8, piece: Bytes) -> Result<Option<Tpdu>, DecodeError> {
        if self.begun.len() + piece.len() > self.pdu_bytes_max {
            return Err(DecodeError::Tpdu("more data than a PDU may have"));
        }
        if end & END_OF_DATA == 0 && piece.is_empty() {
            return Err(DecodeError::Tpdu("no data and no end of it"));
        }
        if end & END_OF_DATA != 0 && self.begun.is_empty() {
            return Ok(Some(Tpdu::Data(piece)));
        }
        self.begun.put_slice(&piece);
        if end & END_OF_DATA == 0 {
            return Ok(None);
        }
        Ok(Some(Tpdu::Data(self.begun.split().freeze())))
    }
}
