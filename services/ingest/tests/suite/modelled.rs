//! Readings of devices with a model: what is journaled, absorbed, malformed, and that the sums close over all of it.

use crate::site::{Mood, Probe, Site, config, reading};
use proptest::prelude::*;
use tempfile::TempDir;
use tidegate_engine_tags::{Deadband, Device, Group, ModelConfig, Shape, Tag, TagClass, Template};
use tidegate_kernel_journal::{DataFolder, FolderOptions, Options};
use tidegate_service_ingest::{
    Body, Class, Config, Declined, Ingest, Point, Points, Quality, Reading, Source, UnknownDevices, Value,
};

fn model(unit: &str) -> ModelConfig {
    let tag = |name: &str, class, deadband| Tag {
        name: name.to_owned(),
        path: name.to_owned(),
        class,
        unit: unit.to_owned(),
        shape: Shape { deadband, ..Shape::default() },
        ..Tag::default()
    };
    let tags = vec![
        tag("temp", None, Deadband::Absolute(1.0)),
        tag("stop", Some(TagClass::Critical), Deadband::Absolute(0.0)),
        tag("vib", Some(TagClass::Telemetry), Deadband::None),
    ];
    let groups = vec![Group { name: "all".to_owned(), class: None, tags }];
    let templates = vec![Template { name: "press".to_owned(), groups, ..Template::default() }];
    let topic = "line/+/data".to_owned();
    let devices = vec![Device { topic, template: "press".to_owned(), ..Device::default() }];
    ModelConfig { templates, devices, ..ModelConfig::default() }
}

fn open(dir: &TempDir) -> Site {
    on(DataFolder::open(dir.path()).unwrap())
}

fn on(folder: DataFolder) -> Site {
    let site = Site::on(folder, Config { unknown_devices: UnknownDevices::Quarantine, ..config() });
    site.ingest.use_model(&model("C"));
    site
}

fn points(reading: &Reading) -> &Points {
    match &reading.body {
        Body::Points(points) => points,
        Body::Raw(payload) => panic!("points, not {payload:?}"),
    }
}

fn assert_closes(ingest: &Ingest) {
    let accounts = ingest.accounts();
    let admission = &accounts.admission;
    let differences = [admission.difference, admission.sources_difference, accounts.routing.difference];
    assert_eq!(differences, [0; 3], "{accounts:?}");
    assert!(accounts.sinks.iter().all(|sink| sink.difference == 0), "{:?}", accounts.sinks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_the_sink_is_the_device_and_its_points() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/press-7/data", "{\"temp\":61.2,\"other\":true}");
    site.publish("line/press-7/data", "{\"temp\":62.5,\"stop\":1}");
    let rows = probe.rows(2).await;
    let first = points(&rows[0].reading);
    assert_eq!((&*first.device, first.points.len(), &*first.points[0].tag), ("press-7", 1, "temp"));
    assert_eq!((&first.points[0].value, first.points[0].quality), (&Value::Real(61.2), Quality::Good));
    assert!(first.points[0].source_ms >= rows[0].stamp_ms - 1000);
    assert_eq!((rows[0].class, rows[1].class), (Class::Process, Class::Critical));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_news_is_dropped_point_by_point_and_counted_when_none_is_left() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    for payload in [
        "{\"temp\":20,\"stop\":0}",
        "{\"temp\":20.5,\"stop\":0}",
        "{\"temp\":20.5,\"stop\":1}",
        "{\"temp\":22}",
    ] {
        site.publish("line/press-7/data", payload);
    }
    let rows = probe.rows(3).await;
    let tags =
        |at: usize| points(&rows[at].reading).points.iter().map(|point| &*point.tag).collect::<Vec<_>>();
    assert_eq!((tags(0), tags(1), tags(2)), (vec!["temp", "stop"], vec!["stop"], vec!["temp"]));
    let accounts = site.accounts(|accounts| accounts.sinks.iter().all(|sink| sink.in_flight == 0)).await;
    let critical = &accounts.sinks[0];
    assert_eq!(
        (critical.class, critical.routed, critical.delivered, critical.absorbed),
        (Class::Critical, 3, 2, 1)
    );
    assert_eq!(accounts.admission.accepted, 4);
    assert_closes(&site.ingest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_could_not_be_taken_is_still_news() {
    let dir = TempDir::new().unwrap();
    // A segment is full in less time than the next one takes to be made.
    let queues = Options { segment_bytes: [32 << 10; 3], ..Options::queues() };
    let options = FolderOptions { queues, ..FolderOptions::default() };
    let site = on(DataFolder::open_with(dir.path(), options).unwrap());
    let mut number = 0;
    let busy = loop {
        number += 10;
        let payload = format!("{{\"temp\":{number}}}");
        if site.ingest.offer(&reading("line/press-7/data", &payload)).err() == Some(Declined::Busy) {
            break payload;
        }
    };
    let again = async {
        while site.ingest.offer(&reading("line/press-7/data", &busy)).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::site::PATIENCE, again).await.unwrap();
    let account = site.ingest.accounts().admission;
    assert_eq!((account.accepted, account.sources[0].absorbed), (number / 10, 0));
}

#[test]
fn a_payload_its_model_can_make_nothing_of_is_malformed_with_its_code() {
    let dir = TempDir::new().unwrap();
    let site = open(&dir);
    for (payload, code) in [("{", "TG-TA-010"), ("{}", "TG-TA-014"), ("{\"temp\":\"hot\"}", "TG-TA-020")] {
        let declined = site.ingest.offer(&reading("line/press-7/data", payload)).unwrap_err();
        assert_eq!(declined, Declined::Malformed { code });
        assert_eq!(site.ingest.accounts().admission.malformed_by_code[code], 1);
    }
    assert_eq!(site.ingest.accounts().admission.received, 3);
    assert_closes(&site.ingest);
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_of_a_model_is_in_memory_and_not_in_the_journal() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/press-7/data", "{\"vib\":0.1}");
    let rows = probe.rows(1).await;
    assert_eq!(
        (rows[0].class, &points(&rows[0].reading).points[0].value),
        (Class::Telemetry, &Value::Real(0.1))
    );
}

#[test]
fn what_rules_make_is_derived_and_not_received_and_only_another_model_makes_all_news() {
    let dir = TempDir::new().unwrap();
    let site = open(&dir);
    let derived = Points { device: "press-7".into(), points: vec![] };
    let made = Reading::points(Source::Rule, "line/press-7/derived".parse().unwrap(), derived);
    site.ingest.offer(&made).unwrap();
    let accounts = site.ingest.accounts();
    assert_eq!((accounts.admission.received, accounts.routing.derived, accounts.routing.unrouted), (0, 1, 1));
    site.publish("line/press-7/data", "{\"temp\":20}");
    site.ingest.use_model(&model("K"));
    site.publish("line/press-7/data", "{\"temp\":20}");
    assert_eq!(site.ingest.accounts().admission.sources[0].absorbed, 0);
    site.ingest.use_model(&model("K"));
    site.publish("line/press-7/data", "{\"temp\":20}");
    assert_eq!(site.ingest.accounts().admission.sources[0].absorbed, 1);
    assert_closes(&site.ingest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_driver_read_goes_through_the_model_as_what_was_published_does() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let read = |temp: f64, quality| {
        let point = |tag: &str, value, source_ms| Point { tag: tag.into(), value, quality, source_ms };
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now_ms = since.as_millis() as u64;
        let points = vec![point("temp", Value::Real(temp), now_ms), point("stop", Value::Integer(0), now_ms)];
        let points = Points { device: "press-7".into(), points };
        let reading = Reading::points(Source::Driver, "line/press-7/data".parse().unwrap(), points);
        site.ingest.offer(&reading).unwrap()
    };
    read(20.0, Quality::Good);
    read(20.5, Quality::Good);
    read(20.5, Quality::Bad);
    let rows = probe.rows(2).await;
    let told =
        |at: usize| points(&rows[at].reading).points.iter().map(|point| point.quality).collect::<Vec<_>>();
    assert_eq!((told(0), told(1)), (vec![Quality::Good; 2], vec![Quality::Bad; 2]));
    assert_eq!((rows[0].class, rows[0].reading.source), (Class::Critical, Source::Driver));
    let account = site.ingest.accounts().admission.sources[0];
    assert_eq!((account.source, account.accepted, account.absorbed), ("driver", 3, 1));
    assert_closes(&site.ingest);
}

#[derive(Debug, Clone)]
enum Event {
    Send(&'static str, &'static str),
    Crash,
    Quarantine,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let topics = ["line/a/data", "line/b/data", "live/1", "known/1", "strange/1", "alarm/1", "line/../data"];
    let payloads = [
        "{\"temp\":1}",
        "{\"temp\":1.2}",
        "{\"temp\":5,\"stop\":1}",
        "{\"vib\":1}",
        "{\"temp\":\"x\"}",
        "{",
        "",
    ];
    let send = (prop::sample::select(topics.to_vec()), prop::sample::select(payloads.to_vec()));
    let event = prop_oneof![
        30 => send.prop_map(|(topic, payload)| Event::Send(topic, payload)),
        1 => Just(Event::Crash),
        1 => Just(Event::Quarantine),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_sums_close_over_any_history_with_crashes(events in events()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _entered = runtime.enter();
        let dir = TempDir::new().unwrap();
        let start = || {
            let site = open(&dir);
            site.sink(&Probe::new(Mood::Takes));
            site
        };
        let mut site = start();
        let mut sent = 0;
        for event in events {
            match event {
                Event::Send(topic, payload) => {
                    let offered = site.ingest.offer(&reading(topic, payload));
                    sent += u64::from(offered.err() != Some(Declined::Busy));
                }
                Event::Quarantine => drop(site.ingest.release_quarantine()),
                Event::Crash => { site.crash(); site = start() }
            }
            assert_closes(&site.ingest);
            let account = site.ingest.accounts().admission;
            prop_assert!(account.received <= sent && sent <= account.received + account.lost_at_crash_max);
        }
    }
}
