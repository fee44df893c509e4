//! What was: statements along the links of facts, an account as it was, one transfer, the feed. Reads the disk in the calling thread.

use crate::ask::Standing;
use crate::error::{OpenError, Setback};
use crate::port::{Moment, Page, Recorded};
use crate::replay;
use crate::store::{AT_ONCE, Store};
use std::sync::Arc;
use tidegate_engine_book::{Account, AccountNumber, Balance, BookLimit, Fact, Id, State};
use tidegate_kernel_journal::AHEAD_MS_MAX;

/// Links followed back from the newest fact before an account as it was is looked for from the other side.
const LINKS_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) book: String,
    pub(crate) limit: BookLimit,
}

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
            let fact = match self.at(next) {
                // What there is comes first; who asks for more hears why there is none.
                Err(Setback::Pruned { .. }) if !facts.is_empty() => break,
                Err(Setback::Pruned { .. }) => return Err(self.base()?.without(account)),
                fact => fact?,
            };
            let Some(fact) = fact else { break };
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
            let fact = match self.at(seq) {
                Err(Setback::Pruned { .. }) => return self.base()?.standing(account, now, moment),
                fact => fact?,
            };
            let Some(fact) = fact.filter(|_| seq > 0) else {
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
            Moment::Ms(ms) => self.store.seq_before(ms).map_err(unread)?,
        };
        while through < self.store.kept_seq() {
            let (facts, looked_at) = match self.store.facts(through, AT_ONCE).map_err(unread) {
                Err(Setback::Pruned { .. }) => {
                    let base = self.base()?;
                    if !base.is_within(moment) {
                        return base.standing(account, now, moment);
                    }
                    through = base.behind(through)?;
                    continue;
                }
                read => read?,
            };
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
            return match self.at(seq) {
                Err(Setback::Pruned { .. }) => Err(self.base()?.pruned(format!("it is record {seq}"))),
                fact => Ok(Recorded { seq, fact: fact?.ok_or(Setback::NoTransfer)? }),
            };
        }
        self.search(id)
    }

    /// A transfer whose id is not remembered any more.
    fn search(&self, id: Id) -> Result<Recorded, Setback> {
        // It was not accepted earlier than five minutes before it says it was made.
        let sent_ms = id.unix_ms().saturating_sub(AHEAD_MS_MAX);
        let mut through = self.store.seq_before(sent_ms).map_err(unread)?;
        while through < self.store.kept_seq() {
            let (facts, looked_at) = match self.store.facts(through, AT_ONCE).map_err(unread) {
                Err(Setback::Pruned { .. }) => {
                    if let Some((seq, at_ms)) = self.store.pruned(id, through).map_err(unread)? {
                        return Err(self.base()?.pruned(format!("it is record {seq}, of {at_ms} ms")));
                    }
                    through = self.base()?.behind(through)?;
                    continue;
                }
                read => read?,
            };
            let is_it = |fact: &Fact| matches!(fact, Fact::Posting(posting) if posting.id == id);
            if let Some((seq, fact)) = facts.into_iter().find(|(_, fact)| is_it(fact)) {
                return Ok(Recorded { seq, fact });
            }
            through = looked_at;
        }
        Err(Setback::NoTransfer)
    }

    pub(crate) fn postings(&self, after: u64, most: usize) -> Result<Page, Setback> {
        let (facts, through) = match self.store.facts(after, most).map_err(unread) {
            Err(Setback::Pruned { .. }) => {
                let base = self.base()?;
                return Err(base.pruned(format!("go on with after={}", base.0.seq())));
            }
            read => read?,
        };
        let facts = facts.into_iter().map(|(seq, fact)| Recorded { seq, fact }).collect();
        Ok(Page { facts, next: Some(through) })
    }

    /// The state that stands for what is pruned.
    fn base(&self) -> Result<Base, Setback> {
        let base = replay::base(&self.book, &*self.store, self.limit);
        let missing = || Setback::Read(format!("the book {} has no snapshot of what is pruned", self.book));
        base.map_err(unread)?.map(Base).ok_or_else(missing)
    }

    fn at(&self, seq: u64) -> Result<Option<Fact>, Setback> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        let (facts, _) = self.store.facts(after, 1).map_err(unread)?;
        Ok(facts.into_iter().find(|(found, _)| *found == seq).map(|(_, fact)| fact))
    }
}

/// What is still known where facts are pruned.
struct Base(State);

impl Base {
    fn is_within(&self, moment: Moment) -> bool {
        is_within(self.0.seq(), self.0.now_ms(), moment)
    }

    /// The account at a moment before which no later fact touched it.
    fn standing(&self, number: AccountNumber, now: Standing, moment: Moment) -> Result<Standing, Setback> {
        let Some(account) = self.0.account(number) else {
            return Err(self.pruned(format!("{} was opened behind them", now.name)));
        };
        let last_seq = account.last_seq;
        let is_known = self.is_within(moment) || matches!(moment, Moment::Seq(seq) if seq >= last_seq);
        match is_known {
            true => Ok(Standing { balance: account.balance, as_of_seq: last_seq, last_seq, ..now }),
            false => Err(self.without(number)),
        }
    }

    fn without(&self, number: AccountNumber) -> Setback {
        self.pruned(match self.0.account(number) {
            Some(Account { balance: Balance { posted, outgoing, incoming }, .. }) => {
                format!(
                    "behind them the account has posted {posted}, outgoing {outgoing}, incoming {incoming}"
                )
            }
            None => "the account was opened behind them".to_owned(),
        })
    }

    /// Where to go on reading behind what is pruned.
    fn behind(&self, through: u64) -> Result<u64, Setback> {
        let seq = self.0.seq();
        let beyond = || {
            Setback::Read(format!("facts behind record {seq} are pruned, and no snapshot stands for them"))
        };
        (seq > through).then_some(seq).ok_or_else(beyond)
    }

    fn pruned(&self, known: String) -> Setback {
        Setback::Pruned { through: self.0.seq(), known }
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
        fact = match past.at(seq) {
            Err(Setback::Pruned { .. }) => {
                let base = past.base()?;
                return Ok(base.0.account(account).map_or_else(Balance::default, |account| account.balance));
            }
            fact => fact?,
        }
        .ok_or_else(|| Setback::Read(format!("record {seq} is missing")))?;
    }
}

fn unread(error: OpenError) -> Setback {
    match error {
        OpenError::Pruned { seq, .. } => {
            Setback::Pruned { through: seq, known: "later ones may be as well".to_owned() }
        }
        error => Setback::Read(error.to_string()),
    }
}
