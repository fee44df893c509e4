//! How one subscription wants its messages (section 3.8.3.1 of MQTT 5; 3.1.1 has the quality alone).

use tidegate_codec_mqtt::{QoS, SubscriptionId};

/// What a filter is subscribed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) qos: QoS,
    /// Not what the same client published.
    pub(crate) no_local: bool,
    /// The RETAIN flag stays as it was published.
    pub(crate) retain_as_published: bool,
    /// Sent along with each message this subscription matched.
    pub(crate) id: Option<SubscriptionId>,
}
