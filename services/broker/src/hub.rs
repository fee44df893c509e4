//! What all connections of one broker share.

use std::fmt;
use std::sync::Arc;

use tidegate_codec_mqtt::Text;

use crate::config::Config;
use crate::counters::{Count, Counters};
use crate::intake::Intake;
use crate::notices::Notices;
use crate::roster::Roster;

pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) counters: Counters,
    pub(crate) notices: Notices,
    pub(crate) roster: Roster,
    made_up: Count,
}

impl Hub {
    pub(crate) fn new(config: Config, intake: Arc<dyn Intake>) -> Self {
        let roster = Roster::new(config.connections_max);
        let (counters, notices, made_up) = (Counters::default(), Notices::new(), Count::default());
        Self { config, intake, counters, notices, roster, made_up }
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
