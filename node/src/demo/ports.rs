//! Ports for the children: the usual one where it is free, or else the next free one a thousand further on, so that it is easy to
//! remember. The choice holds for the whole demonstration, also over restarts.

use crate::failure::Failure;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const STEP: u16 = 1000;
/// Below what the system gives to connections of its own.
const PORT_MAX: u16 = 32_000;

/// Ports chosen so far, and which of them are not the usual ones.
#[derive(Debug, Default)]
pub(super) struct Ports {
    taken: Vec<u16>,
    /// The usual port and the one in its place.
    pub(super) moved: Vec<(u16, u16)>,
}

impl Ports {
    /// An address on `ip` at the usual port or one further on.
    pub(super) fn choose(&mut self, ip: Ipv4Addr, usual: u16) -> Result<SocketAddr, Failure> {
        let mut candidates = (usual..PORT_MAX).step_by(usize::from(STEP));
        let is_free = |port: &u16| !self.taken.contains(port) && TcpListener::bind((ip, *port)).is_ok();
        let port = candidates.find(is_free).ok_or_else(|| {
            let message = format!("port {usual} and every one {STEP} further on are taken");
            Failure::message(
                "TG-DM-003",
                message,
                "stop what listens there, or name an address with its option",
            )
        })?;
        self.taken.push(port);
        if port != usual {
            self.moved.push((usual, port));
        }
        Ok(SocketAddr::from((ip, port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_replaced_by_one_a_thousand_further_on_and_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        // A port that the system gave away may lie beyond the range that is chosen from; then there is none.
        let usual = taken.local_addr().unwrap().port();
        let mut ports = Ports::default();
        match ports.choose(Ipv4Addr::LOCALHOST, usual) {
            Ok(chosen) => assert_eq!((chosen.port() - usual) % STEP, 0),
            Err(failure) => assert!(failure.to_string().contains("TG-DM-003")),
        }
        let first = ports.choose(Ipv4Addr::LOCALHOST, 11_883).unwrap();
        let second = ports.choose(Ipv4Addr::LOCALHOST, 11_883).unwrap();
        assert_ne!(first.port(), second.port());
        assert!(ports.moved.contains(&(11_883, second.port())));
    }
}
