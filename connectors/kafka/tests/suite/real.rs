//! What a real broker makes of our records, read back by Kafka's own consumer, and what we make of its refusals.

use crate::kafka::{Consumed, Kafka, PASSWORD, program, tls};
use crate::rows::{STAMP_MS, config, parts, row, sink, verdict};
use tidegate_codec_kafka::partition;
use tidegate_connector_kafka::{Compression, Config, KafkaSink, Login, Mechanism};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_ingest::{Body, Point, Points, Quality, Row, Sink, Value};

/// Values of a topic, as they lie in each partition.
fn values(consumed: &[Consumed]) -> Vec<&str> {
    consumed.iter().map(|one| one.value.as_str()).collect()
}

fn modelled() -> Row {
    let point =
        Point { tag: "temp".into(), value: Value::Real(61.25), quality: Quality::Good, source_ms: STAMP_MS };
    let mut row = row(9, "press/7", "");
    row.reading.body = Body::Points(Points { device: "press 7".into(), points: vec![point] });
    row.reading.source_ms = Some(STAMP_MS - 5000);
    row.replay = true;
    row
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_with_key_time_headers_and_order_in_the_partition_of_the_java_client() {
    let Some(program) =
        program("real::records_arrive_with_key_time_headers_and_order_in_the_partition_of_the_java_client")
    else {
        return;
    };
    let kafka = Kafka::start(program).await;
    for topic in ["none", "gzip", "snappy"] {
        kafka.create(topic, 3, &[]);
    }
    let rows: Vec<Row> = (0..300).map(|at| row(at, &format!("line/{}", at % 7), &at.to_string())).collect();
    for (topic, compression) in
        [("none", Compression::None), ("gzip", Compression::Gzip), ("snappy", Compression::Snappy)]
    {
        let config = Config { topic: topic.parse().unwrap(), compression, ..config(&[kafka.address]) };
        let sink = sink(config);
        sink.deliver(&rows[..200]).await.unwrap();
        sink.deliver(&rows[200..]).await.unwrap();
        sink.deliver(&[modelled()]).await.unwrap();
        let consumed = kafka.consume(topic);
        check(&consumed[..]);
    }
}

fn check(consumed: &[Consumed]) {
    assert_eq!(consumed.len(), 301, "{:?}", values(consumed));
    let mut raw: Vec<u64> = consumed.iter().filter_map(|one| one.value.parse().ok()).collect();
    for line in 0..7 {
        let of_line = consumed.iter().filter(|one| one.key == format!("line/{line}"));
        let (partitions, values): (Vec<usize>, Vec<u64>) =
            of_line.map(|one| (one.partition, one.value.parse::<u64>().unwrap())).unzip();
        let expected = partition(format!("line/{line}").as_bytes(), 3);
        assert!(values.is_sorted() && partitions.iter().all(|partition| *partition == expected));
    }
    raw.sort_unstable();
    assert!(raw.into_iter().eq(0..300));
    let one = consumed.iter().find(|one| one.value == "42").unwrap();
    assert_eq!(one.time_ms, STAMP_MS);
    assert!(
        one.headers.starts_with("tidegate.id:")
            && one.headers.ends_with(",tidegate.class:process,tidegate.topic:line/0")
    );
    let modelled = consumed.iter().find(|one| one.key == "press/7").unwrap();
    assert_eq!(modelled.time_ms, STAMP_MS - 5000);
    assert!(
        modelled.headers.ends_with(",content-type:application/json,tidegate.replay:1"),
        "{}",
        modelled.headers
    );
    assert!(modelled.value.contains("\"temp\":{") && modelled.value.contains("61.25"), "{}", modelled.value);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_broker_refuses_is_a_letter_or_a_setting_and_a_quota_doubles_nothing() {
    let Some(program) =
        program("real::what_a_real_broker_refuses_is_a_letter_or_a_setting_and_a_quota_doubles_nothing")
    else {
        return;
    };
    let kafka = Kafka::start(program).await;
    kafka.create("readings", 2, &["max.message.bytes=20000", "message.timestamp.after.max.ms=60000"]);
    let sink_of = |config: Config| sink(config);
    let plain = sink_of(config(&[kafka.address]));

    let mut early = row(3, "a", "early");
    early.stamp_ms = now_ms();
    let rows = [row(1, "a", "good"), row(2, "a", &"x".repeat(40_000)), early.clone(), row(4, "b", "fine")];
    let rows: Vec<Row> = rows.into_iter().map(|row| Row { stamp_ms: early.stamp_ms, ..row }).collect();
    let mut late = rows.clone();
    late[2].reading.source_ms = Some(early.stamp_ms + 3_600_000);
    let (left, mut poison) = parts(plain.deliver(&late).await.unwrap_err());
    poison.sort_by_key(|poison| poison.row);
    let found: Vec<_> = poison.iter().map(|poison| (poison.row, poison.code)).collect();
    assert_eq!((left, found), (vec![], vec![(1, "TG-KA-003"), (2, "TG-KA-004")]), "{poison:?}");
    assert!(poison[0].reason.contains("MESSAGE_TOO_LARGE"), "{}", poison[0].reason);
    assert!(poison[1].reason.contains("INVALID_TIMESTAMP"), "{}", poison[1].reason);

    let lost = sink_of(Config { topic: "nowhere".parse().unwrap(), ..config(&[kafka.address]) });
    assert_eq!(verdict(&lost.deliver(&rows).await.unwrap_err()), ("misconfigured", "TG-KA-005"));

    // Over the ten seconds that are looked back on; the second of three is beyond it.
    kafka.limit("slow", 1500);
    let slow = sink_of(Config { client_id: "slow".to_owned(), ..config(&[kafka.address]) });
    for at in 0..3 {
        slow.deliver(&[Row {
            stamp_ms: early.stamp_ms,
            ..row(10, "c", &format!("{at}{}", "y".repeat(8000)))
        }])
        .await
        .unwrap();
    }
    let consumed = kafka.consume("readings");
    let mut values: Vec<&str> = consumed.iter().map(|one| &one.value[..one.value.len().min(4)]).collect();
    values.sort_unstable();
    assert_eq!(values, ["0yyy", "1yyy", "2yyy", "fine", "good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_or_knows_the_certificate_writes_and_nobody_else() {
    let Some(program) = program("real::who_logs_in_or_knows_the_certificate_writes_and_nobody_else") else {
        return;
    };
    let kafka = Kafka::start(program).await;
    kafka.create("readings", 1, &[]);
    let login = |mechanism, password: &str| Config {
        login: Some(Login { user: "plant".to_owned(), password: password.to_owned(), mechanism }),
        ..config(&[kafka.guarded])
    };
    for (mechanism, password) in
        [(Mechanism::ScramSha512, PASSWORD), (Mechanism::ScramSha256, PASSWORD), (Mechanism::Plain, "secret")]
    {
        sink(login(mechanism, password)).deliver(&[row(1, "a", "in")]).await.unwrap();
        let setback = sink(login(mechanism, "wrong")).deliver(&[row(1, "a", "out")]).await.unwrap_err();
        assert_eq!(verdict(&setback), ("misconfigured", "TG-KA-006"), "{setback:?}");
    }
    let setback = sink(config(&[kafka.guarded])).deliver(&[row(1, "a", "out")]).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"), "{setback:?}");
    let mut secure = config(&[kafka.secure]);
    secure.brokers[0].tls = true;
    let roots = std::fs::read(tls("ca.pem")).unwrap();
    let trusting = KafkaSink::new(Dialer::new(Resolver::system(), Some(&roots)).unwrap(), secure.clone());
    trusting.deliver(&[row(1, "a", "by TLS")]).await.unwrap();
    let setback = sink(secure).deliver(&[row(1, "a", "out")]).await.unwrap_err();
    assert_eq!(verdict(&setback), ("retry", "TG-KA-001"), "nobody vouches for it: {setback:?}");
    assert_eq!(values(&kafka.consume("readings")), ["in", "in", "in", "by TLS"]);
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since.as_millis() as u64
}
