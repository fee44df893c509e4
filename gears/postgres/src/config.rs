//! What the gear is told, and what the configuration file can say of it. Reads no file: the node does.

use std::fmt;
use std::time::Duration;
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Secret, Section, Values};

const NAME: Kind = Kind::Text { bytes_max: 63 };
const SCHEMES: &[&str] = &["postgres", "postgresql"];
const PORT: u16 = 5432;
/// The gear there is without this one.
const EMBEDDED: &str = "embedded";

/// Adds to the section of the books.
pub const SECTION: Section = Section::new(
    "ledger",
    "",
    &[Field::new(
        "gear",
        Kind::Choice(&[EMBEDDED, crate::gear::NAME]),
        EMBEDDED,
        "What keeps the books: the journal of this node, or a database. Books that are there are moved with `tidegate gear move ledger`.",
    )],
)
.with(&[Group::one(
    "postgres",
    "The database that keeps the books where `gear` is postgres; 12 or later.",
    &[
        Field::optional(
            "url",
            Kind::Url(SCHEMES),
            "Where it is, and which database: postgres://host:5432/books. No user and no password stand in it.",
        ),
        Field::new("tls", Kind::Flag, "false", "Whether every connection is TLS, by the roots of [outbound]."),
        Field::new("user", NAME, "tidegate", "The role to log in as. It owns the schema `tidegate`, which is made where it is not there."),
        Field::optional("password", Kind::Secret, "Its password; SCRAM-SHA-256 is spoken."),
        Field::new(
            "connections_max",
            Kind::Integer { min: 1, max: 64 },
            "4",
            "Connections for statements, the feed and the scrubber. Each book has one more, to write.",
        ),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: 100, max_ms: 600_000 },
            "5 s",
            "How long a connection, a transaction or a query may take before it counts as failed.",
        ),
        Field::new(
            "lease",
            Kind::Duration { min_ms: 500, max_ms: 600_000 },
            "10 s",
            "How long a book stays this node's without a sign of life; then another node may take it over.",
        ),
    ],
)]);

/// The settings of the gear.
#[derive(Clone)]
pub struct Config {
    /// The path is the name of the database.
    pub endpoint: Endpoint,
    pub user: String,
    pub password: Option<String>,
    pub connections_max: usize,
    pub timeout: Duration,
    pub lease: Duration,
}

/// Which gear keeps the books, and which database could.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub is_postgres: bool,
    /// There if it is chosen; and where the file says what to move to.
    pub database: Option<Config>,
}

impl Choice {
    pub fn from_values(values: &Values, faults: &mut Faults) -> Choice {
        let is_postgres = values.get::<String>("gear") != EMBEDDED;
        let is_named = values.group("postgres").find::<String>("url").is_some();
        let database = if is_postgres || is_named { database(values, faults) } else { None };
        Choice { is_postgres, database }
    }

    /// The database, where it is to keep the books.
    pub fn chosen(&self) -> Option<&Config> {
        self.database.as_ref().filter(|_| self.is_postgres)
    }
}

fn database(values: &Values, faults: &mut Faults) -> Option<Config> {
    let group = values.group("postgres");
    let endpoint = endpoint(group).map_err(|message| {
        let hint = "write it as postgres://host:5432/database, and user and password as fields of their own";
        faults.push(group.fault("url", message, hint));
    });
    Some(Config {
        endpoint: endpoint.ok()?,
        user: group.get("user"),
        password: group.find::<Secret>("password").map(|secret| secret.reveal().to_owned()),
        connections_max: group.get("connections_max"),
        timeout: group.get("timeout"),
        lease: group.get("lease"),
    })
}

fn endpoint(group: &Values) -> Result<Endpoint, String> {
    let url = group.find::<String>("url").ok_or("the gear postgres needs to know where its database is")?;
    let tls = group.get::<bool>("tls");
    let schemes: Vec<_> = SCHEMES.iter().map(|scheme| (*scheme, tls, PORT)).collect();
    let endpoint = Endpoint::with_schemes(&url, &schemes);
    let endpoint = endpoint.map_err(|error| format!("the URL cannot be used: {error}"))?;
    let is_named =
        endpoint.path.strip_prefix('/').is_some_and(|name| !name.is_empty() && !name.contains('/'));
    if is_named { Ok(endpoint) } else { Err("the URL names no database".to_owned()) }
}

impl Config {
    pub(crate) fn database(&self) -> &str {
        self.endpoint.path.trim_start_matches('/')
    }
}

/// Without the password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("endpoint", &self.endpoint)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
