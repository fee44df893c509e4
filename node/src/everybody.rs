//! Who is asking while nobody is asked: on loopback everybody is nobody in particular.

use std::sync::Arc;
use tidegate_kernel_plug::{Authenticate, Credential, Knock, Principal, Unauthenticated};

/// Lets everybody in, whatever they show.
#[derive(Debug)]
pub(crate) struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(
        &self,
        _credential: Credential<'_>,
        _knock: Knock,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        Ok(Arc::new(Principal::anonymous()))
    }
}
