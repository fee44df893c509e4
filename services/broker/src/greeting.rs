//! What a client is told with its CONNACK, and what follows from it for both sides. Pure.

use std::num::{NonZeroU16, NonZeroU32};

use tidegate_codec_mqtt::{Connack, Connect, PACKET_BYTES_MAX, ProtocolLevel};

use crate::config::Config;
use crate::session::Guest;

#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) connack: Connack,
    /// The keep-alive that holds.
    pub(crate) keep_alive_s: u16,
    /// Most messages in flight to the client.
    pub(crate) window: u16,
}

impl Greeting {
    pub(crate) fn new(config: &Config, guest: &Guest) -> Self {
        let connect = &*guest.connect;
        let mut connack = Connack::accepted(guest.berth.session_present);
        if connect.level != ProtocolLevel::V311 {
            describe(&mut connack, config, guest);
        }
        let keep_alive_s = connack.properties.server_keep_alive_s.unwrap_or(connect.keep_alive_s);
        let window = connect.properties.receive_max.get().min(config.inflight_max);
        Self { connack, keep_alive_s, window }
    }
}

fn describe(connack: &mut Connack, config: &Config, guest: &Guest) {
    let (connect, properties) = (&*guest.connect, &mut *connack.properties);
    let expiry_s = u32::try_from(guest.admitted.expiry.as_secs()).unwrap_or(u32::MAX);
    properties.session_expiry_s = (expiry_s != connect.properties.session_expiry_s).then_some(expiry_s);
    properties.receive_max = NonZeroU16::new(config.receive_max).unwrap_or(NonZeroU16::MAX);
    properties.packet_bytes_max = packet_bytes_max(config);
    properties.topic_alias_max = config.topic_alias_max;
    properties.assigned_client_id = guest.assigned.then(|| connect.client_id.clone());
    properties.server_keep_alive_s = server_keep_alive_s(config, connect);
}

fn packet_bytes_max(config: &Config) -> Option<NonZeroU32> {
    let bytes = Some(config.packet_bytes_max).filter(|bytes| *bytes < PACKET_BYTES_MAX)?;
    u32::try_from(bytes).ok().and_then(NonZeroU32::new)
}

/// A keep-alive shorter than the client's own; 0, which is none, is longer than any [MQTT-3.2.2-21].
fn server_keep_alive_s(config: &Config, connect: &Connect) -> Option<u16> {
    let longest = Some(config.keep_alive_s_max).filter(|longest| *longest > 0)?;
    (connect.keep_alive_s == 0 || connect.keep_alive_s > longest).then_some(longest)
}
