#![doc = include_str!("../README.md")]

mod address;
mod answer;
mod error;
mod place;
mod session;

pub use address::Address;
pub use place::Place;
pub use session::Session;

use std::time::Duration;
use tidegate_service_plant::{Dial, Driver, Found, Limit, Trouble, Type, Unfit, Value};

/// Requests in one message. Both they and their answers have to find room in the buffers of a connection.
const REQUESTS_MAX: usize = 32;

/// The driver. One value of it serves every UPS of a site.
#[derive(Debug)]
pub struct Nut;

impl Driver for Nut {
    type Place = Place;
    type Address = Address;
    type Plan = Vec<Address>;
    type Session = Session;

    fn name(&self) -> &'static str {
        "nut"
    }

    /// To write. To read, upsd asks for nobody.
    fn logs_in(&self) -> bool {
        true
    }

    fn place(&self, text: &str) -> Result<Place, Unfit> {
        Place::parse(text)
    }

    fn bus(&self, place: &Place) -> String {
        place.endpoint.to_string()
    }

    fn address(&self, text: &str) -> Result<(Address, Type), Unfit> {
        let address = Address::parse(text)?;
        let kind = address.kind;
        Ok((address, kind))
    }

    fn plan(&self, _: &Session, addresses: &[Address], _: Duration) -> Vec<Address> {
        addresses.to_vec()
    }

    async fn connect(&self, dial: &Dial, place: &Place) -> Result<Session, Trouble> {
        let mut session = Session::new(&place.endpoint, dial.to(&place.endpoint).await?);
        if let Some(login) = dial.login() {
            session.log_in(login).await?;
        }
        Ok(session)
    }

    async fn read(
        &self,
        session: &mut Session,
        place: &Place,
        plan: &Vec<Address>,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        let mut found = Vec::with_capacity(plan.len());
        for some in plan.chunks(REQUESTS_MAX) {
            found.extend(read_some(session, place, some, limit).await?);
        }
        Ok(found)
    }

    async fn write(
        &self,
        session: &mut Session,
        place: &Place,
        address: &Address,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        let text = answer::quoted(&address.text(value)?);
        limit.on(session.send(&format!("SET VAR {} {} {text}\n", place.ups, address.name))).await?;
        let line = limit.on(session.line()).await?;
        answer::taken(&line, place, address)
    }

    async fn close(&self, mut session: Session) {
        if session.send("LOGOUT\n").await.is_ok() {
            // Not waited for, its goodbye would find nobody, which its log calls an error.
            let _ = session.line().await;
        }
    }
}

/// What one message asks for.
async fn read_some(
    session: &mut Session,
    place: &Place,
    addresses: &[Address],
    limit: Limit,
) -> Result<Vec<Found>, Trouble> {
    let requests: String =
        addresses.iter().map(|address| format!("GET VAR {} {}\n", place.ups, address.name)).collect();
    limit.on(session.send(&requests)).await?;
    // All are taken before any is judged: one that is left would be taken for an answer to the next read.
    let mut lines = Vec::with_capacity(addresses.len());
    for _ in addresses {
        lines.push(limit.on(session.line()).await?);
    }
    lines.iter().zip(addresses).map(|(line, address)| answer::found(line, place, address)).collect()
}
