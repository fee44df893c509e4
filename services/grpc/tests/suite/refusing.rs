//! What is refused, and as what.

use crate::client::{batch, batch_of, reading};
use crate::rig::{Rig, UNWANTED};
use tempfile::TempDir;
use tidegate_service_grpc::v1::ReadingBatch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};

fn shown(status: &Status) -> (Code, &str) {
    (status.code(), status.message().split(':').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_is_not_fit_is_refused_by_sequence_while_the_others_go_in() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let mut large = reading(5, "line/7/picture");
    large.payload = vec![b'x'; 250_000].into();
    let topics = ["line/7/a", "line/+/a", "", "line/8/a"];
    let mut readings: Vec<_> =
        topics.iter().zip(1..).map(|(topic, sequence)| reading(sequence, topic)).collect();
    readings.extend([large, reading(6, "line/7/b")]);
    let mut client = rig.client().await.with_token("line-7");
    let (acks, end) = client.send_all(vec![batch("s", readings)]).await;
    end.unwrap();
    let refusals: Vec<_> = acks.iter().flat_map(|ack| &ack.refusals).collect();
    let codes: Vec<_> = refusals.iter().map(|refusal| (refusal.sequence, refusal.code.as_str())).collect();
    let expected = ["TG-GR-002", "TG-GR-002", "TG-GR-001", "TG-GR-003"];
    assert_eq!(codes, (2..).zip(expected).collect::<Vec<_>>());
    assert_eq!(acks.last().unwrap().through_sequence, 6);
    assert_eq!(
        (rig.taken(), rig.refused()),
        (vec!["s line/7/a 1".into(), "s line/7/b 6".into()], expected.to_vec())
    );
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_node_itself_refuses_is_named_by_its_sequence() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let readings = vec![reading(3, "a"), reading(8, UNWANTED), reading(9, "b")];
    let result = rig.client().await.publish(batch("s", readings)).await.unwrap();
    assert_eq!((result.accepted, result.through_sequence), (2, 9));
    assert_eq!((result.refusals[0].sequence, result.refusals[0].code.as_str()), (8, "TG-IN-002"));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_known_or_may_publish_nowhere_gets_no_call() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    for (token, expected) in
        [("nobody", (Code::Unauthenticated, "TG-ID-002")), ("reader", (Code::PermissionDenied, "TG-GR-001"))]
    {
        let (_, end) = rig.client().await.with_token(token).send_all(vec![batch_of("s", [1])]).await;
        assert_eq!(shown(&end.unwrap_err()), expected);
        let status = rig.client().await.with_token(token).publish(batch_of("s", [1])).await.unwrap_err();
        assert_eq!(shown(&status), expected);
    }
    assert_eq!(rig.handle.snapshot().ended, [("TG-GR-001", 2), ("TG-ID-002", 2)]);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_breaks_the_contract_ends_the_call_with_its_code() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::with(&dir, |config| config.message_bytes_max = 65_536).await;
    let mut large = reading(1, "a");
    large.payload = vec![0; 70_000].into();
    let cases: [(Vec<ReadingBatch>, &str); 6] = [
        (vec![batch_of("", [1])], "TG-GR-005"),
        (vec![batch_of("a\nb", [1])], "TG-GR-005"),
        (vec![batch_of(&"x".repeat(129), [1])], "TG-GR-005"),
        (vec![batch_of("s", [1]), batch_of("t", [2])], "TG-GR-005"),
        (vec![batch_of("s", [0])], "TG-GR-005"),
        (vec![batch("s", vec![large])], "TG-GR-004"),
    ];
    for (batches, code) in cases {
        let (_, end) = rig.client().await.send_all(batches).await;
        assert_eq!(shown(&end.unwrap_err()), (Code::InvalidArgument, code));
    }
    assert_eq!(rig.refused(), ["TG-GR-004"]);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_http_2_close_the_connection_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let rig = Rig::new(&dir).await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    // What comes back, if anything, is HTTP/2's way of saying no.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    rig.client().await.send_all(vec![batch_of("s", [1])]).await.1.unwrap();
    rig.drain().await;
}
