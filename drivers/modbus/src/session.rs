//! One connection: requests, answers, and which ranges its units refused to give at once. Where a device closes the connection behind
//! each answer, it is made anew for the next request of a read.

use crate::address::{Address, Form, Table};
use crate::error;
use crate::line::{Line, Silence};
use crate::place::{Place, Way};
use crate::plan::{Block, Plan, Span};
use crate::value;
use std::collections::BTreeSet;
use std::fmt;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::{Blame, Dial, Found, Limit, Trouble, Value};
use tokio_modbus::client::{Client, Context, rtu, tcp};
use tokio_modbus::prelude::SlaveContext;
use tokio_modbus::{Request, Response, Slave};

/// Refused ranges that one read halves: enough to find one hole in any range, and two among 256 tags. Others are bad in this read.
const HALVINGS_MAX: u32 = 16;

/// A connection to a host, or an open line.
pub struct Session {
    context: Context,
    way: Open,
    /// Requests of this read that were answered over this connection.
    answers: u32,
    /// The other side has closed it, with nothing half said.
    is_closed: bool,
    /// Ranges with something illegal in them, by unit: their halves are read instead.
    split: BTreeSet<(u8, u16, u16, Table)>,
}

/// How its units are reached, and what that takes.
enum Open {
    Net(Endpoint, Dial),
    Line(Line, Silence),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("split", &self.split).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) async fn open(dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        let unit = Slave(place.unit);
        let (context, way) = match &place.way {
            Way::Net(endpoint) => {
                let context = tcp::attach_slave(dial.to(endpoint).await?, unit);
                (context, Open::Net(endpoint.clone(), dial.clone()))
            }
            Way::Line(line) => {
                let context = rtu::attach_slave(line.open().await?, unit);
                (context, Open::Line(line.clone(), Silence::of(line)))
            }
        };
        Ok(Session { context, way, answers: 0, is_closed: false, split: BTreeSet::new() })
    }

    /// Whose answers are meant from now on.
    fn turn_to(&mut self, place: &Place) -> Result<(), Trouble> {
        self.context.set_slave(Slave(place.unit));
        match (&place.way, &self.way) {
            (Way::Line(said), Open::Line(open, _)) if said != open => Err(error::other_settings(&said.path)),
            _ => Ok(()),
        }
    }

    pub(crate) async fn read(
        &mut self,
        place: &Place,
        plan: &Plan,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        self.turn_to(place)?;
        self.answers = 0;
        let unit = place.unit;
        let mut found = vec![Found::from(Value::Boolean(false)); plan.addresses.len()];
        let mut open: Vec<Block> = plan.blocks().iter().rev().copied().collect();
        let mut halvings = 0;
        while let Some(block) = open.pop() {
            let (span, places) = (plan.span(block), plan.places(block).iter());
            // What is read next is the last one.
            let halves = block.halves().map(|[first, second]| [second, first]);
            if let Some(halves) = halves.filter(|_| self.split.contains(&key(unit, &span))) {
                open.extend(halves);
                continue;
            }
            match (self.answer(unit, &span, limit).await, halves) {
                (Ok(words), _) => {
                    places.for_each(|at| found[*at] = of_block(&plan.addresses[*at], &span, &words));
                }
                (Err(trouble), _) if trouble.blame != Blame::Tag => return Err(trouble),
                (Err(_), Some(halves)) if halvings < HALVINGS_MAX => {
                    halvings += 1;
                    self.split.insert(key(unit, &span));
                    open.extend(halves);
                }
                (Err(trouble), _) => places.for_each(|at| found[*at] = Found::Bad(trouble.clone())),
            }
        }
        Ok(found)
    }

    /// What stands there, over a new connection where this one was closed behind an answer. One that was closed before any is told.
    async fn answer(&mut self, unit: u8, span: &Span, limit: Limit) -> Result<Vec<u16>, Trouble> {
        let answer = limit.on(self.words(span)).await;
        match (&self.way, &answer) {
            (Open::Net(endpoint, dial), Err(_)) if self.is_closed && self.answers > 0 => {
                self.context = tcp::attach_slave(dial.again(endpoint).await?, Slave(unit));
                (self.answers, self.is_closed) = (0, false);
                limit.on(self.words(span)).await
            }
            (Open::Line(..), Err(trouble)) if trouble.is_silence() => {
                self.rest(limit).await;
                answer
            }
            _ => answer,
        }
    }

    /// Gives the line up, and waits until what is late has come: the next answer would be taken for it.
    async fn rest(&mut self, limit: Limit) {
        if let Open::Line(line, _) = &self.way {
            // It is opened anew either way.
            let _ = self.context.disconnect().await;
            line.rest(limit).await;
        }
    }

    /// One request; coils are words of 0 and 1.
    async fn words(&mut self, span: &Span) -> Result<Vec<u16>, Trouble> {
        let Span { table, start, len } = *span;
        let request = match table {
            Table::Coils => Request::ReadCoils(start, len),
            Table::Inputs => Request::ReadDiscreteInputs(start, len),
            Table::InputRegisters => Request::ReadInputRegisters(start, len),
            Table::HoldingRegisters => Request::ReadHoldingRegisters(start, len),
        };
        let words = match self.ask(|| span.reference(), request).await? {
            // Filled up to whole bytes.
            Response::ReadCoils(flags) | Response::ReadDiscreteInputs(flags) => {
                flags.into_iter().take(len.into()).map(u16::from).collect()
            }
            Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words) => words,
            _ => Vec::new(),
        };
        if words.len() == usize::from(len) { Ok(words) } else { Err(error::miscounted(span, words.len())) }
    }

    /// The answer, which is of the request's transaction, unit and function: the client sees to that.
    async fn ask(&mut self, what: impl Fn() -> String, request: Request<'_>) -> Result<Response, Trouble> {
        if let Open::Line(_, silence) = &self.way {
            silence.kept().await;
        }
        let answer = self.context.call(request).await;
        if let Open::Line(_, silence) = &mut self.way {
            silence.begin();
        }
        self.answers += u32::from(answer.is_ok());
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(exception)) => Err(error::refused(&what(), exception)),
            Err(broken) => {
                self.is_closed = error::is_end(&broken);
                Err(error::broken(&broken))
            }
        }
    }

    pub(crate) async fn write(
        &mut self,
        place: &Place,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        let written = limit.on(self.send(place, address, value)).await;
        if written.as_ref().is_err_and(Trouble::is_silence) {
            self.rest(limit).await;
        }
        written
    }

    async fn send(&mut self, place: &Place, address: &Address, value: &Value) -> Result<(), Trouble> {
        self.turn_to(place)?;
        let start = address.start;
        let (request, echo) = match (address.table, address.form, value) {
            (Table::Coils, _, Value::Boolean(flag)) => {
                (Request::WriteSingleCoil(start, *flag), Response::WriteSingleCoil(start, *flag))
            }
            (Table::Coils, ..) => return Err(error::unfit_value(address, value)),
            (Table::HoldingRegisters, form, _) if !matches!(form, Form::Bit(_)) => {
                let words = value::to_words(address, value)?;
                match words[..] {
                    [word] => (
                        Request::WriteSingleRegister(start, word),
                        Response::WriteSingleRegister(start, word),
                    ),
                    _ => {
                        let echo = Response::WriteMultipleRegisters(start, address.len());
                        (Request::WriteMultipleRegisters(start, words.into()), echo)
                    }
                }
            }
            _ => return Err(error::read_only(address)),
        };
        let answer = self.ask(|| address.reference(), request).await?;
        if answer == echo { Ok(()) } else { Err(error::not_echoed(address)) }
    }

    pub(crate) async fn close(mut self) {
        // The connection ends either way.
        let _ = self.context.disconnect().await;
    }
}

fn key(unit: u8, span: &Span) -> (u8, u16, u16, Table) {
    (unit, span.start, span.len, span.table)
}

/// What the registers of a block say of one address in it.
fn of_block(address: &Address, span: &Span, words: &[u16]) -> Found {
    let from = usize::from(address.start - span.start);
    match value::of_words(address, &words[from..from + usize::from(address.len())]) {
        Ok(value) => value.into(),
        Err(trouble) => Found::Bad(trouble),
    }
}
