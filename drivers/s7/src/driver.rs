//! S7 as the plant asks for it.

use crate::fault::Fault;
use crate::place::Place;
use crate::reads::Reads;
use crate::session::{Session, WriteError};
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_s7::{Kind, Limits, Tag, Value as Raw, ValueError};
use tidegate_service_plant::{Dial, Driver, Found, Limit, Trouble, Type, Unfit, Value};

/// Siemens S7 stations over TCP, by PUT/GET.
#[derive(Debug, Clone, Copy, Default)]
pub struct S7;

/// Where a tag is, and how that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) tag: Tag,
    pub(crate) text: Arc<str>,
}

impl Driver for S7 {
    type Place = Place;
    type Address = Address;
    type Plan = Reads;
    type Session = Session;

    fn name(&self) -> &'static str {
        "s7"
    }

    fn place(&self, text: &str) -> Result<Place, Unfit> {
        Place::parse(text)
    }

    /// A connection is to one CPU.
    fn bus(&self, place: &Place) -> String {
        place.to_string()
    }

    fn address(&self, text: &str) -> Result<(Address, Type), Unfit> {
        let tag = Tag::parse(text).map_err(|error| Unfit {
            code: error.code(),
            message: format!("{text:?} is no S7 address: {error}"),
            hint: error.hint().to_owned(),
        })?;
        let of = match tag.kind {
            Kind::Bool(_) => Type::Boolean,
            Kind::Unsigned(_) | Kind::Signed(_) | Kind::Time | Kind::S5Time => Type::Integer,
            Kind::Real | Kind::Lreal => Type::Real,
            Kind::Char | Kind::DateAndTime | Kind::Text(_) => Type::Text,
        };
        Ok((Address { tag, text: text.trim().into() }, of))
    }

    fn plan(&self, session: &Session, addresses: &[Address], _: Duration) -> Reads {
        Reads::new(addresses, Limits::of(session.negotiated()))
    }

    async fn connect(&self, dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        Session::open(dial, place).await
    }

    async fn read(
        &self,
        session: &mut Session,
        _: &Place,
        plan: &Reads,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        plan.read(session, limit).await
    }

    async fn write(
        &self,
        session: &mut Session,
        _: &Place,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        let fault = |fault: Fault| fault.at(&address.text);
        let write =
            raw(value).and_then(|raw| address.tag.write(&raw)).map_err(|error| fault(error.into()))?;
        match session.write(write, limit).await {
            Ok(Ok(outcomes)) => match outcomes.first() {
                Some(Err(item)) => Err(fault(ValueError::Item(*item).into())),
                _ => Ok(()),
            },
            Ok(Err(refusal)) => Err(fault(Fault::Refused(refusal))),
            Err(WriteError::Value(error)) => Err(fault(error.into())),
            Err(WriteError::Connection(trouble)) => Err(trouble),
        }
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}

/// As the pipeline has values.
pub(crate) fn carried(value: Raw) -> Result<Value, Fault> {
    Ok(match value {
        Raw::Bool(value) => Value::Boolean(value),
        Raw::Unsigned(value) => Value::Integer(value.try_into().map_err(|_| Fault::TooLarge)?),
        Raw::Signed(value) => Value::Integer(value),
        Raw::Real(value) => Value::Real(value),
        Raw::Text(value) => Value::Text(value.into()),
    })
}

fn raw(value: &Value) -> Result<Raw, ValueError> {
    Ok(match value {
        Value::Boolean(value) => Raw::Bool(*value),
        Value::Integer(value) => Raw::Signed(*value),
        Value::Real(value) => Raw::Real(*value),
        Value::Text(value) => Raw::Text(value.to_string()),
        Value::Reals(_) => return Err(ValueError::Type),
    })
}
