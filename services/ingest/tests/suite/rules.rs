//! Rules on a real journal: what they put out, that a crash doubles and loses none of it, alarms, commands, trials.

use crate::site::{Mood, PATIENCE, Probe, Site};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tempfile::TempDir;
use tidegate_engine_rules::{AlarmChange, AlarmState, Catalog, Output, RuleSpec, Severity, ShadowTerm};
use tidegate_kernel_plug::{Capability, Principal, exposition};
use tidegate_service_ingest::{
    AlarmEvent, Body, Command, CommandOut, CommandState, NotSent, READINGS, Row, Rules, RulesConfig, Sending,
    Settle, Source, Told, Value,
};
use tokio::runtime::Handle;

const TRIAL: ShadowTerm = ShadowTerm { duration_ms: 3_600_000, evaluations_max: 1_000_000, automatic: false };

fn rule(name: &str, text: &str, output: Output) -> RuleSpec {
    RuleSpec { name: name.to_owned(), text: text.to_owned(), devices: vec![], outputs: vec![output] }
}

fn alarm(name: &str, text: &str) -> RuleSpec {
    rule(name, text, Output::Alarm { severity: Severity::High, text: "too hot".to_owned() })
}

fn derive(name: &str, text: &str, tag: &str) -> RuleSpec {
    rule(name, text, Output::Derive { tag: tag.to_owned(), every_ms: 0 })
}

fn stop() -> RuleSpec {
    let topic = "line/7/stop".to_owned();
    rule("stop", "`line/7/temp` > 90", Output::Command { topic, came: Some("1".to_owned()), went: None })
}

/// An alarm with hysteresis and a derived tag, both of one topic.
fn both() -> Vec<RuleSpec> {
    let hot = alarm("hot", "`line/7/temp` raise > 80 clear < 75");
    vec![hot, derive("fahrenheit", "`line/7/temp` * 1.8 + 32", "line-7.fahrenheit")]
}

fn start(site: &Site, rules: Vec<RuleSpec>) -> Rules {
    let config = RulesConfig { rules, ..RulesConfig::default() };
    site.ingest.start_rules(&config, None, &Handle::current()).unwrap()
}

async fn until(asked: impl Fn() -> bool) {
    let met = async {
        while !asked() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, met).await.expect("it comes to that");
}

/// Until rules have looked at everything, what they derived included.
async fn seen(rules: &Rules) {
    until(|| rules.report().lag == 0).await;
}

fn derived(rows: &[Row]) -> Vec<(u64, f64)> {
    let point = |row: &Row| match &row.reading.body {
        Body::Points(points) if row.reading.source == Source::Rule => match points.points[0].value {
            Value::Real(real) => Some((points.points[0].source_ms, real)),
            _ => None,
        },
        _ => None,
    };
    rows.iter().filter_map(point).collect()
}

fn words(events: &[AlarmEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.fact.change.name()).collect()
}

async fn events(rules: &Rules, many: usize) -> Vec<AlarmEvent> {
    until(|| rules.alarms().since(0).unwrap().events.len() >= many).await;
    rules.alarms().since(0).unwrap().events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_becomes_a_derived_one_and_an_alarm_and_the_accounts_close() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let rules = start(&site, both());
    ["70", "85", "78", "hot", "60"].iter().for_each(|payload| site.publish("line/7/temp", payload));
    let rows = probe.rows(9).await;
    let values: Vec<f64> = derived(&rows).iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [158.0, 185.0, 172.4, 140.0]);
    let of_rule = rows.iter().find(|row| row.reading.source == Source::Rule).unwrap();
    assert_eq!(of_rule.reading.topic.as_str(), "derived/line-7/fahrenheit");
    assert_eq!(words(&events(&rules, 2).await), ["raised", "cleared"]);
    let accounts = site.accounts(|accounts| accounts.sinks[1].delivered == 9).await;
    let routing = accounts.routing;
    assert_eq!((routing.accepted, routing.derived, routing.routed, routing.difference), (5, 4, 9, 0));
    assert_eq!((accounts.admission.received, accounts.admission.difference), (5, 0));
    until(|| rules.report().totals.unknown.get("wrong_kind") == Some(&2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_reads_what_another_derives() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, vec![both().remove(1), alarm("warm", "line-7.fahrenheit > 150")]);
    site.publish("line/7/temp", "70");
    assert_eq!(events(&rules, 1).await[0].fact.key, "warm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_time_ends_although_nothing_comes() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, vec![alarm("hot", "`line/7/temp` > 80 for 100 ms")]);
    site.publish("line/7/temp", "81");
    assert_eq!(words(&events(&rules, 1).await), ["raised"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_acknowledged_and_shelved_by_name_and_the_feed_tells_from_any_offset() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, both());
    let li = Principal { name: "li".to_owned(), ..Principal::anonymous() };
    let nobody = rules.alarms().acknowledge("hot", &li).await.unwrap_err();
    assert_eq!(nobody.code(), "TG-AL-001");
    site.publish("line/7/temp", "85");
    let raised = events(&rules, 1).await[0].offset;
    let offset = rules.alarms().acknowledge("hot", &li).await.unwrap();
    rules.alarms().shelve("hot", &li, 60_000).await.unwrap();
    assert_eq!(rules.alarms().shelve("hot", &li, u64::MAX).await.unwrap_err().code(), "TG-AL-003");
    let page = rules.alarms().since(raised).unwrap();
    assert_eq!((words(&page.events), page.events[0].offset), (vec!["acknowledged", "shelved"], offset));
    assert_eq!(page.events[0].fact.change, AlarmChange::Acknowledged { by: "li".to_owned() });
    assert_eq!(rules.alarms().list()[0].1.state(), AlarmState::Shelved);
    let counts = rules.alarms().counts();
    assert_eq!((counts.active, counts.unacknowledged, counts.shelved), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_alarms_and_their_acknowledgement_outlive_the_process() {
    let dir = TempDir::new().unwrap();
    let counting =
        || vec![alarm("many", "count(`line/7/temp`, 1 h) > 3"), alarm("hot", "`line/7/temp` > 80")];
    for orderly in [true, false] {
        let site = Site::open(&dir);
        let rules = start(&site, counting());
        (0..2).for_each(|_| site.publish("line/7/temp", "85"));
        seen(&rules).await;
        if orderly {
            rules.alarms().acknowledge("hot", &Principal::anonymous()).await.unwrap();
            assert_eq!(site.ingest.drain(Instant::now() + PATIENCE).await, []);
        } else {
            assert_eq!(words(&events(&rules, 3).await), ["raised", "acknowledged", "raised"]);
            assert!(rules.alarms().list().iter().any(|(key, alarm)| key == "hot" && alarm.acknowledged));
        }
        site.crash();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_delivers_what_rules_derive_at_the_last_moment() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    start(&site, both());
    (0..500).for_each(|at| site.publish("line/7/temp", &at.to_string()));
    assert_eq!(site.ingest.drain(Instant::now() + PATIENCE).await, []);
    assert_eq!(derived(&probe.rows_now()).len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_set_is_compared_and_then_takes_over() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, both());
    assert_eq!(rules.switch().await.unwrap_err().code(), "TG-RU-014");
    site.publish("line/7/temp", "85");
    events(&rules, 1).await;
    let changed = [alarm("hot", "`line/7/temp` > 90"), alarm("cold", "`line/7/temp` < 82")];
    rules.try_out(&changed, &Catalog::of_topics(), TRIAL).await.unwrap();
    ["86", "81"].iter().for_each(|payload| site.publish("line/7/temp", payload));
    until(|| rules.report().shadow.is_some_and(|shadow| shadow.rules[0].disagreed == 2)).await;
    assert_eq!(rules.report().shadow.unwrap().rules[1].alone, 2);
    assert_eq!(events(&rules, 1).await.len(), 1, "a set on trial raises nothing");
    rules.switch().await.unwrap();
    let changes = events(&rules, 3).await;
    assert_eq!(words(&changes), ["raised", "cleared", "raised"]);
    assert_eq!(changes[2].fact.key, "cold");
    assert_eq!(rules.report().totals.evaluations, 6, "what was counted on trial is no part of it");
    let names: Vec<String> = rules.report().rules.into_iter().map(|rule| rule.rule).collect();
    assert_eq!(names, ["hot", "cold"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_change_is_refused_and_the_rules_in_force_go_on() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, both());
    let refused = |spec: RuleSpec| {
        let rules = &rules;
        async move { rules.try_out(&[spec], &Catalog::of_topics(), TRIAL).await.unwrap_err().code() }
    };
    assert_eq!(refused(alarm("hot", "`line/7/temp` >")).await, "TG-RU-001");
    assert_eq!(refused(alarm("hot", "`line/7/temp` / 0 > 1")).await, "TG-RU-004");
    assert_eq!(refused(derive("mean", "`line/7/temp` * 2", "double")).await, "TG-RU-011");
    let again = site.ingest.start_rules(&RulesConfig::default(), None, &Handle::current()).unwrap_err();
    assert_eq!(again.code(), "TG-RU-016");
    site.publish("line/7/temp", "85");
    assert_eq!(words(&events(&rules, 1).await), ["raised"]);
}

/// A receiver of commands that is busy at first.
#[derive(Default)]
struct Actuator {
    refusals: Mutex<u32>,
    /// Why it refuses; it is busy where that is not said.
    refusal: Option<NotSent>,
    taken: Mutex<Vec<Command>>,
}

impl CommandOut for Actuator {
    fn send<'a>(&'a self, command: &'a Command, settle: Settle<'a>) -> Sending<'a> {
        Box::pin(async move {
            let mut refusals = self.refusals.lock().unwrap();
            if *refusals > 0 {
                *refusals -= 1;
                return Err(self.refusal.unwrap_or(NotSent::Later));
            }
            // Whoever sees in the accounts that it is settled finds it here.
            let mut taken = self.taken.lock().unwrap();
            settle(&[]).map_err(|_| NotSent::Unknown)?;
            taken.push(command.clone());
            Ok(())
        })
    }
}

/// The story of the reading with this payload, told when all of it is on disk.
fn story(site: &Site, id: &str) -> Told {
    site.sync();
    site.ingest.story(id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_sent_once_when_its_receiver_takes_it() {
    let dir = TempDir::new().unwrap();
    let (site, actuator) =
        (Site::open(&dir), Arc::new(Actuator { refusals: Mutex::new(1), ..Actuator::default() }));
    let config = RulesConfig { rules: vec![stop()], ..RulesConfig::default() };
    site.ingest.start_rules(&config, Some(actuator.clone()), &Handle::current()).unwrap();
    ["91", "95", "20"].iter().for_each(|payload| site.publish("line/7/temp", payload));
    until(|| !actuator.taken.lock().unwrap().is_empty()).await;
    let taken = actuator.taken.lock().unwrap().clone();
    assert_eq!((taken.len(), taken[0].topic.as_str(), &taken[0].payload[..]), (1, "line/7/stop", &b"1"[..]));
    assert_eq!(taken[0].rule.as_str(), "stop");
    let account = site.accounts(|accounts| accounts.commands.published == 1).await.commands;
    assert_eq!((account.decided, account.waiting, account.difference), (1, 0, 0));
    let Told::Reading(story_of_reading) = story(&site, &taken[0].cause.to_string()) else {
        panic!("a reading")
    };
    let Told::Command(told) = story(&site, &taken[0].id.to_string()) else { panic!("a command") };
    assert_eq!(
        (told.state, told.topic.as_str(), told.rule.as_str()),
        (CommandState::Published, "line/7/stop", "stop")
    );
    assert_eq!(story_of_reading.commands, [told]);
    assert_eq!(story_of_reading.topic, "line/7/temp");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_nobody_hears_or_that_are_refused_are_accounted_for_and_told_of() {
    for (refusal, state, code) in [
        (NotSent::Unheard, CommandState::Unheard, None),
        (NotSent::Never { code: "TG-JR-002" }, CommandState::Refused, Some("TG-JR-002")),
    ] {
        let dir = TempDir::new().unwrap();
        let actuator = Actuator { refusals: Mutex::new(1), refusal: Some(refusal), ..Actuator::default() };
        let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
        site.sink(&probe);
        let config = RulesConfig { rules: vec![stop()], ..RulesConfig::default() };
        site.ingest.start_rules(&config, Some(Arc::new(actuator)), &Handle::current()).unwrap();
        site.publish("line/7/temp", "91");
        let account =
            site.accounts(|accounts| accounts.commands.decided == 1 && accounts.commands.waiting == 0);
        let account = account.await.commands;
        assert_eq!((account.published, account.unheard + account.refused, account.difference), (0, 1, 0));
        let Told::Reading(told) = story(&site, &probe.rows(1).await[0].id.to_string()) else {
            panic!("a reading")
        };
        assert_eq!((told.commands[0].state, told.commands[0].code.as_deref()), (state, code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_settled_is_not_sent_again_after_a_restart_and_one_that_was_not_is() {
    let dir = TempDir::new().unwrap();
    for expected in [vec!["line/7/stop"], vec![], vec![]] {
        let (site, actuator) = (Site::open(&dir), Arc::new(Actuator::default()));
        let config = RulesConfig { rules: vec![stop()], ..RulesConfig::default() };
        let rules = site.ingest.start_rules(&config, Some(actuator.clone()), &Handle::current()).unwrap();
        site.publish("line/7/temp", "91");
        seen(&rules).await;
        site.accounts(|accounts| accounts.commands.decided == 1 && accounts.commands.waiting == 0).await;
        let taken: Vec<_> = actuator.taken.lock().unwrap().iter().map(|one| one.topic.to_string()).collect();
        assert_eq!(taken, expected);
        site.crash();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_sent_in_time_is_given_up_and_counted() {
    let dir = TempDir::new().unwrap();
    let (site, actuator) =
        (Site::open(&dir), Arc::new(Actuator { refusals: Mutex::new(u32::MAX), ..Actuator::default() }));
    let config = RulesConfig { rules: vec![stop()], command_age_ms_max: 1, ..RulesConfig::default() };
    site.ingest.start_rules(&config, Some(actuator), &Handle::current()).unwrap();
    site.publish("line/7/temp", "91");
    let expired = "tidegate_ingest_rules_commands_total{outcome=\"expired\"} 1";
    until(|| exposition(&site.ingest.metrics()).lines().any(|line| line == expired)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_of_rules_and_alarms() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, both());
    ["85", "x"].iter().for_each(|payload| site.publish("line/7/temp", payload));
    until(|| rules.report().totals.unknown.get("wrong_kind") == Some(&2)).await;
    let page = exposition(&site.ingest.metrics());
    for sample in [
        "tidegate_ingest_rules_running_state 1",
        "tidegate_ingest_rules_evaluations_total 4",
        "tidegate_ingest_rules_unknown_total{reason=\"wrong_kind\"} 2",
        "tidegate_ingest_rules_outcomes_total{outcome=\"alarm_raised\"} 1",
        "tidegate_ingest_alarms_count{state=\"unacknowledged\"} 1",
        "tidegate_ingest_derived_readings_total 1",
        "tidegate_ingest_accepted_readings_total{source=\"mqtt\",class=\"process\"} 2",
    ] {
        assert!(page.lines().any(|line| line == sample), "{sample} in\n{page}");
    }
}

/// What is wrong with a history: a derived reading too many or too few, an alarm raised or cleared twice in a row.
fn faults_of(sources: usize, derived: &[(u64, f64)], alarms: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if derived.len() != sources {
        faults.push(format!("{} derived of {sources}", derived.len()));
    }
    faults
        .extend(alarms.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("{} twice", pair[0])));
    faults
}

#[test]
fn a_doubled_or_lost_outcome_is_noticed() {
    assert_eq!(faults_of(2, &[(1, 1.0), (2, 2.0)], &["raised", "cleared"]), Vec::<String>::new());
    assert_eq!(faults_of(2, &[(1, 1.0)], &[]), ["1 derived of 2"]);
    assert_eq!(
        faults_of(1, &[(1, 1.0), (1, 1.0)], &["raised", "raised"]),
        ["2 derived of 1", "raised twice"]
    );
}

/// The journal as it was when so many bytes of its only segment were written: what a crash at that moment leaves.
pub(crate) fn cut(from: &Path, to: &Path, bytes: u64) {
    for folder in ["queues", "books"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
        }
    }
    for file in ["FORMAT", "node.key"] {
        let _ = fs::copy(from.join(file), to.join(file));
    }
    let mut segment = File::options().write(true).open(segment_of(to)).unwrap();
    let length = segment.metadata().unwrap().len();
    segment.seek(SeekFrom::Start(bytes)).unwrap();
    segment.write_all(&vec![0; (length - bytes) as usize]).unwrap();
}

/// The segment that is written to: the only one that is not empty.
pub(crate) fn segment_of(dir: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(dir.join("queues")).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |path: &std::path::PathBuf| path.extension().is_none_or(|extension| extension != "snap");
    let used = |path: &std::path::PathBuf| fs::read(path).unwrap().iter().filter(|byte| **byte != 0).count();
    files.filter(is_segment).max_by_key(used).unwrap()
}

/// Readings of devices and of rules in the journal, and what became of the alarm.
async fn history(site: &Site, rules: &Rules) -> (usize, Vec<(u64, f64)>, Vec<&'static str>) {
    let probe = Probe::new(Mood::Takes);
    let limit = tidegate_kernel_journal::ReadLimit { records: 100_000, bytes: 64 << 20 };
    let records = site.folder.queues().read(READINGS, 0, limit).unwrap().0;
    drop(probe);
    let sources = records.iter().filter(|record| record.payload[1] == 1).count();
    let ids: std::collections::BTreeSet<_> =
        records.iter().filter(|record| record.payload[1] == 5).map(|record| record.head.id).collect();
    let derived =
        records.iter().filter(|record| record.payload[1] == 5).map(|record| (record.head.id.unix_ms(), 0.0));
    let derived: Vec<(u64, f64)> = derived.collect();
    assert_eq!(ids.len(), derived.len(), "an id stands for one record");
    (sources, derived, words(&rules.alarms().since(0).unwrap().events))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_doubles_and_loses_nothing_that_follows_from_a_reading() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let rules = start(&site, both());
    for round in 0..12 {
        site.publish("line/7/temp", if round % 2 == 0 { "85" } else { "60" });
        seen(&rules).await;
    }
    site.crash();
    let bytes = fs::read(segment_of(dir.path())).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    for at in (end / 4..end).step_by((end / 24) as usize) {
        let copy = TempDir::new().unwrap();
        cut(dir.path(), copy.path(), at);
        let site = Site::open(&copy);
        let rules = start(&site, both());
        seen(&rules).await;
        site.publish("line/7/temp", "60");
        seen(&rules).await;
        let synced = site.folder.queues().status().head_seq;
        site.folder.queues().synced().wait(synced).unwrap();
        let (sources, derived, alarms) = history(&site, &rules).await;
        assert_eq!(faults_of(sources, &derived, &alarms), Vec::<String>::new(), "cut at {at} of {end}");
        assert!(rules.alarms().list().iter().all(|(_, alarm)| !alarm.active), "cut at {at} of {end}");
        let accounts = site.ingest.accounts();
        let (routing, admission) = (accounts.routing, accounts.admission);
        assert_eq!(
            (routing.accepted, routing.derived),
            (sources as u64, derived.len() as u64),
            "cut at {at}"
        );
        assert_eq!((admission.difference, admission.sources_difference), (0, 0), "cut at {at}");
        site.crash();
    }
}
