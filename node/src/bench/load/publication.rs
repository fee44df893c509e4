//! A PUBLISH that is encoded once and sent often: only its identifier, its number and its time change.

use bytes::{BufMut, BytesMut};

/// Digits of the number in the payload.
const NUMBER_DIGITS: usize = 12;
/// Digits of the time in the payload.
const TIME_DIGITS: usize = 15;

/// The bytes of a PUBLISH whose payload is `{"n":NUMBER,"t":NANOS...}` of a stated length.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    bytes: Vec<u8>,
    /// Where the packet identifier is; nothing at QoS 0.
    id_at: Option<usize>,
    payload_at: usize,
}

impl Publication {
    /// `payload_bytes` from 40 on, so that number and time have their place.
    pub(super) fn new(topic: &str, qos: u8, payload_bytes: usize) -> Publication {
        debug_assert!(payload_bytes >= 40 && qos < 2, "a payload has its number and time, and QoS is 0 or 1");
        let id_bytes = if qos == 0 { 0 } else { 2 };
        let mut bytes = vec![0x30 | qos << 1];
        put_length(&mut bytes, 2 + topic.len() + id_bytes + payload_bytes);
        bytes.put_u16(topic.len() as u16);
        bytes.put_slice(topic.as_bytes());
        let id_at = (qos > 0).then_some(bytes.len());
        bytes.resize(bytes.len() + id_bytes, 0);
        let payload_at = bytes.len();
        bytes.resize(payload_at + payload_bytes, b' ');
        let mut publication = Publication { bytes, id_at, payload_at };
        publication.stamp(0, 0);
        publication
    }

    /// Appends it with its own identifier, number and time.
    pub(super) fn put(&mut self, out: &mut BytesMut, id: u16, number: u64, nanos: u64) {
        if let Some(at) = self.id_at {
            self.bytes[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        self.stamp(number, nanos);
        out.put_slice(&self.bytes);
    }

    fn stamp(&mut self, number: u64, nanos: u64) {
        let end = self.bytes.len() - 1;
        let payload = &mut self.bytes[self.payload_at..];
        payload[..5].copy_from_slice(b"{\"n\":");
        put_digits(&mut payload[5..5 + NUMBER_DIGITS], number);
        let time_at = 5 + NUMBER_DIGITS;
        payload[time_at..time_at + 5].copy_from_slice(b",\"t\":");
        put_digits(&mut payload[time_at + 5..time_at + 5 + TIME_DIGITS], nanos);
        self.bytes[end] = b'}';
    }
}

/// The number and the time that a payload carries, wherever in a line it stands.
pub(crate) fn read(line: &[u8]) -> Option<(u64, u64)> {
    read_between(line, b"{\"n\":", b",\"t\":")
}

/// The same of a payload that is text in quotes.
pub(crate) fn read_quoted(line: &[u8]) -> Option<(u64, u64)> {
    read_between(line, b"{\\\"n\\\":", b",\\\"t\\\":")
}

fn read_between(line: &[u8], before_number: &[u8], before_time: &[u8]) -> Option<(u64, u64)> {
    let at = line.windows(before_number.len()).position(|window| window == before_number)?;
    let number_at = at + before_number.len();
    let time_at = number_at + NUMBER_DIGITS + before_time.len();
    let number = digits(line.get(number_at..number_at + NUMBER_DIGITS)?)?;
    Some((number, digits(line.get(time_at..time_at + TIME_DIGITS)?)?))
}

/// The remaining length of a packet [MQTT-3.1.1 §2.2.3].
pub(super) fn put_length(out: &mut impl BufMut, mut length: usize) {
    while length >= 0x80 {
        out.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    out.put_u8(length as u8);
}

/// JSON has no leading zeros, so there is a one in front of them.
fn put_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    place[0] = b'1';
}

fn digits(text: &[u8]) -> Option<u64> {
    let mut value = 0;
    for digit in text.get(1..)? {
        value = value * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_time_come_back_out_of_a_payload_that_is_json_of_the_stated_length() {
        let mut out = BytesMut::new();
        Publication::new("f/1/t", 1, 58).put(&mut out, 7, 4711, 12_345_678_901);
        let payload = &out[out.len() - 58..];
        assert_eq!(read(payload), Some((4711, 12_345_678_901)));
        let quoted = format!("m p=\"{}\" 1", String::from_utf8_lossy(payload).replace('"', "\\\""));
        assert_eq!(read_quoted(quoted.as_bytes()), Some((4711, 12_345_678_901)));
        assert!(serde_json::from_slice::<serde_json::Value>(payload).is_ok());
        assert_eq!(out[..11], [0x32, 67, 0, 5, b'f', b'/', b'1', b'/', b't', 0, 7]);
    }

    #[test]
    fn a_long_publication_has_a_length_of_two_bytes() {
        let mut out = BytesMut::new();
        Publication::new("t", 0, 200).put(&mut out, 0, 1, 1);
        assert_eq!((out.len(), &out[..3]), (206, &[0x30, 0xcb, 0x01][..]));
    }
}
