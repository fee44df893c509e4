//! User properties, and the box that properties travel in.
//!
//! The name and value of a user property mean nothing here; their order is kept [MQTT-3.3.2-18]. A receiver bounds how
//! many it takes with a [`UserLimit`], because a pair of five bytes on the wire is above sixty in memory.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::text::Text;

/// One pair; a name may come more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProperty {
    pub name: Text,
    pub value: Text,
}

impl UserProperty {
    pub fn new(name: Text, value: Text) -> Self {
        Self { name, value }
    }

    /// A copy that no longer shares the read buffer; see [`Text::detach`].
    pub fn detach(&self) -> Self {
        Self { name: self.name.detach(), value: self.value.detach() }
    }
}

/// Most user properties a decoder takes in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserLimit {
    pub count_max: usize,
    /// Of names and values together.
    pub bytes_max: usize,
}

impl Default for UserLimit {
    fn default() -> Self {
        Self { count_max: 32, bytes_max: 8 * 1024 }
    }
}

/// Properties that most packets do not have: nothing is allocated until one is set. Reads and compares as `T`.
pub struct Properties<T>(Option<Box<T>>);

/// What stands for properties that are not there.
pub trait Absent: Default + 'static {
    fn absent() -> &'static Self;
}

impl<T: Absent> Properties<T> {
    /// No properties.
    pub const fn none() -> Self {
        Self(None)
    }

    /// True where nothing was allocated.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: Absent> From<T> for Properties<T> {
    fn from(properties: T) -> Self {
        Self(Some(Box::new(properties)))
    }
}

impl<T: Absent> Deref for Properties<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::absent())
    }
}

/// Allocates where there was nothing.
impl<T: Absent> DerefMut for Properties<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T> Default for Properties<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone> Clone for Properties<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Absent + PartialEq> PartialEq for Properties<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.is_none() && other.is_none()) || **self == **other
    }
}

impl<T: Absent + Eq> Eq for Properties<T> {}

impl<T: Absent + fmt::Debug> fmt::Debug for Properties<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("none"),
            Some(properties) => properties.fmt(f),
        }
    }
}

/// Derives [`Absent`] and `Default` from a constant.
macro_rules! absent {
    ($($set:ty = $value:expr;)*) => {$(
        impl Default for $set {
            fn default() -> Self {
                $value
            }
        }

        impl $crate::user::Absent for $set {
            fn absent() -> &'static Self {
                static ABSENT: $set = $value;
                &ABSENT
            }
        }
    )*};
}

pub(crate) use absent;
