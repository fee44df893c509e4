#![doc = include_str!("../README.md")]

//! Modbus TCP and RTU, as a driver of the plant. What is asked for, and what the answers mean, is decided by pure functions.

mod address;
mod error;
mod line;
mod neuron;
mod place;
mod plan;
mod session;
mod value;

pub use address::Address;
pub use neuron::from_neuron;
pub use place::Place;
pub use plan::Plan;
pub use session::Session;

use std::time::Duration;
use tidegate_service_plant::{Dial, Driver, Found, Limit, Trouble, Type, Unfit, Value};

/// The protocol.
#[derive(Debug, Clone, Copy, Default)]
pub struct Modbus;

impl Driver for Modbus {
    type Place = Place;
    type Address = Address;
    type Plan = Plan;
    type Session = Session;

    fn name(&self) -> &'static str {
        "modbus"
    }

    fn place(&self, text: &str) -> Result<Place, Unfit> {
        Place::parse(text)
    }

    fn bus(&self, place: &Place) -> String {
        place.bus()
    }

    fn address(&self, text: &str) -> Result<(Address, Type), Unfit> {
        Address::parse(text)
    }

    fn plan(&self, _: &Session, addresses: &[Address], _: Duration) -> Plan {
        Plan::new(addresses)
    }

    async fn connect(&self, dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        Session::open(dial, place).await
    }

    async fn read(
        &self,
        session: &mut Session,
        place: &Place,
        plan: &Plan,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        session.read(place, plan, limit).await
    }

    async fn write(
        &self,
        session: &mut Session,
        place: &Place,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        session.write(place, address, value, limit).await
    }

    async fn close(&self, session: Session) {
        session.close().await;
    }
}
