//! Our ends over real sockets, for the counterparts. Blocking, with a limit on every wait.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a codec has no socket, its counterparts do"
)]

use crate::memory::Blocks;
use bytes::{Buf, BytesMut};
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidegate_codec_s7::{Client, Event, Item, Negotiated, Offer, Outcomes, Server, Write};

const PATIENCE: Duration = Duration::from_secs(60);

/// Takes in what has come; `false` at the end of the stream.
fn receive(stream: &mut TcpStream, buffer: &mut BytesMut) -> bool {
    let mut piece = [0; 4096];
    let bytes = stream.read(&mut piece).expect("something comes in time");
    buffer.extend_from_slice(&piece[..bytes]);
    bytes > 0
}

fn send(stream: &mut TcpStream, buffer: &mut BytesMut) {
    stream.write_all(buffer).unwrap();
    buffer.advance(buffer.len());
}

/// Our client at a station.
pub(crate) struct Connection {
    stream: TcpStream,
    client: Client,
    received: BytesMut,
    to_send: BytesMut,
    pub(crate) negotiated: Negotiated,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Connection {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut to_send = BytesMut::new();
        let client = Client::begin(Offer::rack_slot(0, 1), &mut to_send);
        let negotiated = Negotiated { pdu_bytes: 0, jobs: 0 };
        let mut connection = Connection { stream, client, received: BytesMut::new(), to_send, negotiated };
        match connection.event() {
            Event::Open(negotiated) => Connection { negotiated, ..connection },
            other => panic!("{other:?}"),
        }
    }

    fn event(&mut self) -> Event {
        loop {
            let event = self.client.next(&mut self.received, &mut self.to_send).unwrap();
            send(&mut self.stream, &mut self.to_send);
            match event {
                Some(event) => return event,
                None => assert!(receive(&mut self.stream, &mut self.received), "the station closed"),
            }
        }
    }

    pub(crate) fn read(&mut self, items: &[Item]) -> Outcomes<bytes::Bytes> {
        let asked = self.client.read(items, &mut self.to_send).unwrap();
        match self.event() {
            Event::Read { reference, outcome } if reference == asked => outcome.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What came of it, whether of the item or of the job.
    pub(crate) fn write(&mut self, write: Write) -> Event {
        self.client.write(vec![write], &mut self.to_send).unwrap();
        self.event()
    }
}

/// Our server for one client; when that has gone, the memory as it is then.
pub(crate) fn serve(mut memory: Blocks, pdu_bytes: u16) -> (u16, JoinHandle<Blocks>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut server, mut received, mut to_send) =
            (Server::new(pdu_bytes, 1), BytesMut::new(), BytesMut::new());
        while receive(&mut stream, &mut received) {
            let outcome = server.serve(&mut received, &mut memory, &mut to_send);
            send(&mut stream, &mut to_send);
            if outcome.is_err() {
                break;
            }
        }
        memory
    });
    (port, serving)
}
