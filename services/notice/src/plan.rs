//! What becomes of the notices that wait: which go into the next message, and how each is accounted for. Pure: time is handed in.

use crate::config::ChannelConfig;
use crate::courier::Message;
use crate::notice::{Change, Notice};
use crate::pace::Turn;
use crate::text::{BySeverity, Expired, Style};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use tidegate_kernel_journal::{Counts, Tally};

/// One notice on its way to one channel.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) seq: u64,
    /// Wall time at which it came into the journal.
    pub(crate) stamp_ms: u64,
    pub(crate) replay: bool,
    /// Nothing where the record cannot be read.
    pub(crate) notice: Option<Arc<Notice>>,
}

/// How the first `many` of those that wait are settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) many: usize,
    pub(crate) tally: Tally,
}

/// A message, and the settlement once it was taken.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) message: Message,
    pub(crate) settlement: Settlement,
}

/// Whether a channel tells it.
pub(crate) fn is_wanted(config: &ChannelConfig, notice: &Notice) -> bool {
    config.severities.contains(&notice.severity) && (config.tells_ends || notice.change == Change::Raised)
}

/// The first of those that wait that are not to be told: settled without a message.
pub(crate) fn unwanted(config: &ChannelConfig, waiting: &VecDeque<Waiting>) -> Settlement {
    let mut settlement = Settlement::default();
    for one in waiting {
        match &one.notice {
            Some(notice) if is_wanted(config, notice) => break,
            Some(_) => settlement.tally.absorbed += Counts::one(true),
            None => settlement.tally.dead_lettered += Counts::one(true),
        }
        settlement.many += 1;
    }
    settlement
}

/// The first of those that wait that are older than `before_ms`, given up as dead letters.
pub(crate) fn given_up(config: &ChannelConfig, waiting: &VecDeque<Waiting>, before_ms: u64) -> Settlement {
    let old = waiting.iter().take_while(|one| one.stamp_ms < before_ms);
    settled(config, old, |tally| tally.dead_lettered += Counts::one(true))
}

/// How a refused message leaves the notices it was made of.
pub(crate) fn refused(config: &ChannelConfig, waiting: &VecDeque<Waiting>, many: usize) -> Settlement {
    settled(config, waiting.iter().take(many), |tally| tally.dead_lettered += Counts::one(true))
}

fn settled<'a>(
    config: &ChannelConfig,
    each: impl Iterator<Item = &'a Waiting>,
    way_out: impl Fn(&mut Tally),
) -> Settlement {
    let mut settlement = Settlement::default();
    for one in each {
        settlement.many += 1;
        match &one.notice {
            Some(notice) if !is_wanted(config, notice) => settlement.tally.absorbed += Counts::one(true),
            _ => way_out(&mut settlement.tally),
        }
    }
    settlement
}

/// What messages are made with.
#[derive(Debug)]
pub(crate) struct Press<'a> {
    pub(crate) config: &'a ChannelConfig,
    pub(crate) style: &'a Style,
    pub(crate) text_bytes_max: usize,
    pub(crate) age_ms_max: u64,
}

impl Press<'_> {
    /// The next message; the first that waits is wanted. One notice where the turn is single and none is too old, else all.
    pub(crate) fn parcel(&self, waiting: &VecDeque<Waiting>, turn: Turn, wall_ms: u64) -> Parcel {
        let oldest_ms = wall_ms.saturating_sub(self.age_ms_max);
        let first = waiting.front().expect("something waits");
        match turn {
            Turn::Single if first.stamp_ms >= oldest_ms => self.single(first, wall_ms),
            _ => self.merged(waiting, oldest_ms, wall_ms),
        }
    }

    fn single(&self, one: &Waiting, wall_ms: u64) -> Parcel {
        let notice = one.notice.clone().expect("what cannot be read is not wanted");
        let text = self.style.single(&notice, self.text_bytes_max);
        let mut tally = Tally { delivered: Counts::one(true), ..Tally::default() };
        if one.replay {
            tally.replayed = Counts::one(true);
        }
        let message = message(text, vec![notice], BySeverity::default(), None, wall_ms);
        Parcel { message, settlement: Settlement { many: 1, tally } }
    }

    fn merged(&self, waiting: &VecDeque<Waiting>, oldest_ms: u64, wall_ms: u64) -> Parcel {
        let (mut tally, mut old, mut fresh) = (Tally::default(), Vec::new(), Vec::new());
        for one in waiting {
            match &one.notice {
                None => tally.dead_lettered += Counts::one(true),
                Some(notice) if !is_wanted(self.config, notice) => tally.absorbed += Counts::one(true),
                Some(notice) if one.stamp_ms < oldest_ms => old.push((one.stamp_ms, notice.clone())),
                Some(notice) => fresh.push((one.replay, notice.clone())),
            }
        }
        // The worst first, for they must find room; among equals as they came.
        fresh.sort_by_key(|(_, notice)| Reverse(notice.severity));
        let expired = expired(&old);
        let refs: Vec<&Notice> = fresh.iter().map(|(_, notice)| &**notice).collect();
        let merged = self.style.merged(&refs, expired.as_ref(), self.text_bytes_max);
        let more = BySeverity::of(refs[merged.shown..].iter().copied());
        let replayed = fresh[..merged.shown].iter().filter(|(replay, _)| *replay).count() as u64;
        tally.delivered = Counts { critical: merged.shown as u64, process: 0 };
        tally.coalesced = Counts { critical: more.total(), process: 0 };
        tally.shed = Counts { critical: old.len() as u64, process: 0 };
        tally.replayed = Counts { critical: replayed, process: 0 };
        let shown = fresh.into_iter().take(merged.shown).map(|(_, notice)| notice).collect();
        let message = message(merged.text, shown, more, expired, wall_ms);
        Parcel { message, settlement: Settlement { many: waiting.len(), tally } }
    }
}

fn expired(old: &[(u64, Arc<Notice>)]) -> Option<Expired> {
    let (from_ms, to_ms) = (old.first()?.0, old.last()?.0);
    Some(Expired { counts: BySeverity::of(old.iter().map(|(_, notice)| &**notice)), from_ms, to_ms })
}

fn message(
    text: String,
    notices: Vec<Arc<Notice>>,
    more: BySeverity,
    expired: Option<Expired>,
    at_ms: u64,
) -> Message {
    let subject = text.lines().next().unwrap_or_default().to_owned();
    Message { subject, text, notices, more, expired, at_ms }
}

/// A message of no notice.
pub(crate) fn test_message(style: &Style, text_bytes_max: usize, wall_ms: u64) -> Message {
    message(style.test(wall_ms, text_bytes_max), Vec::new(), BySeverity::default(), None, wall_ms)
}
