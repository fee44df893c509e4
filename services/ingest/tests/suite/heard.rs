//! Rules on class telemetry: what follows is in the journal once, also over a crash, which takes what was only in memory.

use crate::rules::{cut, segment_of};
use crate::site::{Mood, PATIENCE, Probe, Site};
use std::fs;
use std::time::Instant;
use tempfile::TempDir;
use tidegate_engine_rules::{Catalog, Kind, Output, RuleSpec, Severity};
use tidegate_engine_tags::{Device, Group, ModelConfig, Tag, Template};
use tidegate_kernel_journal::ReadLimit;
use tidegate_kernel_plug::Capability;
use tidegate_service_ingest::{READINGS, Rules, RulesConfig, Source};
use tokio::runtime::Handle;

/// Presses below `live`, so of class telemetry.
fn model() -> ModelConfig {
    let tag = |name: &str| Tag { name: name.to_owned(), path: name.to_owned(), ..Tag::default() };
    let groups = vec![Group { name: "all".to_owned(), class: None, tags: vec![tag("temp"), tag("vib")] }];
    let templates = vec![Template { name: "press".to_owned(), groups, ..Template::default() }];
    let topic = "live/+/data".to_owned();
    let devices = vec![Device { topic, template: "press".to_owned(), ..Device::default() }];
    ModelConfig { templates, devices, ..ModelConfig::default() }
}

fn rule(name: &str, text: &str, output: Output) -> RuleSpec {
    RuleSpec { name: name.to_owned(), text: text.to_owned(), devices: vec![], outputs: vec![output] }
}

fn alarm(name: &str, text: &str) -> RuleSpec {
    rule(name, text, Output::Alarm { severity: Severity::High, text: "see to it".to_owned() })
}

fn derive(name: &str, text: &str, tag: &str) -> RuleSpec {
    rule(name, text, Output::Derive { tag: tag.to_owned(), every_ms: 0 })
}

fn start(dir: &TempDir, rules: Vec<RuleSpec>) -> (Site, Rules) {
    let site = Site::open(dir);
    site.ingest.use_model(&model());
    let mut catalog = Catalog::of_topics();
    ["temp", "vib"].iter().for_each(|tag| catalog.insert_open(tag, Kind::Number));
    let config = RulesConfig { rules, catalog, ..RulesConfig::default() };
    let rules = site.ingest.start_rules(&config, None, &Handle::current()).unwrap();
    (site, rules)
}

async fn until(asked: impl Fn() -> bool) {
    let met = async {
        while !asked() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.expect("it comes to that");
}

/// Until rules have looked at so many values, and at all that is in the journal.
async fn seen(rules: &Rules, many: u64) {
    let done = |rules: &Rules| rules.report().totals.evaluations >= many && rules.report().lag == 0;
    until(|| done(rules)).await;
}

/// The changes of alarms, once there are so many.
async fn changes(rules: &Rules, many: usize) -> Vec<(String, &'static str)> {
    let all = || rules.alarms().since(0).unwrap().events;
    until(|| all().len() >= many).await;
    all().into_iter().map(|event| (event.fact.key.clone(), event.fact.change.name())).collect()
}

/// How many readings rules have made.
fn derived(site: &Site) -> usize {
    site.sync();
    let limit = ReadLimit { records: 100_000, bytes: 64 << 20 };
    let records = site.folder.queues().read(READINGS, 0, limit).unwrap().0;
    records.iter().filter(|record| record.payload[1] == 5).count()
}

fn press(site: &Site, temp: f64) {
    site.publish("live/press-7/data", &format!("{{\"temp\":{temp}}}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_telemetry_is_in_the_journal_and_the_accounts_close() {
    let dir = TempDir::new().unwrap();
    let rules = vec![
        alarm("hot", "press-7.temp raise > 80 clear < 75"),
        derive("double", "press-7.temp * 2", "line-7.double"),
        alarm("warm", "line-7.double > 150"),
        alarm("raw", "`live/plain` > 3"),
        derive("mean", "avg(`+.temp`, 1 min)", "line-7.mean"),
    ];
    let (site, rules) = start(&dir, rules);
    let probe = Probe::new(Mood::Takes);
    site.sink(&probe);
    [70.0, 85.0, 60.0].iter().for_each(|temp| press(&site, *temp));
    site.publish("live/plain", "5");
    let told = changes(&rules, 5).await;
    let of =
        |key: &str| told.iter().filter(|(of, _)| of == key).map(|(_, change)| *change).collect::<Vec<_>>();
    assert_eq!(
        (of("hot"), of("warm"), of("raw")),
        (vec!["raised", "cleared"], vec!["raised", "cleared"], vec!["raised"])
    );
    until(|| derived(&site) == 6).await;
    let heard = rules.report().telemetry;
    assert_eq!((heard.seen, heard.shed, heard.waiting), (4, 0, 0));
    let accounts = site.accounts(|accounts| accounts.routing.derived == 6).await;
    assert_eq!((accounts.routing.accepted, accounts.routing.difference), (4, 0));
    assert!(accounts.sinks.iter().all(|sink| sink.difference == 0), "{accounts:?}");
    let rows = probe.rows(7).await;
    assert_eq!(rows.iter().filter(|row| row.reading.source == Source::Rule).count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_telemetry_raised_stays_over_a_crash_and_is_neither_doubled_nor_lost() {
    let dir = TempDir::new().unwrap();
    let texts = || vec![alarm("hot", "press-7.temp > 80"), alarm("many", "count(press-7.temp, 1 h) > 2")];
    let (site, rules) = start(&dir, texts());
    [85.0, 86.0].iter().for_each(|temp| press(&site, *temp));
    assert_eq!(changes(&rules, 1).await.len(), 1);
    seen(&rules, 4).await;
    site.crash();
    let (site, rules) = start(&dir, texts());
    press(&site, 87.0);
    seen(&rules, 2).await;
    assert_eq!(
        changes(&rules, 1).await,
        [("hot".to_owned(), "raised")],
        "the window of the other began anew"
    );
    press(&site, 60.0);
    assert_eq!(changes(&rules, 2).await[1], ("hot".to_owned(), "cleared"));
    site.crash();
    let (site, rules) = start(&dir, texts());
    press(&site, 90.0);
    assert_eq!(changes(&rules, 3).await[2], ("hot".to_owned(), "raised"));
    let accounts = site.ingest.accounts();
    assert_eq!((accounts.admission.crashes, accounts.admission.difference), (2, 0));
    assert!(accounts.admission.lost_at_crash_max >= 3, "what was only in memory is within the bound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_reads_both_is_not_decided_anew_from_the_journal_alone() {
    let dir = TempDir::new().unwrap();
    let texts = || {
        vec![
            alarm("both", "line-7.ready and press-7.temp > 80"),
            alarm("quiet", "missing(press-7.temp, 1 h)"),
        ]
    };
    let ready = || derive("ready", "`line/7/state` > 0", "line-7.ready");
    let (site, rules) = start(&dir, [texts(), vec![ready()]].concat());
    press(&site, 85.0);
    seen(&rules, 1).await;
    site.publish("line/7/state", "1");
    assert_eq!(changes(&rules, 1).await, [("both".to_owned(), "raised")]);
    press(&site, 60.0);
    assert_eq!(changes(&rules, 2).await[1], ("both".to_owned(), "cleared"));
    site.crash();
    let (site, rules) = start(&dir, [texts(), vec![ready()]].concat());
    site.publish("line/7/state", "1");
    seen(&rules, 2).await;
    press(&site, 90.0);
    assert_eq!(changes(&rules, 3).await[2], ("both".to_owned(), "raised"));
    assert_eq!(changes(&rules, 3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_looks_at_the_last_telemetry() {
    let dir = TempDir::new().unwrap();
    let (site, _rules) = start(&dir, vec![derive("double", "press-7.temp * 2", "line-7.double")]);
    (0..500).for_each(|at| press(&site, f64::from(at)));
    assert_eq!(site.ingest.drain(Instant::now() + PATIENCE).await, []);
    assert_eq!(derived(&site), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_doubles_and_loses_no_alarm_that_follows_from_telemetry() {
    let dir = TempDir::new().unwrap();
    let texts = || vec![alarm("hot", "press-7.temp raise > 80 clear < 75")];
    let (site, rules) = start(&dir, texts());
    for round in 0..12 {
        press(&site, if round % 2 == 0 { 85.0 } else { 60.0 });
        seen(&rules, round + 1).await;
        changes(&rules, round as usize + 1).await;
    }
    site.crash();
    let bytes = fs::read(segment_of(dir.path())).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    for at in (end / 4..end).step_by((end / 24) as usize) {
        let copy = TempDir::new().unwrap();
        cut(dir.path(), copy.path(), at);
        let (site, rules) = start(&copy, texts());
        for temp in [60.0, 85.0] {
            let before = rules.report().telemetry.seen;
            press(&site, temp);
            until(|| rules.report().telemetry.seen > before).await;
        }
        until(|| rules.alarms().list().iter().any(|(_, alarm)| alarm.active)).await;
        site.sync();
        let told = changes(&rules, 1).await;
        let alternates =
            told.iter().zip(["raised", "cleared"].iter().cycle()).all(|((_, one), other)| one == other);
        assert!(alternates && told.len() % 2 == 1, "cut at {at} of {end}: {told:?}");
        site.crash();
    }
}
