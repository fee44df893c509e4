//! The broker's end of a link, played by hand, and the link with a journal in a temporary folder behind it.

use bytes::BytesMut;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_codec_mqtt::{
    Ack, Connack, Connect, Decoder, Delivery, Encoder, Packet, PacketId, ProtocolLevel, Publish, Suback,
    Subscribe, SubscribeOutcome,
};
use tidegate_connector_mqtt::{Config, Link, Snapshot};
use tidegate_kernel_journal::DataFolder;
use tidegate_service_ingest::{self as ingest, Ingest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Longer than anything here takes; what is waited for that long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Desk {
    listener: TcpListener,
    pub(crate) link: Arc<Link>,
    pub(crate) ingest: Arc<Ingest>,
    running: JoinHandle<()>,
    folder: DataFolder,
    _dir: TempDir,
}

/// One connection, seen from the broker.
pub(crate) struct Guest {
    stream: TcpStream,
    decoder: Decoder,
    input: BytesMut,
}

impl Desk {
    pub(crate) async fn new(set: impl FnOnce(&mut Config)) -> Desk {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let ingest = Arc::new(Ingest::open(folder.queues().clone(), ingest::Config::default()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let filters = vec!["line/#".parse().unwrap(), "alarm/#".parse().unwrap()];
        let mut config = Config::new("hall", "127.0.0.1", port, "tidegate-1", filters);
        (config.retry_base_ms, config.retry_cap_ms) = (10, 20);
        set(&mut config);
        let link = Arc::new(Link::new(config, ingest.clone()).unwrap());
        let runner = link.clone();
        let running = tokio::spawn(async move { runner.run().await });
        Desk { listener, link, ingest, running, folder, _dir: dir }
    }

    pub(crate) async fn guest(&self) -> Guest {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        Guest { stream, decoder: Decoder::server(1 << 20), input: BytesMut::new() }
    }

    /// A connection that is welcomed and, if it asks, granted what it asks for.
    pub(crate) async fn settled(&self, session_present: bool) -> Guest {
        let mut guest = self.guest().await;
        let connect = guest.connect().await;
        guest.say(&Packet::Connack(Connack::accepted(session_present))).await;
        if connect.level == ProtocolLevel::V5 || !session_present {
            let subscribe = guest.subscribe().await;
            let outcomes =
                subscribe.subscriptions.iter().map(|asked| SubscribeOutcome::Granted(asked.qos)).collect();
            guest.say(&Packet::Suback(Suback::new(subscribe.id, outcomes))).await;
        }
        guest
    }

    pub(crate) async fn when(&self, wanted: impl Fn(&Snapshot) -> bool) {
        let there = async {
            while !wanted(&self.link.snapshot()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("it stays at {:?}", self.link.snapshot()));
    }

    /// How much was left unacknowledged.
    pub(crate) async fn stop(self) -> u64 {
        let left = self.link.stop(Instant::now() + Duration::from_secs(5)).await;
        timeout(PATIENCE, self.running).await.unwrap().unwrap();
        self.folder.close();
        left
    }
}

impl Guest {
    pub(crate) async fn hear(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.input).unwrap() {
                return Some(packet);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn connect(&mut self) -> Connect {
        match self.hear().await {
            Some(Packet::Connect(connect)) => *connect,
            other => panic!("expected a CONNECT, got {other:?}"),
        }
    }

    pub(crate) async fn subscribe(&mut self) -> Subscribe {
        match self.hear().await {
            Some(Packet::Subscribe(subscribe)) => subscribe,
            other => panic!("expected a SUBSCRIBE, got {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        Encoder::new(self.decoder.level().unwrap()).encode(packet, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// A publication of QoS 2 with all four packets.
    pub(crate) async fn hand_over(&mut self, payload: &'static str, number: u16, dup: bool) {
        self.publish(payload, Delivery::ExactlyOnce { id: id(number), dup }).await;
        assert_eq!(self.hear().await, Some(Packet::Pubrec(Ack::new(id(number)))));
        self.say(&Packet::Pubrel(Ack::new(id(number)))).await;
        assert_eq!(self.hear().await, Some(Packet::Pubcomp(Ack::new(id(number)))));
    }

    pub(crate) async fn publish(&mut self, payload: &'static str, delivery: Delivery) {
        let publish = Publish::new("line/7/temp".parse().unwrap(), payload.into(), delivery);
        self.say(&Packet::Publish(publish)).await;
    }
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}
