//! The book once more, as plainly as it can be said: a list of what was accepted, added up anew for every question.
//!
//! Shares no code with the engine but the types of questions and the names of answers.

use std::collections::BTreeMap;
use tidegate_engine_book::{Action, BookLimit, Command, Currency, Id, Limits, Name, Order};

/// An order that was accepted.
#[derive(Debug, Clone)]
struct Line {
    order: Order,
    /// The ids it was linked with.
    with: Vec<Id>,
    at_ms: u64,
    debit: u32,
    credit: u32,
    moved: i64,
    expires_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    limit: BookLimit,
    accounts: Vec<(Name, Currency, Limits)>,
    lines: Vec<Line>,
    /// Reservations that ended, and how.
    ended: BTreeMap<Id, &'static str>,
    /// Lines before this one are not remembered.
    window_from: usize,
    floor_ms: u64,
    now_ms: u64,
}

/// What the model says: done, done before, or the word for the refusal.
pub(crate) type Said = Result<&'static str, &'static str>;

impl Model {
    pub(crate) fn new(limit: BookLimit) -> Model {
        Model {
            limit,
            accounts: Vec::new(),
            lines: Vec::new(),
            ended: BTreeMap::new(),
            window_from: 0,
            floor_ms: 0,
            now_ms: 0,
        }
    }

    pub(crate) fn run(&mut self, now_ms: u64, command: &Command) -> Said {
        let now_ms = now_ms.max(self.now_ms);
        let mut next = self.clone();
        let said = match command {
            Command::Open { name, currency, limits } => next.open(name, *currency, *limits),
            Command::Limit { account, limits } => next.set_limits(*account, *limits),
            Command::One(order) => next.group(now_ms, std::slice::from_ref(order)),
            Command::Linked(orders) => next.group(now_ms, orders),
        };
        if said == Ok("fresh") {
            next.now_ms = now_ms;
            *self = next;
        }
        said
    }

    fn open(&mut self, name: &Name, currency: Currency, limits: Limits) -> Said {
        if let Some(known) = self.accounts.iter().find(|account| account.0 == *name) {
            return if (known.1, known.2) == (currency, limits) { Ok("known") } else { Err("name taken") };
        }
        if limits.min > limits.max {
            return Err("limits");
        }
        if self.accounts.len() == self.limit.accounts {
            return Err("many accounts");
        }
        self.accounts.push((name.clone(), currency, limits));
        Ok("fresh")
    }

    fn set_limits(&mut self, account: u32, limits: Limits) -> Said {
        let known = self.accounts.get_mut(account as usize).ok_or("unknown account")?;
        if limits.min > limits.max {
            return Err("limits");
        }
        Ok(if std::mem::replace(&mut known.2, limits) == limits { "known" } else { "fresh" })
    }

    fn group(&mut self, now_ms: u64, orders: &[Order]) -> Said {
        let with: Vec<Id> =
            if orders.len() < 2 { Vec::new() } else { orders.iter().map(|order| order.id).collect() };
        let (begin, floor_ms, remembered) = (self.lines.len(), self.floor_ms, self.window_from);
        for order in orders {
            if self.lines[begin..].iter().any(|line| line.order.id == order.id) {
                return Err("twice");
            }
            if let Some(line) = self.lines[remembered..begin].iter().find(|line| line.order.id == order.id) {
                let same = line.order == *order && line.with == with;
                return if same { Ok("known") } else { Err("conflict") };
            }
            if order.id.unix_ms() <= floor_ms {
                return Err("too old");
            }
            if order.id.unix_ms() > now_ms + 300_000 {
                return Err("ahead");
            }
            let line = self.judge(now_ms, order, &with)?;
            self.lines.push(line);
        }
        (begin..self.lines.len()).for_each(|at| self.remember(at, now_ms));
        Ok("fresh")
    }

    fn judge(&mut self, at_ms: u64, order: &Order, with: &[Id]) -> Result<Line, &'static str> {
        let (debit, credit, moved, held, expires_ms) = match order.action {
            Action::Transfer { debit, credit, amount } => (debit, credit, amount, 0, 0),
            Action::Reserve { debit, credit, amount, timeout_ms } => {
                if self.open_reservations().len() >= self.limit.reservations {
                    return Err("many reservations");
                }
                (debit, credit, 0, amount, timeout_ms.map_or(u64::MAX, |ms| at_ms + ms))
            }
            Action::Post { reservation, amount } => {
                let line = self.reservation(reservation, at_ms)?;
                let Action::Reserve { amount: held, .. } = line.order.action else { unreachable!() };
                let asked = amount.unwrap_or(held);
                if asked > held {
                    return Err("more than reserved");
                }
                if asked <= 0 {
                    return Err("zero");
                }
                self.ended.insert(reservation, "settled");
                (line.debit, line.credit, asked, 0, 0)
            }
            Action::Void { reservation } => {
                let line = self.reservation(reservation, at_ms)?;
                self.ended.insert(reservation, "settled");
                (line.debit, line.credit, 0, 0, 0)
            }
        };
        if matches!(order.action, Action::Transfer { .. } | Action::Reserve { .. }) {
            self.affordable(debit, credit, moved + held)?;
        }
        Ok(Line { order: order.clone(), with: with.to_vec(), at_ms, debit, credit, moved, expires_ms })
    }

    fn affordable(&self, debit: u32, credit: u32, amount: i64) -> Result<(), &'static str> {
        if amount <= 0 {
            return Err("zero");
        }
        let from = self.accounts.get(debit as usize).ok_or("unknown account")?;
        let into = self.accounts.get(credit as usize).ok_or("unknown account")?;
        if debit == credit {
            return Err("same account");
        }
        if from.1 != into.1 {
            return Err("wrong currency");
        }
        let [posted, outgoing, _] = self.balance(debit);
        let left = posted - outgoing - i128::from(amount);
        let most = i128::from(i64::MAX);
        if left < i128::from(i64::MIN) || outgoing + i128::from(amount) > most {
            return Err("overflow");
        }
        if left < i128::from(from.2.min) {
            return Err("overdraft");
        }
        let [posted, _, incoming] = self.balance(credit);
        let after = posted + incoming + i128::from(amount);
        if after > most || incoming + i128::from(amount) > most {
            return Err("overflow");
        }
        if after > i128::from(into.2.max) { Err("limit") } else { Ok(()) }
    }

    fn reservation(&self, id: Id, now_ms: u64) -> Result<Line, &'static str> {
        let is_it = |line: &&Line| line.order.id == id && matches!(line.order.action, Action::Reserve { .. });
        // Not remembered and ended is the same as never there.
        let at = self.lines.iter().position(|line| is_it(&line)).ok_or("unknown reservation")?;
        let line = &self.lines[at];
        match self.ended.get(&id) {
            // What ended within the same linked orders is still known there.
            Some(_) if at < self.window_from => Err("unknown reservation"),
            Some(how) => Err(how),
            None if line.expires_ms <= now_ms => Err("expired"),
            None => Ok(line.clone()),
        }
    }

    fn open_reservations(&self) -> Vec<&Line> {
        let is_open = |line: &&Line| {
            matches!(line.order.action, Action::Reserve { .. }) && !self.ended.contains_key(&line.order.id)
        };
        self.lines.iter().filter(is_open).collect()
    }

    pub(crate) fn expire(&mut self, now_ms: u64) {
        let due: Vec<Id> = self
            .open_reservations()
            .iter()
            .filter(|line| line.expires_ms <= now_ms)
            .map(|line| line.order.id)
            .collect();
        if !due.is_empty() {
            self.now_ms = self.now_ms.max(now_ms);
        }
        self.ended.extend(due.into_iter().map(|id| (id, "expired")));
    }

    fn remember(&mut self, newest: usize, now_ms: u64) {
        let is_over = |model: &Model| {
            let oldest = &model.lines[model.window_from];
            let many = newest - model.window_from + 1 > model.limit.window.ids;
            many || now_ms - oldest.at_ms > model.limit.window.age_ms
        };
        while self.window_from < newest && is_over(self) {
            self.floor_ms = self.floor_ms.max(self.lines[self.window_from].order.id.unix_ms());
            self.window_from += 1;
        }
    }

    /// Posted, outgoing, incoming.
    pub(crate) fn balance(&self, account: u32) -> [i128; 3] {
        let sum = |lines: &mut dyn Iterator<Item = (u32, i64)>| -> i128 {
            lines.filter(|(number, _)| *number == account).map(|(_, amount)| i128::from(amount)).sum()
        };
        let held = |line: &&Line| match line.order.action {
            Action::Reserve { amount, .. } => amount,
            _ => 0,
        };
        let open = self.open_reservations();
        let credits = sum(&mut self.lines.iter().map(|line| (line.credit, line.moved)));
        let debits = sum(&mut self.lines.iter().map(|line| (line.debit, line.moved)));
        let outgoing = sum(&mut open.iter().map(|line| (line.debit, held(line))));
        let incoming = sum(&mut open.iter().map(|line| (line.credit, held(line))));
        [credits - debits, outgoing, incoming]
    }

    pub(crate) fn accounts(&self) -> u32 {
        self.accounts.len() as u32
    }
}
