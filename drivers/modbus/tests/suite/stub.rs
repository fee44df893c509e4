//! A device that answers each request as a test says, byte by byte.

use crate::shared::rig::{LIMIT, dial};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tidegate_driver_modbus::{Address, Modbus, Place, Session};
use tidegate_service_plant::{Driver, Found, Trouble};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request: transaction, unit, and the PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) transaction: u16,
    pub(crate) unit: u8,
    pub(crate) pdu: Vec<u8>,
}

impl Asked {
    /// Where a read begins and how much it asks for.
    pub(crate) fn span(&self) -> (u16, u16) {
        let word = |at: usize| u16::from_be_bytes([self.pdu[at], self.pdu[at + 1]]);
        (word(1), word(3))
    }

    /// As many registers as were asked for, each saying its own number.
    pub(crate) fn registers(&self) -> Vec<u8> {
        let (start, len) = self.span();
        let words = (start..start + len).flat_map(u16::to_be_bytes);
        [self.pdu[0], (len * 2) as u8].into_iter().chain(words).collect()
    }

    pub(crate) fn refused(&self, exception: u8) -> Vec<u8> {
        vec![self.pdu[0] | 0x80, exception]
    }

    /// An answer with this PDU.
    pub(crate) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        let len = (pdu.len() + 1) as u16;
        let head = [self.transaction.to_be_bytes(), [0, 0], len.to_be_bytes()].concat();
        [&head[..], &[self.unit], pdu].concat()
    }
}

/// What becomes of a request: bytes to send, and whether to hang up behind them.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hangs_up: bool,
}

pub(crate) type Log = Arc<Mutex<Vec<Asked>>>;

/// Listens and answers; what it was asked.
pub(crate) async fn device(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, log, reply) = (listener.local_addr().unwrap(), Log::default(), Arc::new(reply));
    let asked = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, reply.clone(), asked.clone()));
        }
    });
    (address, log)
}

async fn serve(mut stream: TcpStream, reply: Arc<impl Fn(&Asked) -> Reply>, log: Log) -> Option<()> {
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head).await.ok()?;
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        stream.read_exact(&mut pdu).await.ok()?;
        let asked = Asked { transaction: u16::from_be_bytes([head[0], head[1]]), unit: head[6], pdu };
        let Reply { bytes, hangs_up } = reply(&asked);
        log.lock().unwrap().push(asked);
        stream.write_all(&bytes).await.ok()?;
        if hangs_up {
            return None;
        }
    }
}

pub(crate) fn place(address: SocketAddr, unit: u8) -> Place {
    Modbus.place(&format!("tcp://{address}/{unit}")).unwrap()
}

pub(crate) async fn connect(place: &Place) -> Result<Session, Trouble> {
    Modbus.connect(&dial(None), place).await
}

pub(crate) fn addresses(texts: &[&str]) -> Vec<Address> {
    texts.iter().map(|text| Modbus.address(text).unwrap().0).collect()
}

/// Reads these tags once.
pub(crate) async fn read(
    session: &mut Session,
    place: &Place,
    texts: &[&str],
) -> Result<Vec<Found>, Trouble> {
    let plan = Modbus.plan(session, &addresses(texts), LIMIT.0);
    Modbus.read(session, place, &plan, LIMIT).await
}
