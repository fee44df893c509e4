//! Readings out to a broker.

use bytes::BytesMut;
use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_codec_mqtt::{
    Connack, Connect, Decoder, Encoder, Packet, PacketId, ProtocolLevel, Publish, QoS, ReasonCode, Subscribe,
    Subscription, Text,
};
use tidegate_connector_mqtt::{MqttSink, SinkSettings};
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Dialer, Endpoint, Resolver};
use tidegate_service_ingest::{Class, Reading, Row, Setback, Sink, SinkConfig, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
const VARIABLE: &str = "TIDEGATE_TEST_MOSQUITTO_ADDR";

fn row(topic: &str, payload: &str) -> Row {
    let reading = Reading::raw(Source::Mqtt, topic.parse().unwrap(), payload.to_owned());
    Row { seq: 1, id: Id::v7(1), stamp_ms: 1, class: Class::Process, replay: false, reading }
}

fn sink(broker: SocketAddr, client_id: &str, prefix: &str) -> MqttSink {
    let (host, port) = (broker.ip().to_string(), broker.port());
    let settings = SinkSettings {
        endpoint: Endpoint { tls: false, host, port, path: String::new() },
        client_id: Text::new(client_id).unwrap(),
        login: None,
        prefix: prefix.to_owned(),
        delivery: SinkConfig::default(),
    };
    MqttSink::new(Dialer::new(Resolver::system(), None).unwrap(), settings)
}

/// One side of a conversation in MQTT 3.1.1.
struct Talk {
    stream: TcpStream,
    decoder: Decoder,
    read: BytesMut,
}

impl Talk {
    fn new(stream: TcpStream, decoder: Decoder) -> Talk {
        Talk { stream, decoder, read: BytesMut::new() }
    }

    async fn say(&mut self, packet: Packet) {
        let mut out = BytesMut::new();
        Encoder::new(ProtocolLevel::V311).encode(&packet, &mut out).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }

    /// Nothing at the end of the connection.
    async fn hear(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.read).unwrap() {
                return Some(packet);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

/// The broker that a variable names; without it the test announces that it is skipped.
fn mosquitto(test: &str) -> Option<SocketAddr> {
    if let Ok(address) = env::var(VARIABLE) {
        return Some(address.parse().unwrap());
    }
    let reason = format!("mosquitto cannot be had here, {VARIABLE} is not set");
    let file = env::var_os("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|| panic!("{reason}; `cargo xtask test` installs it, or skips this test by name"));
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(format!("SKIP mqtt::{test}: {reason}\n").as_bytes()).unwrap();
    None
}

async fn subscriber(broker: SocketAddr, filter: &str) -> Talk {
    let mut talk =
        Talk::new(TcpStream::connect(broker).await.unwrap(), Decoder::client(ProtocolLevel::V311, 1 << 20));
    talk.say(Packet::Connect(Box::new(Connect::new(Text::new("judge").unwrap())))).await;
    assert!(matches!(talk.hear().await, Some(Packet::Connack(_))));
    let filter = Subscription::new(filter.parse().unwrap(), QoS::AtMostOnce);
    talk.say(Packet::Subscribe(Subscribe::new(PacketId::MIN, vec![filter]))).await;
    assert!(matches!(talk.hear().await, Some(Packet::Suback(_))));
    talk
}

#[tokio::test]
async fn a_batch_arrives_at_a_real_broker_in_order_and_the_connection_is_used_again() {
    let Some(broker) =
        mosquitto("a_batch_arrives_at_a_real_broker_in_order_and_the_connection_is_used_again")
    else {
        return;
    };
    let mut subscriber = subscriber(broker, "out/#").await;
    let sink = sink(broker, "tidegate-sink", "out/");
    for batch in 0..3 {
        let rows: Vec<_> = (0..100).map(|at| row("line/7", &(batch * 100 + at).to_string())).collect();
        sink.deliver(&rows).await.unwrap();
    }
    for at in 0..300 {
        let Some(Packet::Publish(Publish { topic, payload, .. })) = subscriber.hear().await else {
            panic!("it ended")
        };
        assert_eq!((topic.as_str(), &payload[..]), ("out/line/7", at.to_string().as_bytes()));
    }
}

/// What a broker of ours does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    Refuses,
    /// Acknowledges so many publications, then closes.
    ClosesAfter(usize),
}

async fn broker(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Talk::new(stream, Decoder::server(1 << 20)), manner));
        }
    });
    address
}

async fn serve(mut talk: Talk, manner: Manner) {
    talk.hear().await;
    let Manner::ClosesAfter(mut left) = manner else {
        return talk.say(Packet::Connack(Connack::refused(ReasonCode::NotAuthorized))).await;
    };
    talk.say(Packet::Connack(Connack::accepted(false))).await;
    while left > 0
        && let Some(Packet::Publish(publish)) = talk.hear().await
    {
        left -= 1;
        talk.say(Packet::Puback(tidegate_codec_mqtt::Ack::new(publish.delivery.id().unwrap()))).await;
    }
}

#[tokio::test]
async fn a_broker_that_does_not_let_us_in_is_a_setting() {
    let sink = sink(broker(Manner::Refuses).await, "a", "");
    let outcome = sink.deliver(&[row("a", "1")]).await.unwrap_err();
    assert!(matches!(&outcome, Setback::Misconfigured(error) if error.code == "TG-MO-003"), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_ends_amid_a_batch_brings_it_again_and_the_next_one_is_made_anew() {
    let sink = sink(broker(Manner::ClosesAfter(2)).await, "a", "");
    let rows: Vec<_> = (0..5).map(|at| row("a", &at.to_string())).collect();
    let outcome = sink.deliver(&rows).await.unwrap_err();
    assert!(matches!(&outcome, Setback::Retry { error, .. } if error.code == "TG-MO-001"), "{outcome:?}");
    for _ in 0..3 {
        // Whether the end of the last connection is noticed before or after something is written to it, is up to the machine.
        if sink.deliver(&rows[..2]).await.is_err() {
            sink.deliver(&rows[..2]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_none_behind_the_prefix_is_poison_and_the_others_are_sent() {
    let sink = sink(broker(Manner::ClosesAfter(9)).await, "a", &"x".repeat(65_530));
    let outcome = sink.deliver(&[row("a", "1"), row("a/long/topic", "2")]).await.unwrap_err();
    let Setback::Poison(poison) = outcome else { panic!("{outcome:?}") };
    assert_eq!((poison.len(), poison[0].row, poison[0].code), (1, 1, "TG-MO-002"));
}
