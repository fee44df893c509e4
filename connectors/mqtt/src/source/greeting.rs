//! How a connection begins: CONNECT with a session that is kept, CONNACK, and SUBSCRIBE where the broker has no session of ours.
//!
//! At MQTT 5 every connection subscribes, so that changed filters take effect; retained messages come for new ones only. MQTT 3.1.1
//! cannot ask for that, and would send them all again.

use super::Memory;
use super::config::{Config, Protocol};
use super::error::Setback;
use super::session::Session;
use bytes::Bytes;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;
use tidegate_codec_mqtt::{
    Connack, Connect, ConnectOutcome, Login, Packet, PacketId, RetainHandling, Suback, Subscribe,
    SubscribeOutcome, Subscription, Text,
};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

impl Session<'_> {
    pub(super) async fn greet(&mut self, memory: &mut Memory) -> Result<(), Setback> {
        let config = &self.link.config;
        self.say(&Packet::Connect(Box::new(connect(config))));
        self.flush().await?;
        let within = Duration::from_millis(config.connect_timeout_ms);
        let first = timeout(within, self.first_packet()).await.map_err(|_| Setback::Silent)??;
        let session_present = self.welcomed(first)?;
        if !session_present {
            memory.forget_session();
            if memory.had_session {
                self.link.counters.session_lost();
                tracing::warn!(
                    code = "TG-XB-006",
                    link = config.name,
                    "the broker has no session any more; what was published while nobody was subscribed is lost"
                );
            }
        }
        memory.had_session = true;
        if !session_present || config.version == Protocol::V5 {
            self.say(&Packet::Subscribe(subscribe(config)));
        }
        self.flush().await
    }

    async fn first_packet(&mut self) -> Result<Packet, Setback> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.input)? {
                return Ok(packet);
            }
            let read = self.wire.read_buf(&mut self.input).await;
            self.heard(read)?;
        }
    }

    /// Whether the broker has a session of ours.
    fn welcomed(&mut self, packet: Packet) -> Result<bool, Setback> {
        let Packet::Connack(Connack { outcome, properties, .. }) = packet else {
            return Err(Setback::Unexpected);
        };
        if let Some(seconds) = properties.server_keep_alive_s.filter(|seconds| *seconds > 0) {
            self.keep_alive = Duration::from_secs(seconds.into());
        }
        match outcome {
            ConnectOutcome::Accepted { session_present } => Ok(session_present),
            ConnectOutcome::Refused(reason) => Err(Setback::Refused(reason)),
        }
    }

    /// Goes on with what the broker grants; says what it does not.
    pub(super) fn subscribed(&self, suback: &Suback) -> Result<(), Setback> {
        let link = self.link;
        let refused = |outcome: &SubscribeOutcome| matches!(outcome, SubscribeOutcome::Refused(_));
        let pairs = suback.outcomes.iter().zip(&link.config.filters);
        let without: Vec<_> =
            pairs.filter(|(outcome, _)| refused(outcome)).map(|(_, filter)| filter.as_str()).collect();
        link.counters.filters_refused(without.len() as u64);
        if without.is_empty() {
            return Ok(());
        }
        let (code, link_name) = (Setback::Unsubscribed.code(), &link.config.name);
        tracing::warn!(code, link = link_name, filters = ?without, "the broker refused subscriptions");
        if without.len() == link.config.filters.len() { Err(Setback::Unsubscribed) } else { Ok(()) }
    }
}

fn connect(config: &Config) -> Connect {
    let client_id = text(&config.client_id);
    let mut connect = match config.version {
        Protocol::V311 => Connect::new(client_id),
        Protocol::V5 => Connect::v5(client_id),
    };
    connect.clean_session = false;
    connect.keep_alive_s = config.keep_alive_s;
    connect.login = login(config);
    connect.properties.session_expiry_s = config.session_expiry_s;
    connect.properties.receive_max =
        NonZeroU16::new(config.receive_max).expect("it is checked to be 1 or more");
    connect.properties.packet_bytes_max = NonZeroU32::new(config.packet_bytes_max as u32);
    connect
}

fn login(config: &Config) -> Option<Login> {
    let password = config.password.as_ref().map(|secret| Bytes::copy_from_slice(secret.reveal().as_bytes()));
    match (&config.user, password, config.version) {
        (Some(user), password, _) => Some(Login::new(text(user), password)),
        (None, Some(token), Protocol::V5) => Some(Login::password_alone(token)),
        (None, Some(token), Protocol::V311) => Some(Login::new(text(&config.client_id), Some(token))),
        (None, None, _) => None,
    }
}

fn subscribe(config: &Config) -> Subscribe {
    let subscription = |filter: &tidegate_codec_mqtt::TopicFilter| {
        let mut subscription = Subscription::new(filter.clone(), config.qos);
        if config.version == Protocol::V5 {
            subscription.retain_as_published = true;
            subscription.retain_handling = RetainHandling::SendIfNew;
        }
        subscription
    };
    let id = PacketId::new(1).expect("1 is not 0");
    Subscribe::new(id, config.filters.iter().map(subscription).collect())
}

fn text(checked: &str) -> Text {
    Text::new(checked).expect("the settings were checked")
}
