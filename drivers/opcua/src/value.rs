//! What a server's values are in the product, and back. Pure.

use crate::address::Address;
use crate::error;
use opcua::types::{DataValue, DateTime, StatusCode, UAString, Variant, VariantScalarTypeId};
use tidegate_service_plant::{Found, Trouble, Type, Value};

/// What was read of a variable, with its quality and when it was so.
pub(crate) fn found(address: &Address, read: DataValue) -> Found {
    let status = read.status.unwrap_or(StatusCode::Good);
    if status.is_bad() {
        return Found::Bad(error::bad(address, status));
    }
    let source_ms = read.source_timestamp.and_then(unix_ms);
    match carried(address, read.value.unwrap_or_default()) {
        Ok(value) if status.is_uncertain() => Found::Uncertain { value, source_ms },
        Ok(value) => Found::Good { value, source_ms },
        Err(trouble) => Found::Bad(trouble),
    }
}

/// A time that the server does not know is before 1970.
fn unix_ms(time: DateTime) -> Option<u64> {
    u64::try_from(time.as_chrono().timestamp_millis()).ok().filter(|ms| *ms > 0)
}

fn carried(address: &Address, value: Variant) -> Result<Value, Trouble> {
    let carried = match address.of {
        Type::Boolean => match &value {
            Variant::Boolean(flag) => Some(Value::Boolean(*flag)),
            _ => None,
        },
        Type::Integer => integer(&value).map(Value::Integer),
        Type::Text => text(&value).map(|text| Value::Text(text.into())),
        _ => real(&value).map(Value::Real),
    };
    carried.ok_or_else(|| error::mistyped(address, &described(&value)))
}

fn integer(value: &Variant) -> Option<i64> {
    match value {
        Variant::SByte(number) => Some((*number).into()),
        Variant::Byte(number) => Some((*number).into()),
        Variant::Int16(number) => Some((*number).into()),
        Variant::UInt16(number) => Some((*number).into()),
        Variant::Int32(number) => Some((*number).into()),
        Variant::UInt32(number) => Some((*number).into()),
        Variant::Int64(number) => Some(*number),
        Variant::UInt64(number) => i64::try_from(*number).ok(),
        Variant::StatusCode(status) => Some(status.bits().into()),
        Variant::DateTime(time) => Some(time.as_chrono().timestamp_millis()),
        _ => None,
    }
}

fn real(value: &Variant) -> Option<f64> {
    match value {
        Variant::Float(number) => Some((*number).into()),
        Variant::Double(number) => Some(*number),
        Variant::UInt64(number) => Some(*number as f64),
        Variant::DateTime(_) | Variant::StatusCode(_) => None,
        other => integer(other).map(|number| number as f64),
    }
}

fn text(value: &Variant) -> Option<String> {
    match value {
        Variant::String(text) => Some(text.as_ref().to_owned()),
        Variant::LocalizedText(text) => Some(text.text.as_ref().to_owned()),
        Variant::QualifiedName(name) => Some(name.name.as_ref().to_owned()),
        Variant::Guid(guid) => Some(guid.to_string()),
        Variant::NodeId(node) => Some(node.to_string()),
        Variant::DateTime(time) => Some(time.to_rfc3339()),
        _ => None,
    }
}

/// For people: what somebody finds who expected something else.
fn described(value: &Variant) -> String {
    match value {
        Variant::Empty => "empty".to_owned(),
        Variant::UInt64(number) => format!("the UInt64 {number}"),
        other => match other.scalar_type_id() {
            Some(of) if other.is_array() => format!("an array of {of}"),
            Some(of) => format!("of type {of}"),
            None => "an array".to_owned(),
        },
    }
}

/// The value as the variable has it; nothing where it is none of that type.
pub(crate) fn raw(value: &Value, of: VariantScalarTypeId) -> Option<Variant> {
    use VariantScalarTypeId as Of;
    match (value, of) {
        (Value::Boolean(flag), Of::Boolean) => Some(Variant::Boolean(*flag)),
        (Value::Real(number), Of::Double) => Some(Variant::Double(*number)),
        (Value::Real(number), Of::Float) => float(*number),
        (Value::Integer(number), Of::Double) => exact(*number).map(Variant::Double),
        (Value::Integer(number), Of::Float) => exact(*number).and_then(float),
        (Value::Integer(number), of) => whole(*number, of),
        (Value::Real(number), of) => to_whole(*number).and_then(|number| whole(number, of)),
        (Value::Text(text), Of::String) => Some(Variant::String(UAString::from(&**text))),
        _ => None,
    }
}

fn whole(number: i64, of: VariantScalarTypeId) -> Option<Variant> {
    use VariantScalarTypeId as Of;
    match of {
        Of::SByte => number.try_into().ok().map(Variant::SByte),
        Of::Byte => number.try_into().ok().map(Variant::Byte),
        Of::Int16 => number.try_into().ok().map(Variant::Int16),
        Of::UInt16 => number.try_into().ok().map(Variant::UInt16),
        Of::Int32 => number.try_into().ok().map(Variant::Int32),
        Of::UInt32 => number.try_into().ok().map(Variant::UInt32),
        Of::Int64 => Some(Variant::Int64(number)),
        Of::UInt64 => number.try_into().ok().map(Variant::UInt64),
        _ => None,
    }
}

/// One that a float cannot hold becomes none.
fn float(number: f64) -> Option<Variant> {
    let near = number as f32;
    near.is_finite().then_some(Variant::Float(near))
}

fn exact(number: i64) -> Option<f64> {
    (number.unsigned_abs() <= 1 << 53).then_some(number as f64)
}

/// A real that is a whole number.
fn to_whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= (1_u64 << 53) as f64).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service_plant::Blame;

    fn read(text: &str, value: impl Into<Variant>) -> Result<Value, &'static str> {
        let address = Address::parse(text).expect("an address");
        match found(&address, DataValue::value_only(value.into())) {
            Found::Good { value, .. } => Ok(value),
            Found::Bad(trouble) => Err(trouble.code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_type_is_what_the_address_says() {
        assert_eq!(read("ns=1;i=1", 1.5_f32), Ok(Value::Real(1.5)));
        assert_eq!(read("ns=1;i=1", -3_i16), Ok(Value::Real(-3.0)));
        assert_eq!(read("ns=1;i=1:INTEGER", 4_000_000_000_u32), Ok(Value::Integer(4_000_000_000)));
        assert_eq!(read("ns=1;i=1:BOOLEAN", true), Ok(Value::Boolean(true)));
        assert_eq!(read("ns=1;i=1:TEXT", "press"), Ok(Value::Text("press".into())));
    }

    #[test]
    fn another_type_an_array_and_nothing_at_all_are_bad() {
        for (text, value) in [
            ("ns=1;i=1:INTEGER", Variant::Double(1.0)),
            ("ns=1;i=1:INTEGER", Variant::UInt64(u64::MAX)),
            ("ns=1;i=1:BOOLEAN", Variant::Int32(1)),
            ("ns=1;i=1:TEXT", Variant::Int32(1)),
            ("ns=1;i=1", Variant::String("1".into())),
            ("ns=1;i=1", Variant::from(vec![1.0_f64, 2.0])),
            ("ns=1;i=1", Variant::Empty),
        ] {
            assert_eq!(read(text, value.clone()), Err("TG-UA-033"), "{text} {value:?}");
        }
    }

    #[test]
    fn a_status_decides_on_quality_and_the_source_says_when() {
        let address = Address::parse("ns=1;i=1").expect("an address");
        let of = |status| DataValue { status: Some(status), ..DataValue::value_only(2.0_f64) };
        let doubt = found(&address, of(StatusCode::UncertainLastUsableValue));
        assert_eq!(doubt, Found::Uncertain { value: Value::Real(2.0), source_ms: None });
        let Found::Bad(trouble) = found(&address, of(StatusCode::BadNodeIdUnknown)) else { panic!("good") };
        assert_eq!((trouble.code, trouble.blame), ("TG-UA-030", Blame::Tag));
        let stamped = DataValue {
            source_timestamp: Some(DateTime::ymd_hms(2026, 11, 27, 0, 0, 1)),
            ..DataValue::value_only(2.0_f64)
        };
        let at = found(&address, stamped);
        assert_eq!(at, Found::Good { value: Value::Real(2.0), source_ms: Some(1_795_737_601_000) });
        let unset = DataValue { source_timestamp: Some(DateTime::null()), ..DataValue::value_only(2.0_f64) };
        assert_eq!(found(&address, unset), Found::Good { value: Value::Real(2.0), source_ms: None });
    }

    #[test]
    fn a_value_is_written_as_the_variable_has_it_or_not_at_all() {
        use VariantScalarTypeId as Of;
        assert_eq!(raw(&Value::Integer(7), Of::Int16), Some(Variant::Int16(7)));
        assert_eq!(raw(&Value::Integer(7), Of::Double), Some(Variant::Double(7.0)));
        assert_eq!(raw(&Value::Real(7.0), Of::Byte), Some(Variant::Byte(7)));
        for (value, of) in [
            (Value::Integer(40_000), Of::Int16),
            (Value::Integer(-1), Of::UInt64),
            (Value::Real(7.5), Of::Int32),
            (Value::Real(1e300), Of::Float),
            (Value::Integer((1 << 53) + 1), Of::Double),
            (Value::Text("1".into()), Of::Int32),
            (Value::Boolean(true), Of::Int32),
        ] {
            assert_eq!(raw(&value, of), None, "{value:?} {of}");
        }
    }
}
