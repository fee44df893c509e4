//! The messages of DNS (RFC 1035 §4), as far as a stub resolver needs them: one question out, addresses in. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of an answer over UDP without extensions.
pub(crate) const UDP_BYTES_MAX: usize = 512;
/// Addresses taken out of one answer.
const ADDRESSES_MAX: usize = 16;
const HEADER_BYTES: usize = 12;
const LABEL_BYTES_MAX: usize = 63;
const NAME_BYTES_MAX: usize = 253;
const CLASS_IN: u16 = 1;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4 = 1,
    V6 = 28,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Perhaps none: the name is there, or it is not.
    Addresses(Vec<IpAddr>),
    /// It did not fit; ask again over TCP.
    Cut,
    /// The server cannot or does not want to say.
    Failed,
}

/// The question; nothing for a name that is none.
pub(crate) fn question(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    out.extend_from_slice(&id.to_be_bytes());
    // Recursion desired, one question.
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > LABEL_BYTES_MAX {
            return None;
        }
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&(family as u16).to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    Some(out)
}

/// The answer to `question`; nothing for a message that is not, or that is damaged: it is waited on for the right one.
pub(crate) fn reply(question: &[u8], message: &[u8], family: Family) -> Option<Reply> {
    let echoed = message.get(HEADER_BYTES..question.len())?;
    let is_answer = message[..2] == question[..2] && message[2] & 0x80 != 0;
    if !is_answer || !echoed.eq_ignore_ascii_case(&question[HEADER_BYTES..]) {
        return None;
    }
    if message[2] & 0x02 != 0 {
        return Some(Reply::Cut);
    }
    match message[3] & 0x0f {
        0 => addresses(message, question.len(), family).map(Reply::Addresses),
        // There is no such name, which is an answer.
        3 => Some(Reply::Addresses(Vec::new())),
        _ => Some(Reply::Failed),
    }
}

/// Every address in the answer section: a server that resolves for us has followed the aliases.
fn addresses(message: &[u8], mut at: usize, family: Family) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    for _ in 0..u16_at(message, 6)? {
        at = skip_name(message, at)?;
        let (kind, class, length) =
            (u16_at(message, at)?, u16_at(message, at + 2)?, u16_at(message, at + 8)?);
        let data = message.get(at + 10..at + 10 + usize::from(length))?;
        if kind == family as u16 && class == CLASS_IN && found.len() < ADDRESSES_MAX {
            found.push(address(data, family)?);
        }
        at += 10 + usize::from(length);
    }
    Some(found)
}

fn address(data: &[u8], family: Family) -> Option<IpAddr> {
    match family {
        Family::V4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
        Family::V6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
    }
}

/// A name ends with an empty label or with a pointer, which is not followed: nobody asks what it says.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if length & 0xc0 == 0 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer with an alias and one address behind it.
    fn answer(question: &[u8], flags: [u8; 2]) -> Vec<u8> {
        let mut out = question.to_vec();
        out[2..8].copy_from_slice(&[flags[0], flags[1], 0, 1, 0, 2]);
        out.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'x', 0xc0, 12]);
        out.extend_from_slice(&[1, b'x', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 3]);
        out
    }

    #[test]
    fn an_address_behind_an_alias_is_found() {
        let asked = question(7, "influx.plant.example.", Family::V4).unwrap();
        assert_eq!(&asked[12..], b"\x06influx\x05plant\x07example\x00\x00\x01\x00\x01");
        let found = reply(&asked, &answer(&asked, [0x81, 0x80]), Family::V4);
        assert_eq!(found, Some(Reply::Addresses(vec!["10.1.2.3".parse().unwrap()])));
    }

    #[test]
    fn what_is_not_the_answer_to_the_question_is_passed_over() {
        let asked = question(7, "influx", Family::V4).unwrap();
        let other = question(8, "influx", Family::V4).unwrap();
        assert_eq!(reply(&asked, &answer(&other, [0x81, 0x80]), Family::V4), None);
        assert_eq!(
            reply(&asked, &answer(&question(7, "inflix", Family::V4).unwrap(), [0x81, 0x80]), Family::V4),
            None
        );
        assert_eq!(reply(&asked, &answer(&asked, [0x01, 0x80]), Family::V4), None);
    }

    #[test]
    fn a_cut_answer_a_missing_name_and_a_failure_are_told_apart() {
        let asked = question(7, "influx", Family::V4).unwrap();
        let with = |flags| reply(&asked, &answer(&asked, flags), Family::V4);
        assert_eq!(with([0x83, 0x80]), Some(Reply::Cut));
        assert_eq!(with([0x81, 0x83]), Some(Reply::Addresses(vec![])));
        assert_eq!(with([0x81, 0x82]), Some(Reply::Failed));
    }

    #[test]
    fn a_name_that_is_none_is_not_asked_for() {
        let long = "a".repeat(64);
        assert!([".", "", "a..b", long.as_str()].iter().all(|name| question(1, name, Family::V6).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_reply_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300), keep in 0..60_usize) {
            let asked = question(7, "influx", Family::V6).unwrap();
            let mut message = answer(&asked, [0x81, 0x80]);
            message.truncate(keep);
            message.extend_from_slice(&bytes);
            let _ = reply(&asked, &message, Family::V6);
        }
    }
}
