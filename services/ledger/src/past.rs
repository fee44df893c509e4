//! What was: statements along the links of facts, an account as it was, one transfer, the feed. Reads the disk in the calling thread.

use crate::ask::Standing;
use crate::error::{OpenError, Setback};
use crate::port::{Moment, Page, Recorded};
use crate::store::{AT_ONCE, Store};
use std::sync::Arc;
use tidegate_engine_book::{AccountNumber, Balance, Fact, Id};
use tidegate_kernel_journal::AHEAD_MS_MAX;

/// Links followed back from the newest fact before an account as it was is looked for from the other side.
const LINKS_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Past(pub(crate) Arc<dyn Store>);

impl Past {
    pub(crate) fn statement(
        &self,
        account: AccountNumber,
        newest: u64,
        before: Option<u64>,
        most: usize,
    ) -> Result<Page, Setback> {
        let mut next = match before {
            // Somebody's page ended there, so it is a fact of this account; or else there is nothing before it.
            Some(before) => self.previous(account, before)?,
            None => newest,
        };
        let mut facts = Vec::new();
        while next > 0 && facts.len() < most {
            let Some(fact) = self.at(next)? else { break };
            let previous = previous_of(&fact, account, next);
            facts.push(Recorded { seq: next, fact });
            next = previous;
        }
        let last = facts.last().map(|last| last.seq);
        Ok(Page { facts, next: last.filter(|_| next > 0) })
    }

    fn previous(&self, account: AccountNumber, seq: u64) -> Result<u64, Setback> {
        Ok(self.at(seq)?.map_or(0, |fact| previous_of(&fact, account, seq)))
    }

    /// Goes back from now; where that is far, goes on from then to the next fact of the account, which says what was before it.
    pub(crate) fn as_of(
        &self,
        account: AccountNumber,
        now: Standing,
        moment: Moment,
    ) -> Result<Standing, Setback> {
        let mut seq = now.last_seq;
        for _ in 0..LINKS_MAX {
            let Some(fact) = self.at(seq).map(|fact| fact.filter(|_| seq > 0))? else {
                return Err(Setback::NoAccount { at: 0, name: now.name });
            };
            if is_within(seq, fact.at_ms(), moment) {
                return Ok(Standing {
                    balance: after(&fact, account, seq, self)?,
                    as_of_seq: seq,
                    last_seq: seq,
                    ..now
                });
            }
            seq = previous_of(&fact, account, seq);
        }
        self.since_then(account, now, moment)
    }

    fn since_then(&self, account: AccountNumber, now: Standing, moment: Moment) -> Result<Standing, Setback> {
        let mut through = match moment {
            Moment::Seq(seq) => seq,
            Moment::Ms(ms) => self.0.seq_before(ms).map_err(unread)?,
        };
        while through < self.0.kept_seq() {
            let (facts, looked_at) = self.0.facts(through, AT_ONCE).map_err(unread)?;
            for (seq, fact) in facts.iter().filter(|(seq, fact)| !is_within(*seq, fact.at_ms(), moment)) {
                if let Some(standing) = before(*seq, fact, account, &now)? {
                    return Ok(standing);
                }
            }
            through = looked_at;
        }
        Ok(now)
    }

    pub(crate) fn transfer(&self, id: Id, known: Option<u64>) -> Result<Recorded, Setback> {
        if let Some(seq) = known {
            let fact = self.at(seq)?.ok_or(Setback::NoTransfer)?;
            return Ok(Recorded { seq, fact });
        }
        // It was not accepted earlier than five minutes before it says it was made.
        let sent_ms = id.unix_ms().saturating_sub(AHEAD_MS_MAX);
        let mut through = self.0.seq_before(sent_ms).map_err(unread)?;
        while through < self.0.kept_seq() {
            let (facts, looked_at) = self.0.facts(through, AT_ONCE).map_err(unread)?;
            let is_it = |fact: &Fact| matches!(fact, Fact::Posting(posting) if posting.id == id);
            if let Some((seq, fact)) = facts.into_iter().find(|(_, fact)| is_it(fact)) {
                return Ok(Recorded { seq, fact });
            }
            through = looked_at;
        }
        Err(Setback::NoTransfer)
    }

    pub(crate) fn postings(&self, after: u64, most: usize) -> Result<Page, Setback> {
        let (facts, through) = self.0.facts(after, most).map_err(unread)?;
        let facts = facts.into_iter().map(|(seq, fact)| Recorded { seq, fact }).collect();
        Ok(Page { facts, next: Some(through) })
    }

    fn at(&self, seq: u64) -> Result<Option<Fact>, Setback> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        let (facts, _) = self.0.facts(after, 1).map_err(unread)?;
        Ok(facts.into_iter().find(|(found, _)| *found == seq).map(|(_, fact)| fact))
    }
}

/// The account before a fact that touches it.
fn before(
    seq: u64,
    fact: &Fact,
    account: AccountNumber,
    now: &Standing,
) -> Result<Option<Standing>, Setback> {
    match fact {
        Fact::Opened { account: opened, .. } if *opened == account => {
            Err(Setback::NoAccount { at: 0, name: now.name.clone() })
        }
        Fact::Posting(posting) => Ok(posting.side(account).map(|(_, before, link)| {
            let last = link.seq(seq);
            Standing { balance: before, as_of_seq: last, last_seq: last, ..now.clone() }
        })),
        Fact::Opened { .. } | Fact::Limited { .. } => Ok(None),
    }
}

fn is_within(seq: u64, at_ms: u64, moment: Moment) -> bool {
    match moment {
        Moment::Seq(last) => seq <= last,
        Moment::Ms(last) => at_ms <= last,
    }
}

/// The number of the fact before that touched the account; 0 where it begins.
fn previous_of(fact: &Fact, account: AccountNumber, seq: u64) -> u64 {
    match fact {
        Fact::Opened { .. } => 0,
        Fact::Limited { link, .. } => link.seq(seq),
        Fact::Posting(posting) => posting.side(account).map_or(0, |(_, _, link)| link.seq(seq)),
    }
}

/// The balance behind a fact; new limits change none, so it is that of the fact before.
fn after(fact: &Fact, account: AccountNumber, seq: u64, past: &Past) -> Result<Balance, Setback> {
    let (mut fact, mut seq) = (fact.clone(), seq);
    loop {
        match &fact {
            Fact::Opened { .. } => return Ok(Balance::default()),
            Fact::Posting(posting) => {
                return Ok(posting.side(account).map_or_else(Balance::default, |side| side.0));
            }
            Fact::Limited { link, .. } => seq = link.seq(seq),
        }
        fact = past.at(seq)?.ok_or_else(|| Setback::Read(format!("record {seq} is missing")))?;
    }
}

fn unread(error: OpenError) -> Setback {
    Setback::Read(error.to_string())
}
