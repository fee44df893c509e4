//! Carrying an order out: look what stands there, write once, look again. Nothing is ever written twice.

use super::{Line, Seat};
use crate::driver::{Blame, Driver, Found, Trouble};
use crate::error;
use crate::order::{Fate, Order, Slip, Written};
use crate::wire::{Job, Setback};
use std::time::Duration;
use tidegate_engine_tags::{Type, Value};
use tokio::time::Instant;

/// By how much a real that is read back may differ from what was written, of the greater: a device that keeps four bytes of it has
/// seven digits.
const TOLERANCE: f64 = 1e-6;

/// Where an order goes.
struct Aim {
    device: usize,
    group: usize,
    tag: usize,
    side: usize,
    /// In the form that stands there.
    value: Value,
}

/// What a look at one tag came to.
enum Seen {
    Value(Value),
    Nothing(Trouble),
}

impl<D: Driver> Line<D> {
    pub(super) async fn carry_out(&mut self, mut slip: Slip) {
        if !slip.claim() {
            return;
        }
        let written = match self.aim(&slip.order) {
            Ok(aim) => self.write(&aim, &mut slip).await,
            Err(trouble) => Written::refused(slip.order.value.clone(), trouble),
        };
        if let Some(trouble) = &written.trouble {
            let Order { device, tag, .. } = &slip.order;
            let (fate, code) = (written.fate.name(), trouble.code);
            tracing::warn!(%device, %tag, fate, code, "a write is not confirmed: {trouble}");
        }
        slip.end(written);
    }

    fn aim(&self, order: &Order) -> Result<Aim, Trouble> {
        let Order { device: name, tag, value, deadline } = order;
        let unasked = || error::unasked(name, tag);
        let device = self.seats.iter().position(|seat| seat.name == *name).ok_or_else(unasked)?;
        let (group, tag) = self.seats[device].find(tag).ok_or_else(unasked)?;
        let side = self.schedule.side(device).ok_or_else(|| error::off_scan(name))?.index();
        let stands = self.seats[device].slots[group].types[tag];
        let value = fitted(value, stands).ok_or_else(|| error::misfit(stands))?;
        if Instant::now() > *deadline {
            return Err(error::too_late());
        }
        Ok(Aim { device, group, tag, side, value })
    }

    async fn write(&mut self, aim: &Aim, slip: &mut Slip) -> Written {
        let told = |fate, before, after, trouble| {
            let value = aim.value.clone();
            Written { fate, value, before, after, trouble }
        };
        let before = match self.look(aim).await {
            Ok(Seen::Value(value)) => Some(value),
            // What cannot be read may be written all the same; the device says so if not.
            Ok(Seen::Nothing(_)) => None,
            Err(Setback::Trouble(trouble)) => return told(Fate::Failed, None, None, Some(trouble)),
            Err(Setback::Cut) => return told(Fate::Refused, None, None, Some(error::cut())),
        };
        if Instant::now() > slip.order.deadline {
            return told(Fate::Refused, before, None, Some(error::too_late()));
        }
        slip.before = before.clone();
        let trouble = match self.send(aim, slip).await {
            Ok(()) => None,
            Err(Setback::Cut) => return told(Fate::Refused, before, None, Some(error::cut())),
            Err(Setback::Trouble(trouble)) if !slip.is_sent || trouble.blame == Blame::Tag => {
                return told(Fate::Failed, before, None, Some(trouble));
            }
            Err(Setback::Trouble(trouble)) => Some(trouble),
        };
        let after = self.look(aim).await;
        let (fate, after, trouble) = judged(&aim.value, trouble, after);
        told(fate, before, after, trouble)
    }

    /// What stands there now.
    async fn look(&mut self, aim: &Aim) -> Result<Seen, Setback> {
        let job = job(&self.seats, &self.dial, aim);
        let found = self.wires[aim.side].read(&*self.driver, &job, &mut self.stop).await?;
        Ok(seen(found.into_iter().next().expect("one is found for each that is asked for")))
    }

    async fn send(&mut self, aim: &Aim, slip: &mut Slip) -> Result<(), Setback> {
        let job = job(&self.seats, &self.dial, aim);
        let sent = || slip.is_sent = true;
        self.wires[aim.side].write(&*self.driver, &job, &aim.value, &mut self.stop, sent).await
    }
}

fn job<'a, D: Driver>(seats: &'a [Seat<D>], dial: &'a crate::dial::Dial, aim: &Aim) -> Job<'a, D> {
    let seat = &seats[aim.device];
    Job {
        at: None,
        due: Instant::now(),
        place: &seat.places[aim.side],
        addresses: std::slice::from_ref(&seat.slots[aim.group].addresses[aim.tag]),
        every: Duration::ZERO,
        limit: seat.limit,
        dial,
    }
}

impl<D: Driver> Seat<D> {
    /// The group of a tag, and its place in it.
    fn find(&self, tag: &str) -> Option<(usize, usize)> {
        let mut slots = self.slots.iter().enumerate();
        slots.find_map(|(group, slot)| Some((group, slot.memory.find(tag)?)))
    }
}

/// What was sent with or without an answer, and what stands there now. What stands there decides, where it is what was asked for.
fn judged(
    wanted: &Value,
    trouble: Option<Trouble>,
    after: Result<Seen, Setback>,
) -> (Fate, Option<Value>, Option<Trouble>) {
    let (after, unread) = match after {
        Ok(Seen::Value(value)) => (Some(value), None),
        Ok(Seen::Nothing(trouble)) | Err(Setback::Trouble(trouble)) => (None, Some(trouble)),
        Err(Setback::Cut) => (None, Some(error::cut())),
    };
    match (&after, trouble) {
        (Some(found), _) if is_same(wanted, found) => (Fate::Confirmed, after, None),
        (_, Some(trouble)) => (Fate::Unknown, after, Some(error::unknown(&trouble))),
        (Some(_), None) => (Fate::Unconfirmed, after, Some(error::differs())),
        (None, None) => {
            let why = unread.expect("what was not read has a reason");
            (Fate::Unconfirmed, None, Some(error::unread(&why)))
        }
    }
}

fn seen(found: Found) -> Seen {
    match found {
        Found::Good { value, .. } | Found::Uncertain { value, .. } => Seen::Value(value),
        Found::Bad(trouble) => Seen::Nothing(trouble),
        // What is asked for once is answered, and does not come by itself.
        Found::News(news) => {
            news.into_iter().last().map_or_else(|| Seen::Nothing(error::miscounted(1, 0)), seen)
        }
    }
}

fn is_same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Real(wanted), Value::Real(found)) => {
            (wanted - found).abs() <= TOLERANCE * wanted.abs().max(found.abs())
        }
        _ => wanted == found,
    }
}

/// The value as what stands there; a real is rounded where that is an integer. Nothing where it does not fit.
fn fitted(value: &Value, stands: Type) -> Option<Value> {
    match (value, stands) {
        (Value::Real(real), Type::Integer) => {
            let whole = real.round();
            // Beyond this a real no longer tells one integer from the next.
            (whole.abs() <= 9_007_199_254_740_992.0).then_some(Value::Integer(whole as i64))
        }
        (Value::Integer(integer), Type::Real) => Some(Value::Real(*integer as f64)),
        (Value::Real(_), Type::Real)
        | (Value::Integer(_), Type::Integer)
        | (Value::Boolean(_), Type::Boolean)
        | (Value::Text(_), Type::Text) => Some(value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_the_form_that_stands_there() {
        assert_eq!(fitted(&Value::Real(213.7), Type::Integer), Some(Value::Integer(214)));
        assert_eq!(fitted(&Value::Real(-0.5), Type::Integer), Some(Value::Integer(-1)));
        assert_eq!(fitted(&Value::Integer(7), Type::Real), Some(Value::Real(7.0)));
        assert_eq!(fitted(&Value::Real(1e17), Type::Integer), None);
        assert_eq!(fitted(&Value::Boolean(true), Type::Integer), None);
    }

    #[test]
    fn a_real_is_the_same_as_far_as_four_bytes_hold_it() {
        for real in [0.1, 23.7, -1e-20, 3.0e38, 0.0] {
            assert!(is_same(&Value::Real(real), &Value::Real(f64::from(real as f32))), "{real}");
        }
        assert!(!is_same(&Value::Real(23.7), &Value::Real(23.701)));
        assert!(!is_same(&Value::Real(0.1), &Value::Real(0.0)));
        assert!(!is_same(&Value::Integer(1), &Value::Integer(2)));
    }
}
