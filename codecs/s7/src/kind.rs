//! How bytes are to be understood, by the names that TIA Portal and STEP 7 give to types.

/// The type of a tag, as far as its bytes say it: BYTE and USINT are the same here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One bit of a byte, 0 to 7.
    Bool(u8),
    /// So many bytes: 1, 2, 4 or 8.
    Unsigned(u8),
    /// So many bytes: 1, 2, 4 or 8.
    Signed(u8),
    Real,
    Lreal,
    Char,
    /// Milliseconds, signed.
    Time,
    /// Three decimal digits and a base; read and written as milliseconds.
    S5Time,
    /// Read as local time, `2026-11-26T20:53:58.123`.
    DateAndTime,
    /// Up to so many bytes, behind two that say how many there may be and are.
    Text(u8),
}

const NAMES: [(&str, Kind); 20] = [
    ("BYTE", Kind::Unsigned(1)),
    ("USINT", Kind::Unsigned(1)),
    ("WORD", Kind::Unsigned(2)),
    ("UINT", Kind::Unsigned(2)),
    ("DWORD", Kind::Unsigned(4)),
    ("UDINT", Kind::Unsigned(4)),
    ("LWORD", Kind::Unsigned(8)),
    ("ULINT", Kind::Unsigned(8)),
    ("SINT", Kind::Signed(1)),
    ("INT", Kind::Signed(2)),
    ("DINT", Kind::Signed(4)),
    ("LINT", Kind::Signed(8)),
    ("REAL", Kind::Real),
    ("LREAL", Kind::Lreal),
    ("CHAR", Kind::Char),
    ("TIME", Kind::Time),
    ("S5TIME", Kind::S5Time),
    ("DATE_AND_TIME", Kind::DateAndTime),
    ("DT", Kind::DateAndTime),
    ("STRING", Kind::Text(Kind::TEXT_BYTES_MAX)),
];

impl Kind {
    pub(crate) const TEXT_BYTES_MAX: u8 = 254;

    /// By its name in capitals. BOOL and STRING[n] say more than a name, and are their caller's.
    pub(crate) fn named(name: &str) -> Option<Kind> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// How many bytes it takes.
    pub fn bytes(self) -> u16 {
        match self {
            Self::Bool(_) | Self::Char => 1,
            Self::Unsigned(bytes) | Self::Signed(bytes) => bytes.into(),
            Self::S5Time => 2,
            Self::Real | Self::Time => 4,
            Self::Lreal | Self::DateAndTime => 8,
            Self::Text(bytes_max) => 2 + u16::from(bytes_max),
        }
    }
}
