//! Who is asking: one principal for every protocol, and the port that finds out.
//!
//! Says who somebody is and what they may, never how it was proven. What a scope's pattern covers is the business of whoever asks:
//! topics know their own wildcards. Pure.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Scopes a principal can have.
pub const SCOPES_MAX: usize = 64;
/// The name of nobody in particular, which nobody else can have.
pub const ANONYMOUS: &str = "anonymous";

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    Person,
    Device,
    Node,
}

/// What a person may do to the node itself; kept apart, nobody needs two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Operator,
    Admin,
    Auditor,
}

/// What can be done to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send readings to it, by whatever protocol.
    Publish,
    Subscribe,
    /// Publish to it where commands go, which [`Action::Publish`] does not cover.
    Command,
}

/// One permission: `publish:line/7/#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub action: Action,
    /// A topic filter.
    pub pattern: String,
}

/// What one principal may use at once; nothing means no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    pub connections_max: Option<NonZeroU32>,
    pub messages_per_s_max: Option<NonZeroU32>,
    pub bytes_per_s_max: Option<NonZeroU32>,
}

/// Somebody who has proven who they are, or nobody in particular where that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub name: String,
    pub kind: PrincipalKind,
    pub roles: Vec<Role>,
    pub scopes: Vec<Scope>,
    pub allowance: Allowance,
}

/// What somebody shows to say who they are.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    Anonymous,
    /// A static token, as in `Authorization: Bearer`.
    Token(&'a str),
    /// A name and its secret, as in MQTT's user name and password.
    Secret {
        name: &'a str,
        secret: &'a [u8],
    },
    /// What a browser shows once its person has logged in.
    Session(&'a str),
}

/// Where somebody knocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knock {
    pub peer: SocketAddr,
    /// The address of ours that was reached; what is on loopback may be allowed more.
    pub listener: SocketAddr,
}

/// Why nobody was let in. Says as little to whoever asked as it may; the code says more in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    #[error("a name or a token is needed here, and none was given")]
    Missing,
    #[error("the name, secret or token is not known")]
    Unknown,
    /// Not even looked at: from there, or for that name, came too many that were not known.
    #[error("too many names, secrets or tokens that are not known came from there")]
    TooManyTries { wait: Duration },
}

/// The port to whatever knows the principals. Answers at once, without IO.
pub trait Authenticate: Send + Sync {
    fn authenticate(
        &self,
        credential: Credential<'_>,
        knock: Knock,
    ) -> Result<Arc<Principal>, Unauthenticated>;
}

impl Unauthenticated {
    pub fn code(&self) -> &'static str {
        match self {
            Unauthenticated::Missing => "TG-ID-001",
            Unauthenticated::Unknown => "TG-ID-002",
            Unauthenticated::TooManyTries { .. } => "TG-ID-003",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Unauthenticated::Missing => "send a token, or a user name with its secret",
            Unauthenticated::Unknown => {
                "compare the name with the ones under [identity]; a secret is shown only when it is made"
            }
            Unauthenticated::TooManyTries { .. } => "wait a moment, and correct what is sent",
        }
    }
}

impl Principal {
    /// Nobody in particular, who may publish and subscribe everywhere and operate the node: whoever is let in without a name sits at the
    /// machine itself.
    pub fn anonymous() -> Principal {
        let everywhere = |action| Scope { action, pattern: "#".to_owned() };
        Principal {
            name: ANONYMOUS.to_owned(),
            kind: PrincipalKind::Device,
            roles: vec![Role::Operator],
            scopes: vec![everywhere(Action::Publish), everywhere(Action::Subscribe)],
            allowance: Allowance::default(),
        }
    }

    /// Whether this is nobody in particular.
    pub fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The patterns under which it may do `action`.
    pub fn patterns(&self, action: Action) -> impl Iterator<Item = &str> {
        self.scopes.iter().filter(move |scope| scope.action == action).map(|scope| scope.pattern.as_str())
    }
}

/// A secret does not get into a log by accident.
impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Anonymous => f.write_str("Anonymous"),
            Credential::Token(_) => f.write_str("Token"),
            Credential::Session(_) => f.write_str("Session"),
            Credential::Secret { name, .. } => write!(f, "Secret({name:?})"),
        }
    }
}

/// A scope that is not `publish:FILTER`, `subscribe:FILTER` or `command:FILTER`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope, which is publish:FILTER, subscribe:FILTER or command:FILTER")]
pub struct NotAScope(String);

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
            Action::Command => "command",
        };
        write!(f, "{action}:{}", self.pattern)
    }
}

impl PrincipalKind {
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::Person => "person",
            PrincipalKind::Device => "device",
            PrincipalKind::Node => "node",
        }
    }
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Admin => "admin",
            Role::Auditor => "auditor",
        }
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Scope, NotAScope> {
        let action = match text.split_once(':') {
            Some(("publish", pattern)) if !pattern.is_empty() => (Action::Publish, pattern),
            Some(("subscribe", pattern)) if !pattern.is_empty() => (Action::Subscribe, pattern),
            Some(("command", pattern)) if !pattern.is_empty() => (Action::Command, pattern),
            _ => return Err(NotAScope(text.to_owned())),
        };
        Ok(Scope { action: action.0, pattern: action.1.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_action_and_pattern() {
        let scope: Scope = "publish:line/+/temp".parse().expect("a scope");
        assert_eq!((scope.action, scope.pattern.as_str()), (Action::Publish, "line/+/temp"));
        assert!(["publish", "publish:", "write:a", ""].iter().all(|text| text.parse::<Scope>().is_err()));
    }

    #[test]
    fn a_secret_is_not_in_the_debug_text() {
        let shown = format!(
            "{:?} {:?}",
            Credential::Token("abc"),
            Credential::Secret { name: "press-7", secret: b"abc" }
        );
        assert_eq!(shown, "Token Secret(\"press-7\")");
    }

    #[test]
    fn patterns_are_told_apart_by_action() {
        let anonymous = Principal::anonymous();
        assert_eq!(anonymous.patterns(Action::Publish).collect::<Vec<_>>(), ["#"]);
        assert!(anonymous.has(Role::Operator) && !anonymous.has(Role::Admin));
    }
}
