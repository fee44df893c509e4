//! A point as both directions know it. Owned, unescaped, without an opinion on what is sensible. Pure.

/// One line: what was measured, where, what came out, and when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    pub measurement: String,
    /// In the order of the line.
    pub tags: Vec<(String, String)>,
    /// In the order of the line; at least one in a point that can be written.
    pub fields: Vec<(String, FieldValue)>,
    /// Since 1970 in the unit the request says, nanoseconds by default; whoever takes the line knows when that was where it is
    /// missing.
    pub time: Option<i64>,
}

/// A field's value and its type, which the protocol tells apart by spelling.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// `21.5`; finite.
    Real(f64),
    /// `21i`
    Integer(i64),
    /// `21u`
    Unsigned(u64),
    /// `t`, `true`, `f`, `false`
    Bool(bool),
    /// `"running"`
    Text(String),
}
