//! User name and password of a CONNECT (sections 3.1.3.4 and 3.1.3.5).

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::connect::{PASSWORD, ProtocolLevel, USER_NAME};
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, check_field, field_bytes, put_field};
use crate::text::Text;

/// At level 3.1.1 no password without a user name [MQTT-3.1.2-22]. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    /// At level 3.1.1 always there.
    pub user_name: Option<Text>,
    pub password: Option<Bytes>,
}

impl Login {
    pub fn new(user_name: Text, password: Option<Bytes>) -> Self {
        Self { user_name: Some(user_name), password }
    }

    /// For MQTT 5.0, which lets a token stand alone (section 3.1.2.9).
    pub fn password_alone(password: Bytes) -> Self {
        Self { user_name: None, password: Some(password) }
    }

    pub(crate) fn read(flags: u8, fields: &mut Fields<'_>) -> Result<Option<Self>, DecodeError> {
        let user_name = if flags & USER_NAME != 0 { Some(fields.text()?) } else { None };
        let password = if flags & PASSWORD != 0 { Some(fields.bytes()?) } else { None };
        let login = Self { user_name, password };
        Ok((login.flags() != 0).then_some(login))
    }

    pub(crate) fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        if level == ProtocolLevel::V311 && self.user_name.is_none() && self.password.is_some() {
            return Err(EncodeError::PasswordAlone);
        }
        self.password.as_ref().map_or(Ok(()), |password| check_field("password", password))
    }

    pub(crate) fn flags(&self) -> u8 {
        let user_name = if self.user_name.is_some() { USER_NAME } else { 0 };
        user_name | if self.password.is_some() { PASSWORD } else { 0 }
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let password = self.password.as_ref().map(|password| &password[..]);
        self.user_name.as_ref().map(Text::as_bytes).into_iter().chain(password)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.fields().map(field_bytes).sum()
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        self.fields().for_each(|field| put_field(field, out));
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "hidden");
        f.debug_struct("Login").field("user_name", &self.user_name).field("password", &password).finish()
    }
}
