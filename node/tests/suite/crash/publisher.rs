//! Publishers that go on whatever happens to the node: each keeps a window of publications out, and in the node's next life
//! sends those that were not acknowledged again, first and with DUP. A thread each, blocking sockets.

use super::evidence::{Ack, Attempt, Publication, client_of, first_id, qos_of};
use crate::mqtt::Client;
use crate::process::PATIENCE;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};
use tidegate_codec_mqtt::{Connect, Delivery, Disconnect, Packet, PacketId, Publish, Text};

/// Where the node lives, how far publishers have got there, and whether they should come to an end.
#[derive(Debug, Default)]
pub(crate) struct Home {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The last life and where it listens.
    place: Option<(usize, SocketAddr)>,
    acks_in_life: u64,
    ends: bool,
    abandoned: bool,
}

impl Home {
    pub(crate) fn open(&self, life: usize, address: SocketAddr) {
        self.change(|state| (state.place, state.acks_in_life) = (Some((life, address)), 0));
    }

    /// Publishers finish what they have begun.
    pub(crate) fn end(&self) {
        self.change(|state| state.ends = true);
    }

    /// There will be no further life; publishers leave at once.
    pub(crate) fn abandon(&self) {
        self.change(|state| state.abandoned = true);
    }

    /// Waits until so many acknowledgements have arrived in the present life.
    pub(crate) fn acked(&self, many: u64) {
        self.wait(|state| (state.acks_in_life >= many).then_some(()));
    }

    fn after(&self, life: Option<usize>) -> Option<(usize, SocketAddr)> {
        self.wait(|state| match state.place {
            _ if state.abandoned => Some(None),
            Some((next, address)) if Some(next) > life => Some(Some((next, address))),
            _ => None,
        })
    }

    fn wait<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> T {
        let mut found = None;
        let guard = self.state.lock().unwrap();
        let outcome = self.changed.wait_timeout_while(guard, PATIENCE, |state| {
            found = ready(state);
            found.is_none()
        });
        drop(outcome);
        found.expect("it comes to pass within the patience of these tests")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn ends(&self) -> bool {
        self.state.lock().unwrap().ends
    }
}

/// What a publisher did.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) acks: Vec<Ack>,
}

#[derive(Debug)]
struct Publisher<'a> {
    home: &'a Home,
    client: String,
    window: usize,
    life: usize,
    next_id: u64,
    packet_id: u16,
    unacknowledged: VecDeque<(u64, PacketId)>,
    diary: Diary,
}

/// Publishes from the first life on until it is told to end and everything is acknowledged.
pub(crate) fn publish(home: &Home, number: u64, window: usize) -> Diary {
    let next_id = first_id(number);
    let (client, unacknowledged, diary) = (client_of(next_id), VecDeque::new(), Diary::default());
    let mut publisher =
        Publisher { home, client, window, life: 0, next_id, packet_id: 0, unacknowledged, diary };
    let mut last = None;
    while let Some((life, address)) = home.after(last) {
        (publisher.life, last) = (life, Some(life));
        // An error is the end of that life. What it left open goes out again in the next one.
        if publisher.live(address).is_ok() {
            break;
        }
    }
    publisher.diary
}

impl Publisher<'_> {
    fn live(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut connect = Connect::new(Text::new(&self.client).unwrap());
        connect.clean_session = false;
        let mut client = Client::introduce(address, connect)?;
        self.resend(&mut client)?;
        while self.goes_on() {
            self.fill(&mut client)?;
            self.take_ack(&mut client)?;
        }
        client.send(&Packet::Disconnect(Disconnect::default()))?;
        // The node closes when it has taken in everything before that.
        while client.receive()?.is_some() {}
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !self.unacknowledged.is_empty() || !self.home.ends()
    }

    fn resend(&mut self, client: &mut Client) -> io::Result<()> {
        let again: Vec<_> = self.unacknowledged.iter().copied().collect();
        let packets: Vec<_> = again.into_iter().map(|(id, packet)| self.attempt(id, packet, true)).collect();
        client.send_all(&packets)
    }

    fn fill(&mut self, client: &mut Client) -> io::Result<()> {
        let mut packets = Vec::new();
        while self.unacknowledged.len() < self.window && !self.home.ends() {
            let id = self.next_id;
            self.next_id += 1;
            self.packet_id = self.packet_id % u16::MAX + 1;
            let packet = PacketId::new(self.packet_id).unwrap();
            if qos_of(id) == 1 {
                self.unacknowledged.push_back((id, packet));
            }
            packets.push(self.attempt(id, packet, false));
        }
        client.send_all(&packets)
    }

    /// The packet, and a note that it was sent: it may be gone before the write returns.
    fn attempt(&mut self, id: u64, packet: PacketId, dup: bool) -> Packet {
        self.diary.attempts.push(Attempt { id, dup, life: self.life });
        let publication = Publication::of(id);
        let delivery = match publication.qos {
            0 => Delivery::AtMostOnce,
            _ => Delivery::AtLeastOnce { id: packet, dup },
        };
        let payload = Bytes::from(publication.payload(id));
        Packet::Publish(Publish::new(publication.topic.parse().unwrap(), payload, delivery))
    }

    /// Waits for an acknowledgement, which is for the oldest publication [MQTT-4.6.0-2].
    fn take_ack(&mut self, client: &mut Client) -> io::Result<()> {
        if self.unacknowledged.is_empty() {
            return Ok(());
        }
        let answer = client.receive()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (id, packet) = self.unacknowledged.pop_front().expect("something is not acknowledged");
        assert!(matches!(&answer, Packet::Puback(ack) if ack.id == packet), "{answer:?} instead of {packet}");
        self.diary.acks.push(Ack { id, life: self.life });
        self.home.change(|state| state.acks_in_life += 1);
        Ok(())
    }
}
