//! Where a tag stands in a device: `40001:FLOAT`, `40010.3`, `10001`, `30001:INT32:CDAB`, `40100:STRING20`. Pure.
//!
//! The first digit says the table: 0 coils, 1 discrete inputs, 3 input registers, 4 holding registers; the rest counts from 1, with five
//! digits in all or six.

use crate::error::Misfit;
use tidegate_service_plant::{Type, Unfit};

/// One of the four tables of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Coils,
    Inputs,
    InputRegisters,
    HoldingRegisters,
}

/// What registers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A coil or a discrete input.
    Flag,
    /// A bit of a register, 0 the lowest.
    Bit(u8),
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    /// So many bytes, two a register.
    Text(u8),
}

/// In which order bytes of a value stand, ABCD being the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The lowest register comes first: CDAB, DCBA.
    pub(crate) swaps_words: bool,
    /// The lower byte of each register comes first: BADC, DCBA.
    pub(crate) swaps_bytes: bool,
}

/// The place of one tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub(crate) table: Table,
    /// Counted from 0, as it is sent.
    pub(crate) start: u16,
    pub(crate) form: Form,
    pub(crate) order: Order,
}

const FORMS: [(&str, Form); 8] = [
    ("UINT16", Form::U16),
    ("INT16", Form::I16),
    ("UINT32", Form::U32),
    ("INT32", Form::I32),
    ("UINT64", Form::U64),
    ("INT64", Form::I64),
    ("FLOAT", Form::F32),
    ("DOUBLE", Form::F64),
];
const TEXT: &str = "STRING";
const TEXT_BYTES_MAX: u8 = 240;

impl Address {
    pub(crate) fn parse(text: &str) -> Result<(Address, Type), Unfit> {
        let address = parse(text).map_err(|why| Misfit::Address { text: text.to_owned(), why })?;
        Ok((address, address.form.stands()))
    }

    /// How many coils or registers it takes.
    pub(crate) fn len(&self) -> u16 {
        match self.form {
            Form::Flag | Form::Bit(_) | Form::U16 | Form::I16 => 1,
            Form::U32 | Form::I32 | Form::F32 => 2,
            Form::U64 | Form::I64 | Form::F64 => 4,
            Form::Text(bytes) => u16::from(bytes).div_ceil(2),
        }
    }

    /// One behind the last; at most 65536.
    pub(crate) fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.len())
    }

    /// As people write where it begins.
    pub(crate) fn reference(&self) -> String {
        self.table.reference(self.start.into())
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    let mut parts = text.split(':');
    let (reference, form, order) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if parts.next().is_some() {
        return Err("it has more than three parts");
    }
    let (number, bit) =
        reference.split_once('.').map_or((reference, None), |(number, bit)| (number, Some(bit)));
    let (table, start) = place(number)?;
    let form = match (table, bit, form) {
        (Table::Coils | Table::Inputs, None, None) => Form::Flag,
        (Table::Coils | Table::Inputs, ..) => {
            return Err("a coil or discrete input has neither type nor bit");
        }
        (_, Some(bit), None) => Form::Bit(bit_of(bit)?),
        (_, Some(_), Some(_)) => return Err("a bit of a register has no type"),
        (_, None, None) => Form::U16,
        (_, None, Some(word)) => form_of(word)?,
    };
    let address = Address { table, start, form, order: order.map_or(Ok(Order::ABCD), order_of)? };
    if address.order.swaps_words && !address.has_words() {
        return Err("its type has no words to swap; the order can be ABCD or BADC");
    }
    if address.end() > 65_536 { Err("it ends behind the last register") } else { Ok(address) }
}

fn place(number: &str) -> Result<(Table, u16), &'static str> {
    let why = "it begins with five or six digits, the first of them 0, 1, 3 or 4";
    if !matches!(number.len(), 5 | 6) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(why);
    }
    let table = match number.as_bytes()[0] {
        b'0' => Table::Coils,
        b'1' => Table::Inputs,
        b'3' => Table::InputRegisters,
        b'4' => Table::HoldingRegisters,
        _ => return Err(why),
    };
    let count: u32 = number[1..].parse().map_err(|_| why)?;
    let start = count.checked_sub(1).and_then(|start| u16::try_from(start).ok());
    Ok((table, start.ok_or("tables count from 1 to 65536")?))
}

fn bit_of(bit: &str) -> Result<u8, &'static str> {
    let bit = bit.parse().ok().filter(|bit| *bit < 16);
    bit.ok_or("the bits of a register are 0 to 15")
}

fn form_of(word: &str) -> Result<Form, &'static str> {
    if let Some(bytes) = word.strip_prefix(TEXT) {
        let bytes = bytes.parse().ok().filter(|bytes| (1..=TEXT_BYTES_MAX).contains(bytes));
        return bytes.map(Form::Text).ok_or("a STRING says how many bytes it has, 1 to 240: STRING20");
    }
    let found = FORMS.iter().find(|(name, _)| *name == word);
    found.map(|(_, form)| *form).ok_or(
        "its type is none of UINT16, INT16, UINT32, INT32, UINT64, INT64, FLOAT, DOUBLE, STRING and a number",
    )
}

fn order_of(word: &str) -> Result<Order, &'static str> {
    let order = |swaps_words, swaps_bytes| Ok(Order { swaps_words, swaps_bytes });
    match word {
        "ABCD" => order(false, false),
        "CDAB" => order(true, false),
        "BADC" => order(false, true),
        "DCBA" => order(true, true),
        _ => Err("its order is none of ABCD, CDAB, BADC, DCBA"),
    }
}

impl Address {
    fn has_words(&self) -> bool {
        !matches!(self.form, Form::Text(_)) && self.len() > 1
    }
}

impl Order {
    pub(crate) const ABCD: Order = Order { swaps_words: false, swaps_bytes: false };
}

impl Table {
    /// The place counted from 0 as people write it, with six digits.
    pub(crate) fn reference(self, at: u32) -> String {
        let digit = match self {
            Table::Coils => 0,
            Table::Inputs => 1,
            Table::InputRegisters => 3,
            Table::HoldingRegisters => 4,
        };
        format!("{digit}{:05}", at + 1)
    }

    /// How much one request may ask for (Modbus Application Protocol 1.1b3, 6.1 to 6.4).
    pub(crate) fn len_max(self) -> u32 {
        match self {
            Table::Coils | Table::Inputs => 2000,
            Table::InputRegisters | Table::HoldingRegisters => 125,
        }
    }
}

impl Form {
    fn stands(self) -> Type {
        match self {
            Form::Flag | Form::Bit(_) => Type::Boolean,
            Form::F32 | Form::F64 => Type::Real,
            Form::Text(_) => Type::Text,
            _ => Type::Integer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_a_reference_a_type_and_an_order() {
        let one = |text| Address::parse(text).unwrap();
        let (address, of) = one("40001:FLOAT:CDAB");
        let order = Order { swaps_words: true, swaps_bytes: false };
        let expected = Address { table: Table::HoldingRegisters, start: 0, form: Form::F32, order };
        assert_eq!((address, of, address.len()), (expected, Type::Real, 2));
        assert_eq!(
            (one("00010").0.form, one("00010").0.start, one("00010").1),
            (Form::Flag, 9, Type::Boolean)
        );
        assert_eq!((one("30005.15").0.form, one("465536").0.start), (Form::Bit(15), 65_535));
        assert_eq!((one("40100:STRING21").0.len(), one("40001").0.form), (11, Form::U16));
        assert_eq!(
            (one("400010:UINT64").0.reference(), one("10001").0.reference()),
            ("400010".into(), "100001".into())
        );
    }

    #[test]
    fn what_is_no_address_is_told_with_its_code() {
        for text in [
            "",
            "4",
            "4000",
            "50001",
            "40000",
            "465537",
            "4000000",
            "40001:",
            "40001:REAL",
            "40001:FLOAT:",
            "40001:FLOAT:ABDC",
            "40001.16",
            "40001.x",
            "40001.1:FLOAT",
            "00001:FLOAT",
            "10001.1",
            "40001:INT16:CDAB",
            "40001:STRING",
            "40001:STRING0",
            "40001:STRING241",
            "40001:STRING8:DCBA",
            "465536:FLOAT",
            "40001:FLOAT:ABCD:x",
            "4\u{0664}001",
            "40001:float",
        ] {
            assert_eq!(Address::parse(text).map_err(|unfit| unfit.code), Err("TG-MB-002"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_within_its_table_or_none(text in "[0-9.:A-Z]{0,16}|\\PC{0,12}") {
            if let Ok((address, _)) = Address::parse(&text) {
                prop_assert!(address.end() <= 65_536 && u32::from(address.len()) <= address.table.len_max());
            }
        }
    }
}
