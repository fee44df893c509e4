#![doc = include_str!("../README.md")]

//! `place` and `address` are the texts of people, `connect` leads to a `session`, which has a `feed` for each group that is subscribed to.
//! `trust` has the files, `transport` the library's way to a socket that the plant has opened. When something is asked is the plant's.

mod address;
mod browse;
mod connect;
mod error;
mod feed;
mod place;
mod session;
mod transport;
mod trust;
mod value;

pub use address::Address;
pub use browse::{Browsed, Glob, Leaf};
pub use place::Place;
pub use session::{Plan, Session};
pub use trust::{Certificate, Standing, Trust};

use std::sync::Arc;
use std::time::Duration;
use tidegate_service_plant::{Dial, Driver, Found, Limit, Trouble, Type, Unfit, Value};

/// The protocol, with the certificates it goes by.
#[derive(Debug, Clone)]
pub struct OpcUa {
    trust: Arc<Trust>,
}

impl OpcUa {
    pub fn new(trust: Arc<Trust>) -> OpcUa {
        OpcUa { trust }
    }

    /// Looks at a server over a session of its own.
    pub async fn browse(
        &self,
        dial: &Dial,
        place: &Place,
        glob: &Glob,
        many: usize,
        limit: Limit,
    ) -> Result<Browsed, Trouble> {
        let mut session = self.connect(dial, place).await?;
        let browsed = session.browse(glob, many, limit).await;
        session.close().await;
        browsed
    }
}

impl Driver for OpcUa {
    type Place = Place;
    type Address = Address;
    type Plan = Plan;
    type Session = Session;

    fn name(&self) -> &'static str {
        "opcua"
    }

    fn place(&self, text: &str) -> Result<Place, Unfit> {
        Place::parse(text)
    }

    /// A session is to one server, in one way.
    fn bus(&self, place: &Place) -> String {
        place.to_string()
    }

    fn logs_in(&self) -> bool {
        true
    }

    fn address(&self, text: &str) -> Result<(Address, Type), Unfit> {
        Address::parse(text).map(|address| (address.clone(), address.of))
    }

    fn plan(&self, session: &Session, addresses: &[Address], every: Duration) -> Plan {
        session.plan(addresses, every)
    }

    async fn connect(&self, dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        connect::open(&self.trust, dial, place).await
    }

    async fn read(
        &self,
        session: &mut Session,
        _: &Place,
        plan: &Plan,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        session.read(plan, limit).await
    }

    async fn write(
        &self,
        session: &mut Session,
        _: &Place,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        session.write(address, value, limit).await
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}
