//! The principals that are known, found by the SHA-256 of what they show. Pure.
//!
//! A token is looked up by its digest: what the time of that may tell is about a digest, from which no token follows. A
//! device's digest is compared without stopping early.

use crate::identity::config::{Anonymous, Config, Entry, IdentityError, PRINCIPALS_MAX, is_name};
use crate::identity::password::Kept;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_plug::{Credential, Principal, Role, SCOPES_MAX, Scope};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

/// Everyone who is known.
#[derive(Debug)]
pub(crate) struct Register {
    tokens: BTreeMap<Digest, Arc<Principal>>,
    devices: BTreeMap<String, (Digest, Arc<Principal>)>,
    people: BTreeMap<String, (Kept, Arc<Principal>)>,
    anonymous: Anonymous,
    nobody: Arc<Principal>,
}

impl Register {
    pub(crate) fn new(config: &Config) -> Result<Register, Vec<IdentityError>> {
        let mut register = Register {
            tokens: BTreeMap::new(),
            devices: BTreeMap::new(),
            people: BTreeMap::new(),
            anonymous: config.anonymous,
            nobody: Arc::new(Principal::anonymous()),
        };
        let mut faults = check_names(config);
        for (entry, shows) in config.entries() {
            match principal(entry) {
                Ok(principal) => faults.extend(register.add(entry, principal, shows)),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(register) } else { Err(faults) }
    }

    fn add(&mut self, entry: &Entry, principal: Principal, shows: Shows) -> Option<IdentityError> {
        let (name, principal) = (principal.name.clone(), Arc::new(principal));
        match (shows, Digest::read(&entry.proof), Kept::read(&entry.proof)) {
            (Shows::Password, _, Some(kept)) => drop(self.people.insert(name, (kept, principal))),
            (Shows::Password, _, None) => return Some(IdentityError::Password { name }),
            (_, None, _) => return Some(IdentityError::Digest { name }),
            (Shows::Secret, Some(digest), _) => drop(self.devices.insert(name, (digest, principal))),
            (Shows::Token, Some(digest), _) => {
                let other = self.tokens.insert(digest, principal)?;
                return Some(IdentityError::Shared { name, other: other.name.clone() });
            }
        }
        None
    }

    pub(crate) fn known(&self) -> (&'static str, Vec<Arc<Principal>>) {
        let devices = self.devices.values().map(|(_, principal)| principal);
        let people = self.people.values().map(|(_, principal)| principal);
        let mut principals: Vec<_> = self.tokens.values().chain(devices).chain(people).cloned().collect();
        principals.sort_by(|one, other| one.name.cmp(&other.name));
        let anonymous = match self.anonymous {
            Anonymous::Loopback => "loopback",
            Anonymous::Never => "never",
        };
        (anonymous, principals)
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len() + self.devices.len() + self.people.len()
    }

    /// The person of this name, and what their password is held against.
    pub(crate) fn person(&self, name: &str) -> Option<(Kept, Arc<Principal>)> {
        self.people.get(name).cloned()
    }

    /// Nobody in particular, where `listener` lets that in.
    pub(crate) fn anonymous(&self, listener: SocketAddr) -> Option<Arc<Principal>> {
        let lets_in = self.anonymous == Anonymous::Loopback && listener.ip().to_canonical().is_loopback();
        lets_in.then(|| self.nobody.clone())
    }

    /// The name it shows, if there is a device of that name.
    pub(crate) fn known_name<'a>(&self, credential: Credential<'a>) -> Option<&'a str> {
        match credential {
            Credential::Secret { name, .. } => self.devices.contains_key(name).then_some(name),
            _ => None,
        }
    }

    pub(crate) fn find(&self, credential: Credential<'_>) -> Option<Arc<Principal>> {
        match credential {
            // A session is found by whoever keeps them.
            Credential::Anonymous | Credential::Session(_) => None,
            Credential::Token(token) => self.tokens.get(&Digest::of(token.as_bytes())).cloned(),
            Credential::Secret { name, secret } => {
                let shown = Digest::of(secret);
                let (digest, principal) = self.devices.get(name)?;
                digest.is(&shown).then(|| principal.clone())
            }
        }
    }
}

/// What a principal shows.
#[derive(Debug, Clone, Copy)]
enum Shows {
    Token,
    Secret,
    Password,
}

impl Config {
    /// Whether there is anybody who can come in from elsewhere.
    pub(crate) fn names_somebody(&self) -> bool {
        self.entries().next().is_some()
    }

    fn entries(&self) -> impl Iterator<Item = (&Entry, Shows)> {
        let tokens = self.tokens.iter().map(|entry| (entry, Shows::Token));
        let devices = self.devices.iter().map(|entry| (entry, Shows::Secret));
        tokens.chain(devices).chain(self.people.iter().map(|entry| (entry, Shows::Password)))
    }
}

fn check_names(config: &Config) -> Vec<IdentityError> {
    let found = config.entries().count();
    if found > PRINCIPALS_MAX {
        return vec![IdentityError::TooMany { found, max: PRINCIPALS_MAX }];
    }
    let mut faults = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (Entry { name, .. }, _) in config.entries() {
        if !is_name(name) {
            faults.push(IdentityError::Name { name: name.clone() });
        } else if !seen.insert(name) {
            faults.push(IdentityError::Twice { name: name.clone() });
        }
    }
    faults
}

fn principal(entry: &Entry) -> Result<Principal, Vec<IdentityError>> {
    let (mut faults, mut scopes) = (Vec::new(), Vec::new());
    if entry.scopes.len() > SCOPES_MAX {
        return Err(vec![IdentityError::TooMany { found: entry.scopes.len(), max: SCOPES_MAX }]);
    }
    for text in &entry.scopes {
        match scope(text) {
            Some(scope) => scopes.push(scope),
            None => faults.push(IdentityError::Scope { name: entry.name.clone(), scope: text.clone() }),
        }
    }
    if entry.roles.contains(&Role::Auditor) && entry.roles.iter().any(|role| *role != Role::Auditor) {
        faults.push(IdentityError::Apart { name: entry.name.clone() });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let Entry { name, kind, roles, allowance, .. } = entry.clone();
    Ok(Principal { name, kind, roles, scopes, allowance })
}

/// A scope whose pattern is a topic filter, so that no protocol meets one that is none.
fn scope(text: &str) -> Option<Scope> {
    let scope: Scope = text.parse().ok()?;
    TopicFilter::new(&scope.pattern).is_ok().then_some(scope)
}

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Digest {
        Digest(digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 has 32 bytes"))
    }

    fn read(hex: &str) -> Option<Digest> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }

    /// Equality in the same time wherever they differ.
    fn is(&self, other: &Digest) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Not even the digest gets into a log.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}
