//! `ingest.pipeline`: how many readings of class `telemetry` one core takes in: admission, a payload of 58 bytes parsed by its
//! device's model, and a sink that throws away. In this process, one thread offering; the sink's work counts as well.

use super::scratch::Scratch;
use super::{Report, Trouble};
use std::time::{Duration, Instant};
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_tags::{Device, Group, ModelConfig, Tag, Template};
use tidegate_kernel_journal::DataFolder;
use tidegate_kernel_lab::{Row, process_cpu, thread_cpu};
use tidegate_service_ingest::{self as ingest, Declined, Ingest, Reading, Setback, Sink, Source};
use tokio::runtime::Builder;

const DEVICES: usize = 2000;
const DURATION: Duration = Duration::from_secs(5);
/// Offers between two looks at the clock.
const STRIDE: usize = 1024;

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let folder = DataFolder::open(&scratch.inner("pipeline"))?;
    let config = ingest::Config { telemetry: vec!["f/#".parse()?], ..ingest::Config::default() };
    let ingest = Ingest::open(folder.queues().clone(), config)?;
    ingest.use_model(&model());
    let exporters = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    ingest.start_sink("null", exporters.handle(), || Null)?;
    report.print(row(&ingest, &readings()?)?);
    exporters.shutdown_timeout(Duration::from_secs(1));
    drop(ingest);
    folder.close();
    Ok(scratch.clear("pipeline")?)
}

/// Takes everything and keeps nothing.
struct Null;

impl Sink for Null {
    async fn deliver(&self, _: &[ingest::Row]) -> Result<(), Setback> {
        Ok(())
    }
}

fn model() -> ModelConfig {
    let tag = |name: &str| Tag { name: name.to_owned(), path: name.to_owned(), ..Tag::default() };
    let tags = ["temp", "vib", "cur"].map(tag).to_vec();
    let groups = vec![Group { name: "all".to_owned(), class: None, tags }];
    let templates = vec![Template { name: "sensor".to_owned(), groups, ..Template::default() }];
    let device = Device { topic: "f/+/t".to_owned(), template: "sensor".to_owned(), ..Device::default() };
    ModelConfig { templates, devices: vec![device], ..ModelConfig::default() }
}

/// Two for each device, whose values differ, so that each is news.
fn readings() -> Result<Vec<Reading>, Trouble> {
    let reading = |at: usize| {
        let (device, value) = (at % DEVICES, if at < DEVICES { "61.20" } else { "61.30" });
        let topic: TopicName = format!("f/{device}/t").parse()?;
        let payload =
            format!(r#"{{"dev":{},"t":1700000,"temp":{value},"vib":0.12,"cur":3.4}}"#, device + 1000);
        Ok(Reading::raw(Source::Mqtt, topic, payload))
    };
    (0..2 * DEVICES).map(reading).collect()
}

fn row(ingest: &Ingest, readings: &[Reading]) -> Result<Row, Trouble> {
    let (began, mine, all) = (Instant::now(), thread_cpu(), process_cpu());
    let mut taken = 0_u64;
    for chunk in readings.chunks(STRIDE).cycle() {
        for reading in chunk {
            offer(ingest, reading)?;
        }
        taken += chunk.len() as u64;
        if began.elapsed() >= DURATION {
            break;
        }
    }
    let (mine, all) = (thread_cpu() - mine, process_cpu() - all);
    let bytes = readings[0].payload().map_or(0, |payload| payload.len());
    Ok(Row {
        scenario: "ingest.pipeline".to_owned(),
        metric: "rate",
        unit: "msg/s",
        value: taken as f64 / all.as_secs_f64(),
        cpu_us_per_op: Some(all.as_secs_f64() * 1e6 / taken as f64),
        load: format!(
            "{DEVICES} devices, {bytes} B of JSON with a model of 3 tags, class telemetry, a sink that throws away; per second of CPU time, of which {:.0} % offering",
            100.0 * mine.as_secs_f64() / all.as_secs_f64()
        ),
        ..Row::default()
    })
}

fn offer(ingest: &Ingest, reading: &Reading) -> Result<(), Trouble> {
    loop {
        match ingest.offer(reading) {
            Ok(_) => return Ok(()),
            Err(Declined::Busy) => std::thread::yield_now(),
            Err(declined) => return Err(declined.into()),
        }
    }
}
