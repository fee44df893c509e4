//! Who is asking: nobody in particular, or one of a few principals with scopes and limits of their own.

use std::num::NonZeroU32;
use std::sync::Arc;

use tidegate_kernel_plug::{Authenticate, Credential, Knock, Principal, Scope, Unauthenticated};

/// Everyone without a name may everything. `reader` may subscribe below `open/`, `writer` publish there, `commander` move a machine, `slow` is allowed
/// two messages a second, `single` one connection; their secret is `open`.
pub(crate) struct Gate;

impl Authenticate for Gate {
    fn authenticate(
        &self,
        credential: Credential<'_>,
        _knock: Knock,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        match credential {
            Credential::Anonymous => Ok(Arc::new(Principal::anonymous())),
            Credential::Secret { name, secret: b"open" } => known(name).map(Arc::new),
            Credential::Token("a-token") => known("writer").map(Arc::new),
            _ => Err(Unauthenticated::Unknown),
        }
    }
}

fn known(name: &str) -> Result<Principal, Unauthenticated> {
    let mut principal = Principal { name: name.to_owned(), ..Principal::anonymous() };
    let scope = |text: &str| -> Vec<Scope> { vec![text.parse().unwrap()] };
    match name {
        "reader" => principal.scopes = scope("subscribe:open/#"),
        "writer" => principal.scopes = scope("publish:open/#"),
        "commander" => principal.scopes = scope("command:open/stop"),
        "slow" => principal.allowance.messages_per_s_max = NonZeroU32::new(2),
        "single" => principal.allowance.connections_max = NonZeroU32::new(1),
        _ => return Err(Unauthenticated::Unknown),
    }
    Ok(principal)
}
