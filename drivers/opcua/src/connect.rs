//! From an address to a session: what the server offers, whether it is the one that is trusted, and who asks.
//!
//! Two connections: one to ask for the server's endpoints, one to stay. What takes files or a key is done beside the runtime.

use crate::error;
use crate::place::Place;
use crate::session::Session;
use crate::transport::Once;
use crate::trust::Trust;
use opcua::client::{Client, ClientBuilder, IdentityToken};
use opcua::crypto::{CertificateStore, PrivateKey, SecurityPolicy, X509};
use opcua::sync::RwLock;
use opcua::types::{EndpointDescription, MessageSecurityMode, UserTokenType};
use std::sync::Arc;
use std::time::Duration;
use tidegate_service_plant::{Dial, Login, Trouble};
use tokio::task::spawn_blocking;

/// The library's own limit; the plant's holds long before it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// After so long a server gives up a session that it hears nothing of.
const SESSION_TIMEOUT_MS: u32 = 60_000;
/// The fastest group there is.
const PUBLISHING_MIN: Duration = Duration::from_millis(50);
/// Values in one answer.
const ARRAY_MAX: usize = 65_535;
const TEXT_BYTES_MAX: usize = 65_535;
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// What the library needs.
struct Kit {
    client: Client,
    store: Arc<RwLock<CertificateStore>>,
}

pub(crate) async fn open(trust: &Arc<Trust>, dial: &Dial, place: &Place) -> Result<Session, Trouble> {
    let kit = kit(trust.clone(), place).await?;
    let connection = Once::new(dial.to(&place.endpoint).await?, place.url());
    let offered = kit.client.get_endpoints(connection, &[], &[]).await;
    let offered = offered.map_err(|error| error::unopened(place, error.status()))?;
    let mut endpoint = chosen(place, offered)?;
    let token = token(place, dial.login(), &mut endpoint)?;
    if place.is_secured() {
        let (trust, place, endpoint) = (trust.clone(), place.clone(), endpoint.clone());
        beside(move || trust.judge(&place, &endpoint)).await?;
    }
    let connection = Once::new(dial.to(&place.endpoint).await?, place.url());
    let built = kit
        .client
        .session_builder()
        .with_connector(connection)
        .connect_to_endpoint_directly(endpoint)
        .and_then(|builder| builder.user_identity_token(token).build(kit.store.clone()));
    let (session, events) = built.map_err(|error| error::unopened(place, error.status()))?;
    Session::start(place, session, events).await
}

/// Where messages are signed a certificate of this node is needed, and made if there is none.
async fn kit(trust: Arc<Trust>, place: &Place) -> Result<Kit, Trouble> {
    let is_secured = place.is_secured();
    beside(move || {
        let uri =
            if is_secured { trust.own().map_err(error::own_folder)? } else { "urn:tidegate".to_owned() };
        let client = client(&trust, uri).map_err(|faults| error::own_folder(faults.join(", ")))?;
        Ok(Kit { client, store: Arc::new(RwLock::new(trust.store())) })
    })
    .await
}

fn client(trust: &Trust, uri: String) -> Result<Client, Vec<String>> {
    ClientBuilder::new()
        .application_name("tidegate")
        .application_uri(uri)
        .product_uri("urn:tidegate")
        .session_name("tidegate")
        .pki_dir(trust.folder())
        .trust_server_certs(false)
        .verify_server_certs(false)
        .create_sample_keypair(false)
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .request_timeout(REQUEST_TIMEOUT)
        .session_timeout(SESSION_TIMEOUT_MS)
        .min_publish_interval(PUBLISHING_MIN)
        .max_array_length(ARRAY_MAX)
        .max_string_length(TEXT_BYTES_MAX)
        .max_byte_string_length(TEXT_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .client()
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(error::own_folder("a task fell over it")))
}

/// The server's endpoint of this policy and mode, at the address that was dialled: what a server calls itself may be a name that only
/// its own network knows.
fn chosen(place: &Place, offered: Vec<EndpointDescription>) -> Result<EndpointDescription, Trouble> {
    let of = |endpoint: &EndpointDescription| {
        (SecurityPolicy::from_uri(endpoint.security_policy_uri.as_ref()), endpoint.security_mode)
    };
    let names = |(policy, mode): (SecurityPolicy, MessageSecurityMode)| format!("{} {mode}", policy.to_str());
    let mut listed: Vec<String> = offered.iter().map(|endpoint| names(of(endpoint))).collect();
    listed.dedup();
    let found = offered.into_iter().find(|endpoint| of(endpoint) == (place.policy, place.mode));
    let endpoint = found.ok_or_else(|| error::not_offered(place, &listed.join(", ")))?;
    Ok(EndpointDescription { endpoint_url: place.url().into(), ..endpoint })
}

/// Who asks. Of the ways that the server takes that kind of proof one is left, a secure one if there is one.
fn token(
    place: &Place,
    login: Option<&Login>,
    endpoint: &mut EndpointDescription,
) -> Result<IdentityToken, Trouble> {
    if login.is_some() && !place.is_secured() {
        return Err(error::unwelcome(place, "a user is shown to a server with security alone"));
    }
    let (token, kind) = match login {
        None => (IdentityToken::Anonymous, UserTokenType::Anonymous),
        Some(Login::Password { user, password }) => {
            (IdentityToken::new_user_name(user.as_str(), password.as_str()), UserTokenType::UserName)
        }
        Some(Login::Certificate { certificate, key }) => {
            let certificate = X509::from_pem(certificate.as_bytes());
            let certificate =
                certificate.map_err(|_| error::unwelcome(place, "user_certificate is no PEM"))?;
            let key = PrivateKey::from_pem(key.as_bytes());
            let key = key.map_err(|_| error::unwelcome(place, "user_key is no PEM of an RSA key"))?;
            (IdentityToken::new_x509(certificate, key), UserTokenType::Certificate)
        }
    };
    let policies = endpoint.user_identity_tokens.iter().flatten().filter(|policy| policy.token_type == kind);
    let none = SecurityPolicy::None.to_uri();
    let best = policies.min_by_key(|policy| policy.security_policy_uri.as_ref() == none).cloned();
    let Some(mut best) = best else {
        let who = match login {
            None => "the server lets nobody in without a user",
            Some(Login::Password { .. }) => "the server takes no passwords",
            Some(Login::Certificate { .. }) => "the server takes no certificates of users",
        };
        return Err(error::unwelcome(place, who));
    };
    // Where the server does not say how, it is as the messages are (Part 4, 7.41).
    if best.security_policy_uri.as_ref().is_empty() {
        best.security_policy_uri = endpoint.security_policy_uri.clone();
    }
    endpoint.user_identity_tokens = Some(vec![best]);
    Ok(token)
}
