//! `ingest.pipeline`: how many readings of class `telemetry` one core takes in: admission, a payload of 58 bytes parsed by its
//! device's model, one rule on every reading, and a sink that throws away. In this process, one thread offering; the work of the rule
//! and of the sink counts as well, and readings the rule was not shown are told as lost.

use super::scratch::Scratch;
use super::{Report, Trouble};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_rules::{Catalog, Kind, Output, RuleSpec, Severity};
use tidegate_engine_tags::{Device, Group, ModelConfig, Tag, Template};
use tidegate_kernel_journal::DataFolder;
use tidegate_kernel_lab::{Row, process_cpu, thread_cpu};
use tidegate_service_ingest::{
    self as ingest, Declined, HeardCounts, Ingest, Reading, Rules, RulesConfig, Setback, Sink, Source,
};
use tokio::runtime::Builder;

const DEVICES: usize = 2000;
const DURATION: Duration = Duration::from_secs(5);
/// Offers between two looks at the clock and at the rule.
const STRIDE: usize = 1024;
/// Readings the rule may be behind before it is waited for; half of what it would be shown of.
const BEHIND_MAX: u64 = 16_384;
const WAIT: Duration = Duration::from_micros(200);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let folder = DataFolder::open(&scratch.inner("pipeline"))?;
    let config = ingest::Config { telemetry: vec!["f/#".parse()?], ..ingest::Config::default() };
    let ingest = Arc::new(Ingest::open(folder.queues().clone(), config)?);
    ingest.use_model(&model());
    let exporters = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    ingest.start_sink("null", exporters.handle(), || Null)?;
    let rules = ingest.start_rules(&rule(), None, exporters.handle())?;
    report.print(row(&ingest, &rules, &readings()?)?);
    drop(rules);
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

/// One rule, which each reading of each device sets off.
fn rule() -> RulesConfig {
    let devices: Vec<String> = (0..DEVICES).map(|device| format!("d{device}")).collect();
    let mut catalog = Catalog::default();
    catalog.insert_open("temp", Kind::Number);
    let alarm = Output::Alarm { severity: Severity::High, text: "too hot".to_owned() };
    let text = "$device.temp raise > 80 clear < 75".to_owned();
    let rules = vec![RuleSpec { name: "hot".to_owned(), text, devices, outputs: vec![alarm] }];
    RulesConfig { rules, catalog, ..RulesConfig::default() }
}

/// Two for each device, whose values differ, so that each is news.
fn readings() -> Result<Vec<Reading>, Trouble> {
    let reading = |at: usize| {
        let (device, value) = (at % DEVICES, if at < DEVICES { "61.20" } else { "61.30" });
        let topic: TopicName = format!("f/d{device}/t").parse()?;
        let payload =
            format!(r#"{{"dev":{},"t":1700000,"temp":{value},"vib":0.12,"cur":3.4}}"#, device + 1000);
        Ok(Reading::raw(Source::Mqtt, topic, payload))
    };
    (0..2 * DEVICES).map(reading).collect()
}

fn row(ingest: &Ingest, rules: &Rules, readings: &[Reading]) -> Result<Row, Trouble> {
    let (began, mine, all) = (Instant::now(), thread_cpu(), process_cpu());
    let mut taken = 0_u64;
    for chunk in readings.chunks(STRIDE).cycle() {
        for reading in chunk {
            offer(ingest, reading)?;
        }
        taken += chunk.len() as u64;
        wait_for(rules, BEHIND_MAX);
        if began.elapsed() >= DURATION {
            break;
        }
    }
    let mine = thread_cpu() - mine;
    let heard = wait_for(rules, 0);
    let all = process_cpu() - all;
    let bytes = readings[0].payload().map_or(0, |payload| payload.len());
    Ok(Row {
        scenario: "ingest.pipeline".to_owned(),
        metric: "rate",
        unit: "msg/s",
        value: taken as f64 / all.as_secs_f64(),
        cpu_us_per_op: Some(all.as_secs_f64() * 1e6 / taken as f64),
        lost: Some(taken - heard.seen),
        load: format!(
            "{DEVICES} devices, {bytes} B of JSON with a model of 3 tags, class telemetry, a rule on each reading, a sink that throws away; per second of CPU time, of which {:.0} % offering",
            100.0 * mine.as_secs_f64() / all.as_secs_f64()
        ),
        ..Row::default()
    })
}

/// Until the rule has looked at all but so many.
fn wait_for(rules: &Rules, behind_max: u64) -> HeardCounts {
    loop {
        let heard = rules.report().telemetry;
        if heard.waiting <= behind_max {
            return heard;
        }
        std::thread::park_timeout(WAIT);
    }
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
