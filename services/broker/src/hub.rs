//! What all connections of one broker share.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tidegate_codec_mqtt::{Connect, ProtocolLevel, Text};
use tidegate_kernel_journal::{Id, Journal};
use tidegate_kernel_plug::Authenticate;
use tokio::sync::Notify;

use crate::acl::Permissions;
use crate::allowance::Guests;
use crate::config::Config;
use crate::counters::{Count, Counters, Snapshot};
use crate::error::BrokerError;
use crate::guarded::Guarded;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::notices::Notices;
use crate::roster::Roster;
use crate::router::Router;
use crate::wills::Wills;

/// Milliseconds since 1970, as the machine believes; for identifiers and for what outlives the process.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What the broker needs of others.
#[derive(Clone)]
pub struct Ports {
    /// Who takes in what devices publish.
    pub intake: Arc<dyn Intake>,
    /// Who knows the principals.
    pub authenticate: Arc<dyn Authenticate>,
    /// Where sessions and retained messages are kept; without it they end with the process.
    pub journal: Option<Journal>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) notices: Notices,
    pub(crate) roster: Roster,
    pub(crate) router: Router,
    pub(crate) wills: Wills,
    /// Something is due earlier than it was.
    pub(crate) rounds: Notify,
    /// Principals with limits of their own.
    pub(crate) guests: Arc<Guests>,
    /// Where commands go.
    pub(crate) guarded: Guarded,
    made_up: Count,
}

impl Hub {
    /// Reads what the journal keeps of sessions and retained messages. Blocks on the disk.
    pub(crate) fn open(config: Config, ports: Ports) -> Result<Self, BrokerError> {
        let Ports { intake, authenticate, journal } = ports;
        let ledger = journal.map(Ledger::open).transpose()?.map(Arc::new);
        let counters = Arc::new(Counters::default());
        let (roster, router) =
            (Roster::new(config.connections_max), Router::new(&config, counters.clone(), ledger));
        let (notices, made_up) = (Notices::new(), Count::default());
        router.restore();
        let (wills, rounds, guests) = (Wills::of(router.wills()), Notify::new(), Arc::default());
        Ok(Self {
            config,
            intake,
            authenticate,
            counters,
            notices,
            roster,
            router,
            wills,
            rounds,
            guests,
            guarded: Guarded::default(),
            made_up,
        })
    }

    /// Where a command goes, only who may command.
    pub(crate) fn may_publish(&self, permissions: &Permissions, topic: &[u8]) -> bool {
        match self.guarded.holds(topic) {
            false => permissions.may_publish(topic),
            true => permissions.may_command(topic),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            sessions: self.router.berths.len() as u64,
            subscriptions: self.router.subscriptions() as u64,
            retained: self.router.retained.size().0 as u64,
            queued_bytes: self.router.room.used_bytes() as u64,
            ..self.counters.snapshot(self.roster.len() as u64)
        }
    }

    /// Gives an MQTT 5 client without an identifier one that nobody can guess, since it is told and may come back
    /// [MQTT-3.1.3-7].
    pub(crate) fn assign_client(&self, connect: &mut Connect) -> bool {
        if connect.level == ProtocolLevel::V311 || !connect.client_id.as_bytes().is_empty() {
            return false;
        }
        let name = format!("auto-{}", Id::v7(wall_ms()));
        connect.client_id = Text::new(&name).expect("letters, digits and dashes are a text");
        true
    }

    /// An identifier for a client that left it to the broker [MQTT-3.1.3-6]. It is a label: it never enters the roster,
    /// so that guessing it takes nothing over.
    pub(crate) fn make_up_client(&self) -> Text {
        let number = self.made_up.next(1);
        Text::new(&format!("auto-{number}")).expect("letters and digits are a text")
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.config)
            .field("roster", &self.roster)
            .finish_non_exhaustive()
    }
}
