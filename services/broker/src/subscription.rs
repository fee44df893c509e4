//! What hangs on one filter of the tree: subscribers that each get a message, and shares of which one member does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::berth::Berth;
use crate::options::Options;
use crate::tree::Leaf;

const SHARE: &[u8] = b"$share/";

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) berth: Arc<Berth>,
    pub(crate) options: Options,
}

#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    /// By the berth's number.
    plain: Vec<Subscriber>,
    shares: Vec<Share>,
}

/// `$share/NAME/FILTER`: each message goes to one of the members (section 4.8.2 of MQTT 5).
#[derive(Debug)]
struct Share {
    name: Box<[u8]>,
    members: Vec<Subscriber>,
    turn: AtomicUsize,
}

/// What a client asks for, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) share: Option<&'a [u8]>,
    pub(crate) filter: &'a [u8],
}

impl<'a> Wanted<'a> {
    /// `None` where the name of a share or the filter behind it is missing or not allowed.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let Some(rest) = text.strip_prefix(SHARE) else { return Some(Self { share: None, filter: text }) };
        let at = rest.iter().position(|byte| *byte == b'/')?;
        let (share, filter) = (&rest[..at], &rest[at + 1..]);
        let named = !share.is_empty() && !share.iter().any(|byte| matches!(byte, b'+' | b'#'));
        (named && !filter.is_empty()).then_some(Self { share: Some(share), filter })
    }
}

impl Subscribers {
    pub(crate) fn insert(&mut self, share: Option<&[u8]>, subscriber: Subscriber) {
        insert(self.list(share), subscriber);
    }

    pub(crate) fn remove(&mut self, share: Option<&[u8]>, number: u64) {
        let list = self.list(share);
        if let Ok(at) = find(list, number) {
            list.remove(at);
        }
        self.shares.retain(|share| !share.members.is_empty());
    }

    /// Who gets the next message.
    pub(crate) fn each<'a>(&'a self, found: &mut impl FnMut(&'a Subscriber)) {
        self.plain.iter().for_each(&mut *found);
        self.shares.iter().filter_map(Share::pick).for_each(found);
    }

    fn list(&mut self, share: Option<&[u8]>) -> &mut Vec<Subscriber> {
        let Some(name) = share else { return &mut self.plain };
        let at = self.shares.iter().position(|share| *share.name == *name).unwrap_or_else(|| {
            self.shares.push(Share { name: name.into(), members: Vec::new(), turn: AtomicUsize::new(0) });
            self.shares.len() - 1
        });
        &mut self.shares[at].members
    }
}

impl Leaf for Subscribers {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.shares.is_empty()
    }
}

impl Share {
    /// In turn among those connected; while there is none, one that keeps what it is owed.
    fn pick(&self) -> Option<&Subscriber> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.members.len();
        let in_turn = (0..count).map(|step| &self.members[first.wrapping_add(step) % count]);
        let keeps = |subscriber: &&Subscriber| subscriber.berth.is_durable();
        in_turn
            .clone()
            .find(|subscriber| subscriber.berth.is_online())
            .or_else(|| in_turn.clone().find(keeps))
    }
}

fn find(list: &[Subscriber], number: u64) -> Result<usize, usize> {
    list.binary_search_by_key(&number, |subscriber| subscriber.berth.number)
}

fn insert(list: &mut Vec<Subscriber>, subscriber: Subscriber) {
    match find(list, subscriber.berth.number) {
        Ok(at) => list[at] = subscriber,
        Err(at) => list.insert(at, subscriber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_needs_a_name_and_a_filter() {
        let share = |text: &'static str| Wanted::parse(text.as_bytes());
        assert_eq!(share("$share/g/a/+"), Some(Wanted { share: Some(b"g"), filter: b"a/+" }));
        assert_eq!(share("a/b"), Some(Wanted { share: None, filter: b"a/b" }));
        let wrong = ["$share/g", "$share//a", "$share/g/", "$share/+/a", "$share/"];
        assert!(wrong.into_iter().all(|text| share(text).is_none()));
    }
}
