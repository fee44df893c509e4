//! A setting that has been read and is within its limits, and the Rust types it is taken as. Pure.

use crate::config::edge::SecretSource;
use crate::config::unit;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    Flag(bool),
    Integer(i64),
    Real(f64),
    Bytes(u64),
    Duration(Duration),
    /// Text, a choice or a URL.
    Text(String),
    Address(SocketAddr),
    Path(PathBuf),
    Secret(Secret),
    List(Vec<Setting>),
}

impl Setting {
    /// As the file would write it, but without quotes: what `Field::read` reads.
    pub fn bare(&self) -> String {
        match self {
            Setting::Text(text) => text.clone(),
            Setting::Path(path) => path.to_string_lossy().into_owned(),
            Setting::Secret(Secret { source: None, .. }) => Secret::HIDDEN.to_owned(),
            Setting::Bytes(_) | Setting::Duration(_) | Setting::Address(_) => {
                self.to_string().trim_matches('"').to_owned()
            }
            _ => self.to_string(),
        }
    }
}

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    source: Option<SecretSource>,
}

impl Secret {
    /// What stands where a secret is not shown.
    pub const HIDDEN: &'static str = "(secret)";

    pub(super) fn new(text: String, source: Option<SecretSource>) -> Secret {
        Secret { text, source }
    }

    /// The secret itself. Do not print it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// As the file would write it; a secret is not shown, but where it comes from is.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Flag(flag) => write!(f, "{flag}"),
            Setting::Integer(number) => write!(f, "{number}"),
            Setting::Real(number) => write!(f, "{number:?}"),
            Setting::Bytes(bytes) => write!(f, "\"{}\"", unit::bytes_text(*bytes)),
            Setting::Duration(duration) => write!(f, "\"{}\"", unit::duration_text(*duration)),
            Setting::Text(text) => f.write_str(&quoted(text)),
            Setting::Address(address) => write!(f, "\"{address}\""),
            Setting::Path(path) => f.write_str(&quoted(&path.to_string_lossy())),
            Setting::Secret(Secret { source: Some(source), .. }) => write!(f, "{source}"),
            Setting::Secret(_) => f.write_str(&quoted(Secret::HIDDEN)),
            Setting::List(items) => {
                let items: Vec<String> = items.iter().map(Setting::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => out.push_str(&format!("\\u{:04X}", control as u32)),
            other => out.push(other),
        }
    }
    out + "\""
}

/// What a setting can be taken as. Nothing means it is of another kind.
pub trait FromSetting: Sized {
    fn from_setting(setting: &Setting) -> Option<Self>;
}

impl FromSetting for bool {
    fn from_setting(setting: &Setting) -> Option<bool> {
        if let Setting::Flag(flag) = setting { Some(*flag) } else { None }
    }
}

impl FromSetting for i64 {
    fn from_setting(setting: &Setting) -> Option<i64> {
        if let Setting::Integer(number) = setting { Some(*number) } else { None }
    }
}

impl FromSetting for u64 {
    /// Bytes, or an integer that cannot be negative.
    fn from_setting(setting: &Setting) -> Option<u64> {
        match setting {
            Setting::Bytes(bytes) => Some(*bytes),
            Setting::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

macro_rules! narrower {
    ($($narrow:ty),*) => {$(
        impl FromSetting for $narrow {
            fn from_setting(setting: &Setting) -> Option<$narrow> {
                <$narrow>::try_from(u64::from_setting(setting)?).ok()
            }
        }
    )*};
}

narrower!(usize, u32, u16, u8);

impl FromSetting for f64 {
    fn from_setting(setting: &Setting) -> Option<f64> {
        if let Setting::Real(number) = setting { Some(*number) } else { None }
    }
}

impl FromSetting for Duration {
    fn from_setting(setting: &Setting) -> Option<Duration> {
        if let Setting::Duration(duration) = setting { Some(*duration) } else { None }
    }
}

impl FromSetting for String {
    fn from_setting(setting: &Setting) -> Option<String> {
        if let Setting::Text(text) = setting { Some(text.clone()) } else { None }
    }
}

impl FromSetting for SocketAddr {
    fn from_setting(setting: &Setting) -> Option<SocketAddr> {
        if let Setting::Address(address) = setting { Some(*address) } else { None }
    }
}

impl FromSetting for PathBuf {
    fn from_setting(setting: &Setting) -> Option<PathBuf> {
        if let Setting::Path(path) = setting { Some(path.clone()) } else { None }
    }
}

impl FromSetting for Secret {
    fn from_setting(setting: &Setting) -> Option<Secret> {
        if let Setting::Secret(secret) = setting { Some(secret.clone()) } else { None }
    }
}

impl<T: FromSetting> FromSetting for Vec<T> {
    fn from_setting(setting: &Setting) -> Option<Vec<T>> {
        if let Setting::List(items) = setting { items.iter().map(T::from_setting).collect() } else { None }
    }
}
