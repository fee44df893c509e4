//! A broker of a few lines that speaks the protocol by another implementation, for the answers a real one gives only in bad times.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
    RequestHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::RecordBatchDecoder;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a produce request.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Takes it.
    Takes,
    /// Takes it and says that its quota is used up for so many milliseconds.
    Throttles(i32),
    /// Refuses what is for this partition with this code, and takes the rest.
    Refuses(i32, i16),
    /// Refuses a batch of more than one record with this code.
    Halves(i16),
    /// Takes it and closes without a word.
    Closes,
    /// Takes it, and leaves this partition out of its answer.
    Forgets(i32),
    /// Says what is no answer.
    Babbles,
}

/// What a broker has.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// What it does next, the last first; then it takes.
    pub(crate) manners: Vec<Manner>,
    /// Values by topic and partition, in the order they came.
    pub(crate) values: BTreeMap<(String, i32), Vec<String>>,
    /// How many of them had the header that says they come again.
    pub(crate) replays: usize,
    pub(crate) produces: usize,
    pub(crate) metadatas: usize,
    pub(crate) connections: usize,
    /// The leader of each partition, for every topic that does not begin with `no-`; this one is 0.
    pub(crate) leaders: Vec<i32>,
    /// The broker 1.
    pub(crate) other: Option<SocketAddr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
}

impl Stub {
    pub(crate) async fn start(leaders: &[i32], manners: &[Manner]) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let manners = manners.iter().rev().cloned().collect();
        let shelf = Shelf { manners, leaders: leaders.to_vec(), ..Shelf::default() };
        let stub = Stub { address: listener.local_addr().unwrap(), shelf: Arc::new(Mutex::new(shelf)) };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.shelf.lock().unwrap().connections += 1;
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        stub
    }

    pub(crate) fn values(&self) -> Vec<String> {
        self.shelf.lock().unwrap().values.values().flatten().cloned().collect()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(mut request) = frame(&mut stream).await {
            let (key, version) = (request.clone().get_i16(), request.slice(2..).get_i16());
            let key = ApiKey::try_from(key).unwrap();
            let header = RequestHeader::decode(&mut request, key.request_header_version(version)).unwrap();
            let body = match key {
                ApiKey::ApiVersions => encoded(&versions(), version),
                ApiKey::Metadata => encoded(&self.metadata(request, version), version),
                ApiKey::Produce => match self.produce(request, version) {
                    Some(body) => body,
                    None => return,
                },
                other => panic!("{other:?} was not expected"),
            };
            let mut out = BytesMut::from(&(body.len() as u32 + 4).to_be_bytes()[..]);
            out.extend_from_slice(&header.correlation_id.to_be_bytes());
            out.extend_from_slice(&body);
            stream.write_all(&out).await.unwrap_or_default();
        }
    }

    fn metadata(&self, mut request: Bytes, version: i16) -> MetadataResponse {
        let asked = MetadataRequest::decode(&mut request, version).unwrap();
        let mut shelf = self.shelf.lock().unwrap();
        shelf.metadatas += 1;
        let broker = |id: i32, at: SocketAddr| {
            let host = StrBytes::from_string(at.ip().to_string());
            MetadataResponseBroker::default()
                .with_node_id(id.into())
                .with_host(host)
                .with_port(at.port().into())
        };
        let partition = |(at, leader): (usize, &i32)| {
            MetadataResponsePartition::default()
                .with_partition_index(at as i32)
                .with_leader_id((*leader).into())
        };
        let topic = |name: kafka_protocol::messages::TopicName| {
            let is_there = !name.starts_with("no-");
            let partitions = shelf.leaders.iter().enumerate().filter(|_| is_there).map(partition).collect();
            let code = if is_there { 0 } else { 3 };
            MetadataResponseTopic::default()
                .with_name(Some(name))
                .with_partitions(partitions)
                .with_error_code(code)
        };
        let topics = asked.topics.unwrap().into_iter().map(|asked| topic(asked.name.unwrap())).collect();
        let brokers = [Some(broker(0, self.address)), shelf.other.map(|other| broker(1, other))];
        MetadataResponse::default().with_brokers(brokers.into_iter().flatten().collect()).with_topics(topics)
    }

    /// Nothing where the connection ends.
    fn produce(&self, mut request: Bytes, version: i16) -> Option<Bytes> {
        let asked = ProduceRequest::decode(&mut request, version).unwrap();
        assert_eq!(asked.acks, -1);
        let mut shelf = self.shelf.lock().unwrap();
        shelf.produces += 1;
        let manner = shelf.manners.pop().unwrap_or(Manner::Takes);
        let mut responses = Vec::new();
        for topic in asked.topic_data {
            let mut partitions = Vec::new();
            for data in topic.partition_data {
                let records = RecordBatchDecoder::decode(&mut data.records.unwrap()).unwrap().records;
                let code = match manner {
                    Manner::Refuses(partition, code) if partition == data.index => code,
                    Manner::Halves(code) if records.len() > 1 => code,
                    _ => 0,
                };
                if code == 0 {
                    shelf.take(&topic.name, data.index, &records);
                }
                if !matches!(manner, Manner::Forgets(partition) if partition == data.index) {
                    partitions.push(
                        PartitionProduceResponse::default().with_index(data.index).with_error_code(code),
                    );
                }
            }
            responses.push(
                TopicProduceResponse::default().with_name(topic.name).with_partition_responses(partitions),
            );
        }
        let throttle_ms = if let Manner::Throttles(throttle_ms) = manner { throttle_ms } else { 0 };
        let answer = ProduceResponse::default().with_responses(responses).with_throttle_time_ms(throttle_ms);
        match manner {
            Manner::Closes => None,
            Manner::Babbles => Some(Bytes::from_static(&[255; 3])),
            _ => Some(encoded(&answer, version)),
        }
    }
}

impl Shelf {
    fn take(&mut self, topic: &str, partition: i32, records: &[kafka_protocol::records::Record]) {
        let values = self.values.entry((topic.to_owned(), partition)).or_default();
        for record in records {
            values.push(String::from_utf8(record.value.as_ref().unwrap().to_vec()).unwrap());
            self.replays += usize::from(record.headers.keys().any(|name| &**name == "tidegate.replay"));
        }
    }
}

fn versions() -> ApiVersionsResponse {
    let key = |key: ApiKey, max: i16| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(0).with_max_version(max)
    };
    ApiVersionsResponse::default().with_api_keys(vec![key(ApiKey::Produce, 9), key(ApiKey::Metadata, 9)])
}

fn encoded(answer: &impl Encodable, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    answer.encode(&mut out, version).unwrap();
    out.freeze()
}

/// One request; nothing at the end of the connection.
async fn frame(stream: &mut TcpStream) -> Option<Bytes> {
    let length = stream.read_u32().await.ok()?;
    let mut request = vec![0; length as usize];
    stream.read_exact(&mut request).await.ok()?;
    Some(request.into())
}
