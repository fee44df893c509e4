//! Principals as they are configured, and what can be wrong with them. Pure.

use tidegate_kernel_plug::{ANONYMOUS, Allowance, PrincipalKind, Role};

/// Names that can be configured.
pub(crate) const PRINCIPALS_MAX: usize = 10_000;
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Where somebody who shows nothing is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Anonymous {
    /// On listeners that only this machine reaches.
    #[default]
    Loopback,
    Never,
}

/// The section `[identity]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) anonymous: Anonymous,
    /// Who shows a token.
    pub(crate) tokens: Vec<Entry>,
    /// Who shows a name and a secret.
    pub(crate) devices: Vec<Entry>,
    /// Who logs in with a password.
    pub(crate) people: Vec<Entry>,
}

/// One principal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Of the token or secret as it is sent, SHA-256 in 64 hex digits; of a password, an argon2id line.
    pub(crate) proof: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) roles: Vec<Role>,
    /// `publish:FILTER`, `subscribe:FILTER` or `command:FILTER` each.
    pub(crate) scopes: Vec<String>,
    pub(crate) allowance: Allowance,
}

/// What is wrong with one of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("{name:?} is no name for a principal")]
    Name { name: String },
    #[error("the name {name} is given twice")]
    Twice { name: String },
    #[error("sha256 of {name} is not 64 hex digits")]
    Digest { name: String },
    #[error("argon2id of {name} is no such line, too cheap or too dear")]
    Password { name: String },
    #[error("{name} is auditor and something else")]
    Apart { name: String },
    #[error("{name} and {other} have the same token")]
    Shared { name: String, other: String },
    #[error("{scope:?} of {name} is no scope")]
    Scope { name: String, scope: String },
    #[error("{found} principals or scopes are given, and at most {max} may be")]
    TooMany { found: usize, max: usize },
}

impl IdentityError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            IdentityError::Name { .. } | IdentityError::Twice { .. } => "TG-ID-010",
            IdentityError::Digest { .. } | IdentityError::Shared { .. } => "TG-ID-011",
            IdentityError::Scope { .. } => "TG-ID-012",
            IdentityError::Apart { .. } => "TG-ID-014",
            IdentityError::Password { .. } => "TG-ID-015",
            IdentityError::TooMany { .. } => "TG-ID-013",
        }
    }

    /// Whom it is about.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            IdentityError::Name { name }
            | IdentityError::Twice { name }
            | IdentityError::Digest { name }
            | IdentityError::Shared { name, .. }
            | IdentityError::Password { name }
            | IdentityError::Apart { name }
            | IdentityError::Scope { name, .. } => Some(name),
            IdentityError::TooMany { .. } => None,
        }
    }

    /// What to do about it, in one line.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            IdentityError::Name { .. } => {
                "take 1 to 64 bytes without spaces and control characters, and not `anonymous`"
            }
            IdentityError::Twice { .. } => "give every token, device and person a name of its own",
            IdentityError::Password { .. } => "paste the line that `tidegate identity person NAME` printed",
            IdentityError::Apart { .. } => {
                "whoever audits does nothing else; name a second principal for the rest"
            }
            IdentityError::Digest { .. } => "paste the line that `tidegate identity` printed with the secret",
            IdentityError::Shared { .. } => "make a token for each with `tidegate identity token NAME`",
            IdentityError::Scope { .. } => {
                "write publish:, subscribe: or command:FILTER with an MQTT topic filter"
            }
            IdentityError::TooMany { .. } => "join scopes with the wildcards + and #",
        }
    }
}

/// Whether a principal may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    fits && name != ANONYMOUS && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}
