//! Saying who this node is, by SASL: a handshake over the mechanism, then its steps.

use crate::connection::Connection;
use crate::scram::Scram;
use crate::trouble::Trouble;
use bytes::Bytes;
use ring::{digest, hmac, pbkdf2};
use std::fmt;
use tidegate_codec_kafka::{ErrorCode, SaslStep, sasl_authenticate, sasl_handshake};
use tidegate_kernel_id::random;

/// Whom to log in as, and how the password is proved.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
    pub mechanism: Mechanism,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: the password itself.
    Plain,
    /// RFC 7677.
    ScramSha256,
    ScramSha512,
}

/// What a mechanism of SCRAM is made of.
#[derive(Clone, Copy)]
pub(crate) struct Hash {
    pub(crate) digest: &'static digest::Algorithm,
    pub(crate) hmac: hmac::Algorithm,
    pub(crate) pbkdf2: pbkdf2::Algorithm,
}

pub(crate) const SHA256: Hash =
    Hash { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 };
pub(crate) const SHA512: Hash =
    Hash { digest: &digest::SHA512, hmac: hmac::HMAC_SHA512, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512 };

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Login { user, mechanism, .. } = self;
        f.debug_struct("Login").field("user", user).field("mechanism", mechanism).finish_non_exhaustive()
    }
}

impl Login {
    pub(crate) async fn prove(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let name = self.mechanism.name();
        let answer = connection.ask(|head| sasl_handshake(head, name)).await?;
        let (error, theirs) = SaslStep::read_handshake(answer)?;
        if error != ErrorCode::NONE {
            return Err(Trouble::Login(format!("it takes {} and not {name}", theirs.join(", "))));
        }
        match self.mechanism {
            Mechanism::Plain => {
                let whole = format!("\0{}\0{}", self.user, self.password);
                step(connection, whole.as_bytes()).await.map(drop)
            }
            Mechanism::ScramSha256 => self.scram(connection, SHA256).await,
            Mechanism::ScramSha512 => self.scram(connection, SHA512).await,
        }
    }

    async fn scram(&self, connection: &mut Connection, hash: Hash) -> Result<(), Trouble> {
        let nonce = random::<18>().map_err(|error| Trouble::Login(error.to_string()))?;
        let scram = Scram::new(hash, &self.user, &self.password, &nonce);
        let challenge = step(connection, scram.first().as_bytes()).await?;
        let refused = |why: &'static str| Trouble::Login(why.to_owned());
        let (last, expected) = scram.answer(&challenge).map_err(refused)?;
        let verdict = step(connection, last.as_bytes()).await?;
        if verdict == expected {
            Ok(())
        } else {
            Err(refused("the broker does not know the password itself"))
        }
    }
}

async fn step(connection: &mut Connection, bytes: &[u8]) -> Result<Bytes, Trouble> {
    let answer = connection.ask(|head| sasl_authenticate(head, bytes)).await?;
    let SaslStep { error, message, bytes } = SaslStep::read(answer)?;
    match error {
        ErrorCode::NONE => Ok(bytes),
        error => Err(Trouble::Login(message.unwrap_or_else(|| error.to_string()))),
    }
}
