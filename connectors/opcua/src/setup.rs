//! How the library is set up: the node's certificate, endpoints, limits. Reads the certificate.

use crate::config::{CHUNKS_MAX, Config, MESSAGE_BYTES_MAX, QUEUE_MAX};
use crate::tags::Tags;
use opcua::crypto::SecurityPolicy;
use opcua::server::address_space::AddressSpace;
use opcua::server::node_manager::ServerContext;
use opcua::server::node_manager::memory::InMemoryNodeManagerBuilder;
use opcua::server::{Limits, ServerBuilder, ServerEndpoint};
use opcua::types::MessageSecurityMode;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Values in one message; the library would put all there are into one, which may be longer than messages may be.
const VALUES_MAX: usize = 500;

/// By so much a publishing interval is longer than it should be, at most. With the library's 100 a client that asks for 200 gets 200 and
/// 300 in turn.
const TICK_MS: u64 = 20;

/// Publishing intervals from one sign of life to the next, and without one from the client until a subscription runs out.
const KEEP_ALIVES_MAX: u32 = 200;
const LIFETIMES_MAX: u32 = 600;

/// What the node is to clients.
#[derive(Debug, Clone)]
pub struct Own {
    /// As its certificate has it.
    pub uri: String,
    /// What others call this machine; told where the listener has no address of its own.
    pub machine: String,
    /// With `own`, `private`, `trusted` and `rejected`.
    pub folder: PathBuf,
}

pub(crate) fn builder(config: &Config, own: &Own, address: SocketAddr) -> ServerBuilder {
    let items_max = config.items_max;
    let tags = move |context: ServerContext, space: &mut AddressSpace| Tags::new(&context, space, items_max);
    let builder = ServerBuilder::new()
        .application_name("tidegate")
        .application_uri(&own.uri)
        .product_uri("urn:tidegate")
        .create_sample_keypair(false)
        .certificate_path("own/cert.der")
        .private_key_path("private/private.pem")
        .pki_dir(&own.folder)
        .trust_client_certs(false)
        .host(host(address.ip(), &own.machine))
        .port(address.port())
        .discovery_urls(vec!["/".to_owned()])
        .diagnostics_enabled(true)
        .subscription_poll_interval_ms(TICK_MS)
        .limits(limits(config))
        .with_node_manager(InMemoryNodeManagerBuilder::new(tags));
    endpoints(config)
        .into_iter()
        .fold(builder, |builder, (name, endpoint)| builder.add_endpoint(name, endpoint))
}

/// As a URL has it. Clients take it from the list of endpoints.
fn host(ip: IpAddr, machine: &str) -> String {
    match ip {
        ip if ip.is_unspecified() => machine.to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn limits(config: &Config) -> Limits {
    let mut limits = Limits {
        max_sessions: config.sessions_max,
        max_message_size: MESSAGE_BYTES_MAX,
        max_chunk_count: CHUNKS_MAX,
        ..Limits::default()
    };
    let waiting = config.items_max.saturating_mul(QUEUE_MAX);
    let subscriptions = &mut limits.subscriptions;
    subscriptions.max_subscriptions_per_session = config.subscriptions_max;
    subscriptions.max_monitored_items_per_sub = config.items_max;
    subscriptions.max_monitored_item_queue_size = QUEUE_MAX;
    subscriptions.max_notifications_per_publish = VALUES_MAX as u64;
    // As many as all that may wait comes to; the library drops the oldest above.
    subscriptions.max_queued_notifications =
        waiting.div_ceil(VALUES_MAX).max(subscriptions.max_queued_notifications);
    // Whoever went without a word is waited for a minute at 100 ms, and ten at a second.
    (subscriptions.max_keep_alive_count, subscriptions.max_lifetime_count) = (KEEP_ALIVES_MAX, LIFETIMES_MAX);
    // Values are told as they come.
    subscriptions.min_sampling_interval_ms = 0.0;
    limits
}

fn endpoints(config: &Config) -> Vec<(String, ServerEndpoint)> {
    let of = |policy: SecurityPolicy, mode: MessageSecurityMode| {
        (format!("{} {mode}", policy.to_str()), ServerEndpoint::new("/", policy, mode, &[]))
    };
    let policies = [
        SecurityPolicy::Basic256Sha256,
        SecurityPolicy::Aes128Sha256RsaOaep,
        SecurityPolicy::Aes256Sha256RsaPss,
    ];
    let modes = [MessageSecurityMode::Sign, MessageSecurityMode::SignAndEncrypt];
    let secured = policies.into_iter().flat_map(|policy| modes.map(|mode| of(policy, mode)));
    let open = config.is_open.then(|| of(SecurityPolicy::None, MessageSecurityMode::None));
    secured.chain(open).collect()
}
