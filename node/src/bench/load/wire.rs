//! The load tool's end of an MQTT connection: frames found by their length, nothing else looked at.
//!
//! A load tool that shares its cores with what it measures must cost little, so it does not decode what it can count.

use super::publication::put_length;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 16 * 1024;

pub(super) const CONNACK: u8 = 0x20;
pub(super) const PUBLISH: u8 = 0x30;
pub(super) const PUBACK: u8 = 0x40;
pub(super) const SUBACK: u8 = 0x90;

/// One packet: its first byte and what follows its length.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) first: u8,
    pub(super) body: Bytes,
}

impl Frame {
    pub(super) fn kind(&self) -> u8 {
        self.first & 0xf0
    }

    /// Of a PUBLISH: the packet identifier, which is there above QoS 0, and the payload.
    pub(super) fn publication(mut self) -> io::Result<(Option<[u8; 2]>, Bytes)> {
        let topic_bytes = usize::from(self.body.try_get_u16().map_err(|_| io::ErrorKind::InvalidData)?);
        let id_bytes = if self.first & 0b110 == 0 { 0 } else { 2 };
        if self.body.len() < topic_bytes + id_bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.body.advance(topic_bytes);
        let id = (id_bytes == 2).then(|| self.body.get_u16().to_be_bytes());
        Ok((id, self.body))
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    input: BytesMut,
    pub(super) output: BytesMut,
}

impl Wire {
    /// Connects and waits for the CONNACK.
    pub(crate) async fn connect(address: SocketAddr, client: &str) -> io::Result<Wire> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = || BytesMut::with_capacity(BUFFER_BYTES);
        let mut wire = Wire { stream, input: buffer(), output: buffer() };
        put_connect(&mut wire.output, client);
        let answer = wire.answer(CONNACK).await?;
        match answer.body.get(1) {
            Some(0) => Ok(wire),
            _ => Err(io::Error::other("the broker refused the connection")),
        }
    }

    /// Subscribes and waits for the SUBACK.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: u8) -> io::Result<()> {
        put_subscribe(&mut self.output, filter, qos);
        let answer = self.answer(SUBACK).await?;
        match answer.body.get(2) {
            Some(granted) if *granted == qos => Ok(()),
            _ => Err(io::Error::other("the broker refused the subscription")),
        }
    }

    /// Subscribes once more and waits for the retained message, which comes each time [MQTT-3.8.4-3].
    pub(crate) async fn retained(&mut self, filter: &str) -> io::Result<()> {
        put_subscribe(&mut self.output, filter, 0);
        self.flush().await?;
        loop {
            match self.frame()? {
                Some(frame) if frame.kind() == PUBLISH => return Ok(()),
                Some(_) => {}
                None => self.fill().await?,
            }
        }
    }

    /// Publishes at QoS 1 and waits for the acknowledgement.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> io::Result<()> {
        self.send(topic, payload, retain).await?;
        self.answer(PUBACK).await.map(drop)
    }

    /// Publishes at QoS 1 and waits for nothing.
    pub(crate) async fn send(&mut self, topic: &str, payload: &[u8], retain: bool) -> io::Result<()> {
        self.output.put_u8(PUBLISH | 0b10 | u8::from(retain));
        put_length(&mut self.output, 4 + topic.len() + payload.len());
        put_text(&mut self.output, topic);
        self.output.put_u16(1);
        self.output.put_slice(payload);
        self.flush().await
    }

    async fn answer(&mut self, kind: u8) -> io::Result<Frame> {
        self.flush().await?;
        loop {
            match self.frame()? {
                Some(frame) if frame.kind() == kind => return Ok(frame),
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                None => self.fill().await?,
            }
        }
    }

    /// Writes out what was put into `output`.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Reads what there is, at least a byte. May be dropped and called again.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        self.input.reserve(BUFFER_BYTES / 2);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next packet that has arrived whole.
    pub(super) fn frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((length_bytes, body_bytes)) = length(self.input.get(1..).unwrap_or_default())? else {
            return Ok(None);
        };
        if self.input.len() < 1 + length_bytes + body_bytes {
            return Ok(None);
        }
        let first = self.input[0];
        self.input.advance(1 + length_bytes);
        Ok(Some(Frame { first, body: self.input.split_to(body_bytes).freeze() }))
    }
}

/// A clean session of MQTT 3.1.1 without a keep-alive.
fn put_connect(out: &mut BytesMut, client: &str) {
    out.put_u8(0x10);
    put_length(out, 12 + client.len());
    out.put_slice(b"\0\x04MQTT\x04\x02\0\0");
    put_text(out, client);
}

fn put_subscribe(out: &mut BytesMut, filter: &str, qos: u8) {
    out.put_u8(0x82);
    put_length(out, 5 + filter.len());
    out.put_u16(1);
    put_text(out, filter);
    out.put_u8(qos);
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u16(text.len() as u16);
    out.put_slice(text.as_bytes());
}

/// How many bytes the remaining length takes and what it says [MQTT-3.1.1 §2.2.3]; nothing if it is not there yet.
fn length(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((at + 1, value)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_once_it_is_whole() {
        assert_eq!(length(&[0x7f, 1]).expect("well formed"), Some((1, 127)));
        assert_eq!(length(&[0xc8, 0x01]).expect("well formed"), Some((2, 200)));
        assert_eq!(length(&[0xc8]).expect("well formed"), None);
        assert!(length(&[0xff; 4]).is_err());
    }

    #[test]
    fn a_publication_gives_its_identifier_and_payload() {
        let frame = |first, body: &'static [u8]| Frame { first, body: Bytes::from_static(body) };
        let (id, payload) = frame(0x32, b"\0\x01t\0\x07hi").publication().expect("well formed");
        assert_eq!((id, &payload[..]), (Some([0, 7]), &b"hi"[..]));
        let (id, payload) = frame(0x30, b"\0\x01thi").publication().expect("well formed");
        assert_eq!((id, &payload[..]), (None, &b"hi"[..]));
        assert!(frame(0x32, b"\0\x01t\0").publication().is_err());
    }
}
