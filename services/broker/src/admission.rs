//! Whether a CONNECT is granted: who it is, whether its will may be said, and whether there is room for its session.
//!
//! Answers at once. A berth belongs to the principal that opened it: nobody else gets its messages by knowing its name.

use std::sync::Arc;
use std::time::Duration;

use tidegate_codec_mqtt::{Connect, Login, ProtocolLevel, ReasonCode, Text};
use tidegate_kernel_plug::{Credential, Knock, Principal, Unauthenticated};

use tokio::time::Instant;

use crate::acl::Permissions;
use crate::allowance::{Guests, Stay};
use crate::berth::Berth;
use crate::fact::Fact;
use crate::hub::Hub;
use crate::tree::levels;

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwelcome {
    pub(crate) reason: ReasonCode,
    pub(crate) code: &'static str,
}

/// A client that may have a session.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) principal: Arc<Principal>,
    pub(crate) permissions: Permissions,
    /// Its part of what its principal may use.
    pub(crate) stay: Option<Stay>,
    /// How long its session outlives the connection.
    pub(crate) expiry: Duration,
}

impl Admitted {
    /// The principal's name as a reading carries it.
    pub(crate) fn name(&self) -> Text {
        match self.principal.is_anonymous() {
            true => Text::default(),
            // Names are checked where they come from, and are shorter than a text may be.
            false => Text::new(&self.principal.name).unwrap_or_default(),
        }
    }
}

/// What a client is given.
#[derive(Debug)]
pub(crate) struct Moored {
    pub(crate) berth: Arc<Berth>,
    pub(crate) session_present: bool,
}

impl Unwelcome {
    const METHOD: Self = Self { reason: ReasonCode::BadAuthenticationMethod, code: "TG-MQ-134" };
    const SESSIONS: Self = Self { reason: ReasonCode::QuotaExceeded, code: "TG-MQ-130" };
    const WILL: Self = Self { reason: ReasonCode::NotAuthorized, code: "TG-MQ-131" };
    const OWNER: Self = Self { reason: ReasonCode::ClientIdentifierNotValid, code: "TG-MQ-132" };
    const CONNECTIONS: Self = Self { reason: ReasonCode::QuotaExceeded, code: "TG-MQ-133" };

    fn nobody(unauthenticated: Unauthenticated) -> Self {
        let reason = match unauthenticated {
            Unauthenticated::Missing => ReasonCode::NotAuthorized,
            Unauthenticated::Unknown => ReasonCode::BadUserNameOrPassword,
            Unauthenticated::TooManyTries { .. } => ReasonCode::ConnectionRateExceeded,
        };
        Self { reason, code: unauthenticated.code() }
    }
}

impl Hub {
    pub(crate) fn admit(&self, connect: &Connect, knock: Knock) -> Result<Admitted, Unwelcome> {
        if connect.properties.authentication.is_some() {
            return Err(Unwelcome::METHOD);
        }
        let principal =
            self.authenticate.authenticate(credential(connect), knock).map_err(Unwelcome::nobody)?;
        let permissions = Permissions::of(&principal);
        self.check_will(connect, &permissions)?;
        self.check_owner(&connect.client_id, &principal)?;
        let stay = Guests::enter(&self.guests, &principal).map_err(|_| Unwelcome::CONNECTIONS)?;
        let expiry = self.expiry(connect);
        Ok(Admitted { principal, permissions, stay, expiry })
    }

    /// How long the session outlives its connection. MQTT 3.1.1 only knows whether.
    fn expiry(&self, connect: &Connect) -> Duration {
        let asked = match connect.level {
            ProtocolLevel::V311 if connect.clean_session => Duration::ZERO,
            ProtocolLevel::V311 => Duration::MAX,
            _ => Duration::from_secs(connect.properties.session_expiry_s.into()),
        };
        asked.min(self.config.session_expiry_max())
    }

    fn check_will(&self, connect: &Connect, permissions: &Permissions) -> Result<(), Unwelcome> {
        let Some(will) = &connect.will else { return Ok(()) };
        let topic = will.topic.as_bytes();
        let fits =
            will.payload.len() <= self.config.will_bytes_max && levels(topic) <= self.config.topic_levels_max;
        if fits && self.may_publish(permissions, topic) { Ok(()) } else { Err(Unwelcome::WILL) }
    }

    /// Before anybody has to leave for the newcomer, and again when it gets the berth.
    fn check_owner(&self, client: &Text, principal: &Principal) -> Result<Option<Arc<Berth>>, Unwelcome> {
        match self.router.berths.find(client) {
            Some(berth) if *berth.owner != *principal.name => Err(Unwelcome::OWNER),
            found => Ok(found),
        }
    }

    /// Finds the client's session again, or begins one [MQTT-3.2.2-2]. Whoever had the identifier has left.
    pub(crate) fn moor(
        &self,
        connect: &Connect,
        client: &Text,
        admitted: &Admitted,
    ) -> Result<Moored, Unwelcome> {
        let owner = admitted.principal.name.as_str();
        if connect.client_id.as_bytes().is_empty() {
            // Of MQTT 3.1.1: its identifier is a label that it never hears of.
            let berth = self.router.berths.open_nameless(client, owner);
            return Ok(Moored { berth, session_present: false });
        }
        let moored = match self.check_owner(client, &admitted.principal)? {
            Some(berth) if !connect.clean_session => Moored { berth, session_present: true },
            found => {
                found.iter().for_each(|old| self.end(old));
                let berth = self.router.berths.open(client, owner).ok_or(Unwelcome::SESSIONS)?;
                Moored { berth, session_present: false }
            }
        };
        self.router.berths.stay(client);
        // It is back in time.
        let waited = if moored.session_present { self.wills.take(client) } else { None };
        if let Some(will) = waited.filter(|will| will.is_kept) {
            self.router.forget_will(will.from);
        }
        self.write_down(&moored, admitted.expiry)?;
        Ok(moored)
    }

    /// From here on the session is kept, or not any more.
    fn write_down(&self, moored: &Moored, expiry: Duration) -> Result<(), Unwelcome> {
        let berth = &moored.berth;
        let (number, expiry_s) = (berth.number, u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX));
        if expiry.is_zero() {
            self.router.remark(berth, || Fact::Closed { berth: number });
            berth.set_durable(false);
            return Ok(());
        }
        berth.set_durable(true);
        let (client, owner) = (berth.client.clone(), Text::new(&berth.owner).unwrap_or_default());
        let noted = match moored.session_present {
            true => self.router.note(berth, || Fact::Back { berth: number, expiry_s }),
            false => self.router.note(berth, || Fact::Opened { berth: number, expiry_s, client, owner }),
        };
        noted.map(drop).map_err(|refusal| {
            self.router.close(berth);
            Unwelcome { reason: ReasonCode::ServerUnavailable, code: refusal.code() }
        })
    }
}

impl Hub {
    /// Ends a session whose client begins another; a will that waited for its end is said.
    fn end(&self, berth: &Arc<Berth>) {
        self.router.close(berth);
        if let Some(will) = self.wills.take(&berth.client)
            && let Some(busy) = self.say(will, Instant::now())
        {
            self.wills.put(berth.client.clone(), busy);
        }
    }
}

/// User name and password are a name and its secret; a password alone, which MQTT 5 allows, is a token.
fn credential(connect: &Connect) -> Credential<'_> {
    let Some(Login { user_name, password, .. }) = &connect.login else { return Credential::Anonymous };
    let secret = password.as_deref().unwrap_or_default();
    match user_name {
        Some(name) => Credential::Secret { name: name.as_str(), secret },
        None => Credential::Token(std::str::from_utf8(secret).unwrap_or_default()),
    }
}
