//! One robot: a message in, one request out.

use crate::address::Address;
use crate::answer::{UNREACHABLE, outcome};
use crate::body::sheet;
use crate::vendor::Vendor;
use std::fmt;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, Request};
use tidegate_service_notice::{Courier, CourierError, Load, Message, Receipt, Sending, Setback};

/// Sends to one address. Never shows its key.
pub struct Robot {
    vendor: Vendor,
    client: Client,
    address: Address,
    secret: Option<String>,
    load: Load,
}

impl Robot {
    /// Connects to nothing yet.
    pub fn new(
        vendor: Vendor,
        dialer: Dialer,
        address: Address,
        secret: Option<String>,
        limits: HttpLimits,
    ) -> Robot {
        let client = Client::new(dialer, address.endpoint.clone(), limits);
        Robot { vendor, client, address, secret, load: vendor.load() }
    }

    /// With a limit of its own, where it is below the vendor's.
    #[must_use]
    pub fn with_per_minute_max(mut self, per_minute_max: u32) -> Robot {
        let rate = &mut self.load.rate;
        rate.per_minute_max = rate.per_minute_max.min(per_minute_max.max(1));
        self
    }

    async fn exchange(&self, message: &Message) -> Result<Receipt, Setback> {
        let sheet = sheet(self.vendor, message, self.secret.as_deref());
        let target =
            sheet.parameters.map_or_else(|| self.address.target.clone(), |more| self.address.with(&more));
        let mut request = Request::post(target, sheet.body).with("content-type", "application/json");
        if let Some(signature) = &sheet.signature {
            request = request.with("x-tidegate-signature", signature);
        }
        if let (Some(first), Some(last)) = (message.notices.first(), message.notices.last()) {
            request = request.with("idempotency-key", &format!("{}-{}", first.id, last.id));
        }
        let host = &self.address.endpoint.host;
        let answer = self.client.send(request).await.map_err(|source| {
            let attempt = format!("could not send to {} at {host}", self.vendor.name());
            let error = CourierError { code: UNREACHABLE, attempt, source: Some(source.into()) };
            Setback::Retry { error, after: None }
        })?;
        outcome(self.vendor, host, &answer)
    }
}

impl Courier for Robot {
    fn kind(&self) -> &'static str {
        self.vendor.name()
    }

    fn load(&self) -> Load {
        self.load
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.exchange(message))
    }
}

impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("vendor", &self.vendor)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
