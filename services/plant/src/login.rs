//! Who asks, where a device wants to know. Never shown whole: neither of them has a secret in its debug line.

use crate::error::Misfit;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use tidegate_kernel_plug::config::{Secret, Values};

/// What a device is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    Password {
        user: String,
        password: String,
    },
    /// Both in PEM.
    Certificate {
        certificate: String,
        key: String,
    },
}

impl Login {
    /// Of a device of the file; nothing where it says nothing.
    pub(crate) fn from_values(device: &Values) -> Result<Option<Login>, Misfit> {
        let user: Option<String> = device.find("user");
        let secret = |key: &str| device.find::<Secret>(key).map(|secret| secret.reveal().to_owned());
        match (user, secret("password"), secret("user_certificate"), secret("user_key")) {
            (None, None, None, None) => Ok(None),
            (Some(user), Some(password), None, None) => Ok(Some(Login::Password { user, password })),
            (None, None, Some(certificate), Some(key)) => Ok(Some(Login::Certificate { certificate, key })),
            _ => Err(Misfit::HalfLogin),
        }
    }
}

/// Which one it is, without what proves it.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Password { user, .. } => f.write_str(user),
            Login::Certificate { certificate, .. } => {
                let mut hasher = DefaultHasher::new();
                certificate.hash(&mut hasher);
                write!(f, "certificate {:016x}", hasher.finish())
            }
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({self})")
    }
}
