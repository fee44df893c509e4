//! The power goes while the real binary works, again and again, on a disk that loses what was not synced.
//!
//! What holds, and is checked after the last restart:
//! - of the readings of one publisher, those that survived are the first ones it sent, in order and without a hole;
//! - they go at least as far as its last `critical` reading that was acknowledged (a `process` reading may go with the power,
//!   acknowledged or not, but only together with everything its publisher sent after it);
//! - a row is what was sent, and comes again only with `replay`;
//! - the cursor that survived a cut was not ahead of the file that survived it;
//! - every start on what survived succeeds.
//!
//! The seed decides when the power goes, counted in operations of the disk, and what survives. Which reading is on its way then
//! is a matter of threads, so the same seed finds the same kind of fault, not the same byte.

use crate::fuse_layer::{Device, Mount};
use crate::mqtt::Client;
use crate::power_disk::{Honesty, Random, Survival};
use crate::process::{Node, PATIENCE, command};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use tempfile::TempDir;
use tidegate_kernel_journal::{OpenError, examine};

const SEED: u64 = 0x7469_6465;
/// Each begins with an empty disk.
const SITES: u64 = 4;
const CUTS: u64 = 4;
const PUBLISHERS: u64 = 6;
/// One reading in so many is critical.
const CRITICAL_EVERY: u64 = 5;
/// Operations of the disk that a start takes, more or less.
const START_OPERATIONS: u64 = 120;
const WORK_OPERATIONS: u64 = 800;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    publisher: u64,
    at: u64,
}

impl Name {
    fn is_critical(self) -> bool {
        self.at % CRITICAL_EVERY == CRITICAL_EVERY - 1
    }

    fn class(self) -> &'static str {
        if self.is_critical() { "critical" } else { "process" }
    }

    fn topic(self) -> String {
        format!("{}/{}", if self.is_critical() { "alarm" } else { "line" }, self.publisher)
    }

    /// Long enough for some to lie across sectors, and each different from the others.
    fn payload(self) -> Value {
        let fill = char::from(b'a' + (self.at % 26) as u8).to_string();
        let fill = fill.repeat((self.publisher * 131 + self.at * 37) as usize % 700);
        json!({"publisher": self.publisher, "at": self.at, "fill": fill})
    }

    fn of(payload: &Value) -> Option<Name> {
        Some(Name { publisher: payload["publisher"].as_u64()?, at: payload["at"].as_u64()? })
    }
}

/// What was sent, and whether the acknowledgement came.
type Story = BTreeMap<Name, bool>;

/// What a cut left behind.
struct Remains {
    /// Readings the file sink had settled as delivered.
    settled: u64,
    /// Those of them that are whole rows in the file, before its first damage.
    in_file: u64,
}

/// A site whose disk outlives its nodes.
struct Site {
    device: Device,
    random: Random,
    publishers: u64,
    story: Story,
    remains: Vec<Remains>,
}

/// When and how the power goes.
struct Cut {
    while_starting: bool,
    operations: u64,
    honesty: Honesty,
    survival: Survival,
}

impl Site {
    fn new(seed: u64) -> Site {
        let (device, random) = (Device::default(), Random(seed));
        Site { device, random, publishers: 0, story: Story::new(), remains: Vec::new() }
    }

    fn next_cut(&mut self, number: u64) -> Cut {
        let while_starting = number != 0 && self.random.below(3) == 0;
        let operations_max = if while_starting { START_OPERATIONS } else { WORK_OPERATIONS };
        let survival = match number {
            // On the first disk the first folders and names are there only if they were synced.
            0 => Survival::Nothing,
            5 => Survival::Everything,
            _ => Survival::Mixed(self.random.next()),
        };
        let operations = 1 + self.random.below(operations_max);
        Cut { while_starting, operations, honesty: Honesty::Honest, survival }
    }

    /// Starts a node, has readings sent to it, takes its power and notes what is left.
    fn live_until(&mut self, cut: &Cut) {
        let mount = Mount::new(&self.device).unwrap();
        let data = mount.path().join("data");
        if cut.while_starting {
            self.device.disk().plan_cut(cut.operations);
        }
        match Node::attempt(critical_alarms(&data), &data) {
            Ok(node) => self.work_until(node, cut),
            Err(end) => {
                let excused = !self.device.disk().is_on();
                assert!(excused, "a start was refused: {end:?}");
            }
        }
        drop(mount);
        self.device.disk().cut();
        self.device.disk().restore(cut.survival);
        let copy = self.copy();
        self.remains.extend(Remains::found(&copy.path().join("data")));
    }

    fn work_until(&mut self, node: Node, cut: &Cut) {
        let publishers: Vec<_> = (self.publishers..self.publishers + PUBLISHERS)
            .map(|publisher| (publisher, Client::connect(node.mqtt(), &format!("press-{publisher}"))))
            .collect();
        self.publishers += PUBLISHERS;
        self.device.disk().set_honesty(cut.honesty);
        if !cut.while_starting {
            self.device.disk().plan_cut(cut.operations);
        }
        let threads: Vec<_> = publishers
            .into_iter()
            .map(|(publisher, client)| thread::spawn(move || publish(client, publisher)))
            .collect();
        let gone = self.device.wait_for_cut(PATIENCE);
        node.kill();
        for thread in threads {
            self.story.extend(thread.join().unwrap());
        }
        assert!(gone, "the disk has too little to do for the power to go");
    }

    fn copy(&self) -> TempDir {
        let folder = TempDir::new().unwrap();
        self.device.disk().copy_to(folder.path());
        folder
    }

    /// Lets a last node deliver what is left, on a disk of the operating system's, and gives what is wrong then.
    fn verdict(&self) -> Verdict {
        let copy = self.copy();
        let data = copy.path().join("data");
        let node = Node::start(&data);
        let accounts = node.accounts_when(|accounts| {
            accounts["sinks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|sink| sink["lag"] == 0 && sink["in_flight"] == 0)
        });
        let file = node.file();
        assert_eq!(node.terminate().status, Some(0));
        let mut verdict = Verdict::default();
        verdict.judge(&self.story, &file, &self.remains);
        verdict.judge_accounts(&accounts);
        verdict
    }
}

fn critical_alarms(data: &Path) -> std::process::Command {
    let mut command = command(data);
    command.args(["--critical", "alarm/#"]);
    command
}

/// Publishes until the connection ends.
fn publish(mut client: Client, publisher: u64) -> Story {
    let mut story = Story::new();
    for at in 0.. {
        let name = Name { publisher, at };
        let acknowledged = client.try_publish(&name.topic(), name.payload().to_string().as_bytes());
        story.insert(name, acknowledged);
        if !acknowledged {
            break;
        }
    }
    story
}

impl Remains {
    /// Nothing where not even a data folder was left.
    fn found(data: &Path) -> Option<Remains> {
        let examination = match examine(data) {
            Ok(examination) => examination,
            Err(OpenError::Io { .. } | OpenError::NotAFolder { .. }) => return None,
            Err(error) => panic!("{error}"),
        };
        let fatal: Vec<_> =
            examination.journals.iter().flat_map(|journal| &journal.findings).filter(|f| f.fatal).collect();
        assert!(fatal.is_empty(), "{fatal:?}");
        let mut accounts = examination.journals.iter().flat_map(|journal| &journal.accounts);
        let account = accounts.find(|account| account.cursor.ends_with("file"));
        let (position, settled) =
            account.map_or((0, 0), |account| (account.position, account.tally.delivered.total()));
        let text = fs::read(data.join("ingest/readings.ndjson")).unwrap_or_default();
        let rows = text.split_inclusive(|byte| *byte == b'\n').map_while(whole_row);
        let in_file: BTreeSet<_> = rows.map(|(seq, _)| seq).filter(|seq| *seq <= position).collect();
        Some(Remains { settled, in_file: in_file.len() as u64 })
    }
}

fn whole_row(line: &[u8]) -> Option<(u64, Name)> {
    let row: Value = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    Some((row["seq"].as_u64()?, Name::of(&row["payload"])?))
}

/// What is wrong, and what was lost as it may be.
#[derive(Debug, Default)]
struct Verdict {
    faults: Vec<String>,
    rows: u64,
    acknowledged: u64,
    /// After each cut, summed up.
    settled: u64,
    /// Readings of class process that were acknowledged and went with the power.
    lost: u64,
}

impl Verdict {
    fn judge(&mut self, story: &Story, file: &Path, remains: &[Remains]) {
        let found = self.found(story, file);
        self.judge_order(&found);
        self.judge_losses(story, &found);
        for (cut, remains) in remains.iter().enumerate() {
            let Remains { settled, in_file } = remains;
            self.settled += settled;
            if settled != in_file {
                self.fault(format!(
                    "cut {cut}: {settled} readings were settled and {in_file} are in the file"
                ));
            }
        }
    }

    /// The first copy of each reading, in the order of the file.
    fn found(&mut self, story: &Story, file: &Path) -> Vec<(u64, Name)> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for line in fs::read(file).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            self.rows += 1;
            let Some((seq, name)) = whole_row(line) else {
                self.fault(format!("no row: {}", String::from_utf8_lossy(line)));
                continue;
            };
            let row: Value = serde_json::from_slice(line).unwrap();
            let is_as_sent = row["payload"] == name.payload()
                && row["topic"] == name.topic()
                && row["class"] == name.class()
                && row["client"] == format!("press-{}", name.publisher);
            if !story.contains_key(&name) || !is_as_sent {
                self.fault(format!("invented: {row}"));
            }
            if seen.insert(name) {
                found.push((seq, name));
            } else if row["replay"] != true {
                self.fault(format!("{name:?} comes again without saying so"));
            }
        }
        found
    }

    fn judge_order(&mut self, found: &[(u64, Name)]) {
        let (mut next, mut last_seq) = (BTreeMap::new(), 0);
        for (seq, name) in found {
            let next = next.entry(name.publisher).or_insert(0);
            if name.at != *next || *seq <= last_seq {
                self.fault(format!("{name:?}, record {seq}, comes where {next} should, behind {last_seq}"));
            }
            (*next, last_seq) = (name.at + 1, *seq);
        }
    }

    fn judge_losses(&mut self, story: &Story, found: &[(u64, Name)]) {
        let found: BTreeSet<_> = found.iter().map(|(_, name)| *name).collect();
        for (name, _) in story.iter().filter(|(_, acknowledged)| **acknowledged) {
            self.acknowledged += 1;
            if found.contains(name) {
                continue;
            }
            self.lost += 1;
            if name.is_critical() {
                self.fault(format!("{name:?} was acknowledged for good and is lost"));
            }
        }
    }

    fn judge_accounts(&mut self, accounts: &Value) {
        let admission = &accounts["admission"];
        let sinks = accounts["sinks"].as_array().unwrap();
        let closed = admission["difference"] == 0 && sinks.iter().all(|sink| sink["difference"] == 0);
        let bound = admission["lost_at_crash_max"].as_u64().unwrap();
        if !closed || self.lost > bound {
            self.fault(format!("the accounts do not close over {} lost: {accounts}", self.lost));
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }
}

/// Says in the report that a test could not run here; `false` where it can.
pub(crate) fn skipped_without_fuse(test: &str) -> bool {
    let Err(reason) = Mount::new(&Device::default()) else { return false };
    let file = std::env::var("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|_| panic!("needs to mount by /dev/fuse, as root or by fusermount3: {reason}"));
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, "SKIP {test}: cannot mount by /dev/fuse: {reason}").unwrap();
    true
}

#[test]
fn after_power_cuts_what_was_acknowledged_for_good_is_there_and_the_rest_is_lost_from_the_end_only() {
    if skipped_without_fuse(
        "power::after_power_cuts_what_was_acknowledged_for_good_is_there_and_the_rest_is_lost_from_the_end_only",
    ) {
        return;
    }
    for number in 0..SITES {
        let seed = SEED + number;
        let mut site = Site::new(seed);
        for cut in 0..CUTS {
            let cut = site.next_cut(number * CUTS + cut);
            site.live_until(&cut);
        }
        let verdict = site.verdict();
        assert!(verdict.faults.is_empty(), "seed {seed:#x}: {:#?}", verdict.faults);
        assert!(verdict.lost < verdict.acknowledged && verdict.settled > 0, "nothing was tried: {verdict:?}");
        println!("seed {seed:#x}: {verdict:?}");
    }
}

#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    if skipped_without_fuse("power::a_disk_that_lies_about_syncing_is_found_out") {
        return;
    }
    let mut site = Site::new(SEED);
    let (operations, survival) = (WORK_OPERATIONS, Survival::Nothing);
    site.live_until(&Cut { while_starting: false, operations, honesty: Honesty::Lying, survival });
    let faults = site.verdict().faults;
    assert!(
        faults.iter().any(|fault| fault.ends_with("was acknowledged for good and is lost")),
        "{faults:?}"
    );
}
