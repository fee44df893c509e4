//! Who may read: whoever the node knows by a name and its secret, and nobody in particular where the node lets that in, as over any other
//! protocol.

use async_trait::async_trait;
use opcua::server::ServerEndpoint;
use opcua::server::authenticator::{
    AuthManager, Password, UserToken, user_pass_security_policy_id, user_pass_security_policy_uri,
};
use opcua::types::{Error, MessageSecurityMode, StatusCode, UAString, UserTokenPolicy, UserTokenType};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tidegate_kernel_plug::{Authenticate, Credential, Knock, Principal, Unauthenticated};

pub(crate) struct Users {
    doorkeeper: Arc<dyn Authenticate>,
    listener: SocketAddr,
    /// When the server was set up; whether somebody is let in is asked each time.
    offers_anonymous: bool,
}

impl Users {
    pub(crate) fn new(doorkeeper: Arc<dyn Authenticate>, listener: SocketAddr) -> Users {
        let users = Users { doorkeeper, listener, offers_anonymous: false };
        let offers_anonymous = users.ask(Credential::Anonymous).is_ok();
        Users { offers_anonymous, ..users }
    }

    /// The library does not say from where; tries that fail count together, apart from those over other protocols.
    fn ask(&self, credential: Credential<'_>) -> Result<Arc<Principal>, Unauthenticated> {
        let peer = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.doorkeeper.authenticate(credential, Knock { peer, listener: self.listener })
    }
}

fn refused(error: Unauthenticated) -> Error {
    let status = match error {
        Unauthenticated::Missing => StatusCode::BadIdentityTokenRejected,
        Unauthenticated::Unknown | Unauthenticated::TooManyTries { .. } => StatusCode::BadUserAccessDenied,
    };
    Error::new(status, error.code())
}

#[async_trait]
impl AuthManager for Users {
    async fn authenticate_anonymous_token(&self, _: &ServerEndpoint) -> Result<(), Error> {
        self.ask(Credential::Anonymous).map(drop).map_err(refused)
    }

    async fn authenticate_username_identity_token(
        &self,
        _: &ServerEndpoint,
        name: &str,
        password: &Password,
    ) -> Result<UserToken, Error> {
        let known = self.ask(Credential::Secret { name, secret: password.get().as_bytes() });
        known.map(|principal| UserToken(principal.name.clone())).map_err(refused)
    }

    fn user_token_policies(&self, endpoint: &ServerEndpoint) -> Vec<UserTokenPolicy> {
        let policy = |policy_id: UAString, token_type| UserTokenPolicy {
            policy_id,
            token_type,
            issued_token_type: UAString::null(),
            issuer_endpoint_url: UAString::null(),
            security_policy_uri: user_pass_security_policy_uri(endpoint),
        };
        let anonymous = self.offers_anonymous.then(|| policy("anonymous".into(), UserTokenType::Anonymous));
        // No secret goes over a connection without security.
        let takes_secrets = endpoint.security_mode != MessageSecurityMode::None.to_string();
        let secret =
            takes_secrets.then(|| policy(user_pass_security_policy_id(endpoint), UserTokenType::UserName));
        anonymous.into_iter().chain(secret).collect()
    }
}
