//! What can go wrong. No message holds a key, a plaintext or more of a ciphertext than the name of its key.

use tidegate_kernel_id::NoRandomness;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmError {
    #[error("not an encrypted field: expected sm4g:v<version>:<key>:<base64>")]
    Malformed,
    #[error("no key {key}")]
    UnknownKey { key: String },
    #[error("key {key} has no version {version}")]
    UnknownVersion { key: String, version: u32 },
    #[error("key {key} was shredded")]
    Shredded { key: String },
    #[error("version {version} of key {key} is below its minimum version {minimum}")]
    BelowMinimum { key: String, version: u32, minimum: u32 },
    /// A changed byte, another key, or another place: they cannot be told apart, and must not be.
    #[error("what is encrypted there cannot be opened: it was changed, moved, or belongs to another key")]
    NotAuthentic,
    #[error("version {version} of key {key} has encrypted all it may")]
    Exhausted { key: String, version: u32 },
    #[error("{writers} writers still hold an older version of key {key}")]
    WritersLeft { key: String, writers: usize },
    #[error("{old} of {seen} fields are under an older version of key {key}")]
    OldFieldsLeft { key: String, old: u64, seen: u64 },
    #[error("the name of a key is 1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-'")]
    KeyName,
    #[error("there is a key {key} already")]
    KeyExists { key: String },
    #[error("{what} are limited to {limit}")]
    TooMany { what: &'static str, limit: usize },
    #[error("line {line} of the keys is not as it was written")]
    KeyLine { line: usize },
    #[error("not {what}")]
    Encoding { what: &'static str },
    #[error("the signature does not fit the message, the key and the user id")]
    Signature,
    #[error("the padding is not right: another key, or changed bytes")]
    Padding,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl SmError {
    /// The code of the page that explains it.
    pub fn code(&self) -> &'static str {
        match self {
            SmError::Malformed => "TG-SM-001",
            SmError::UnknownKey { .. } | SmError::UnknownVersion { .. } => "TG-SM-002",
            SmError::NotAuthentic => "TG-SM-003",
            SmError::Shredded { .. } => "TG-SM-004",
            SmError::BelowMinimum { .. } => "TG-SM-005",
            SmError::Exhausted { .. } => "TG-SM-006",
            SmError::WritersLeft { .. } | SmError::OldFieldsLeft { .. } => "TG-SM-007",
            SmError::KeyName | SmError::KeyExists { .. } | SmError::TooMany { .. } => "TG-SM-008",
            SmError::KeyLine { .. } => "TG-SM-009",
            SmError::Encoding { .. } | SmError::Signature | SmError::Padding => "TG-SM-010",
            SmError::NoRandomness(_) => "TG-SM-011",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            SmError::Malformed => "compare it with a backup of the table",
            SmError::UnknownKey { .. } | SmError::UnknownVersion { .. } => {
                "load the keys that belong to this table"
            }
            SmError::NotAuthentic => {
                "look for who wrote the cell last; if it is all cells, the keys are other ones"
            }
            SmError::Shredded { .. } => "nothing brings it back; take another name for new data",
            SmError::BelowMinimum { .. } => "open it with the keys of its time and encrypt it anew",
            SmError::Exhausted { .. } => "rotate the key",
            SmError::WritersLeft { .. } | SmError::OldFieldsLeft { .. } => {
                "rewrap what is left and scan again"
            }
            SmError::KeyName | SmError::KeyExists { .. } => "choose another name",
            SmError::TooMany { .. } => "store less in one place, or raise minimum versions",
            SmError::KeyLine { .. } => "take the keys from a backup, and do not edit them",
            SmError::Encoding { .. } | SmError::Signature | SmError::Padding => {
                "compare key and user id with those of the other side"
            }
            SmError::NoRandomness(_) => "allow the system call getrandom to this process",
        }
    }
}
