//! Rules at a node: they know the model's tags, and a reload of either is taken up whole, after a trial, or not at all.

use crate::http::ask;
use crate::mqtt::Client;
use crate::process::{Node, PATIENCE, command, run};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;
use std::time::Instant;
use tempfile::TempDir;

/// A node with a file of settings, and a device.
struct Site {
    node: Node,
    device: Client,
    conf: TempDir,
    _data: TempDir,
}

/// A press with a temperature and a window of vibration, any number of them, and a trial that waits to be told.
const MODEL: &str = "[ingest.rule_trial]\nautomatic = false\n\
    [ingest.templates.press.tags]\ntemp = {}\nvib = { type = \"reals\" }\nmode = { type = \"text\" }\n\
    [ingest.devices.presses]\ntopic = \"line/+/data\"\ntemplate = \"press\"\n";

fn rule(name: &str, when: &str) -> String {
    format!("[ingest.rules.{name}]\nwhen = {when:?}\nalarm = \"see to it\"\n")
}

impl Site {
    fn start(text: &str) -> Site {
        let (data, conf) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let file = conf.path().join("site.toml");
        fs::write(&file, text).unwrap();
        let mut up = command(data.path());
        up.arg("--config").arg(&file);
        let node = Node::start_with(up, data.path());
        let device = Client::connect(node.mqtt(), "press-7");
        Site { node, device, conf, _data: data }
    }

    fn reload(&self, text: &str) -> Output {
        fs::write(self.conf.path().join("site.toml"), text).unwrap();
        run(&["config", "reload", "--admin", &self.node.admin().to_string()])
    }

    fn publish(&mut self, payload: &Value) {
        self.device.publish("line/press-7/data", payload.to_string().as_bytes());
    }

    /// What rules are doing, once that is as wanted.
    fn rules_when(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.when("/api/v1/ingest/rules", wanted)
    }

    fn when(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let found = self.node.admin_get(path).json();
            if wanted(&found) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{path} stays at {found}");
        }
    }

    /// The keys of the alarms that are active, once there are so many.
    fn alarms(&self, many: usize) -> Vec<String> {
        let active = |found: &Value| -> Vec<String> {
            let alarms = found.as_array().unwrap().iter().filter(|alarm| alarm["active"] == json!(true));
            alarms.map(|alarm| alarm["key"].as_str().unwrap().to_owned()).collect()
        };
        active(&self.when("/api/v1/alarms", |found| active(found).len() == many))
    }
}

#[test]
fn a_rule_reads_the_tags_of_the_model_and_what_is_made_of_a_window() {
    let hot = rule("hot", "press-7.temp > 80 and press-7.mode == \"run\"");
    let rough = rule("rough", "press-7.vib.rms > 2");
    let mean = rule("mean", "count(`+.temp`, 1 min) >= 1");
    let mut site = Site::start(&format!("{MODEL}{hot}{rough}{mean}"));
    site.publish(&json!({"temp": 90.5, "mode": "run", "vib": [3.0, -3.0]}));
    assert_eq!(site.alarms(3), ["hot", "mean", "rough"]);
}

#[test]
fn a_reload_that_rules_do_not_survive_changes_nothing_of_model_or_rules() {
    let hot = rule("hot", "press-7.temp > 80");
    let mut site = Site::start(&format!("{MODEL}{hot}"));
    let texts = MODEL.replace("temp = {}", "temp = { type = \"text\" }");
    let refused = site.reload(&format!("{texts}{hot}"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[TG-RU-003]"), "{refused:?}");
    let both = site.reload(&format!("{MODEL}{hot}[ingest.rule_tags]\ntext = [\"press-7.temp\"]\n"));
    assert!(String::from_utf8_lossy(&both.stderr).contains("[TG-RU-017]"), "{both:?}");
    site.publish(&json!({"temp": 90.5}));
    assert_eq!(site.alarms(1), ["hot"]);
}

#[test]
fn a_rule_that_could_never_write_is_refused_at_a_reload_with_all_that_comes_with_it() {
    let drive = "[ingest.templates.drive.tags.speed]\naddress = \"40051:INT16\"\nwritable = true\nwrite_max = 100.0\n\
        [ingest.devices.drive-1]\ntopic = \"plant/drive-1\"\ntemplate = \"drive\"\ndriver = \"modbus\"\naddress = \"tcp://127.0.0.1:1/1\"\n";
    let writing = |tag: &str, value: &str| {
        format!(
            "{drive}[ingest.rules.slow]\nwhen = \"press-7.temp > 80\"\ncommand = \"tidegate/write/drive-1/{tag}\"\n\
             command_came = \"{value}\"\n{MODEL}"
        )
    };
    let mut site = Site::start(&format!("{MODEL}{}", rule("hot", "press-7.temp > 80")));
    for (tag, value, place, code) in
        [("speed", "101", ":13:16", "[TG-TA-033]"), ("sped", "1", ":12:11", "[TG-TA-030]")]
    {
        let refused = site.reload(&writing(tag, value));
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(place) && said.contains(code), "{said}");
    }
    site.publish(&json!({"temp": 90.5}));
    assert_eq!(site.alarms(1), ["hot"], "what is in force stays");
    assert_eq!(site.reload(&writing("speed", "100")).status.code(), Some(0));
}

#[test]
fn changed_rules_run_beside_the_old_ones_before_they_take_over() {
    let old = rule("hot", "press-7.temp > 80");
    let mut site = Site::start(&format!("{MODEL}{old}"));
    let tag = MODEL.replace("temp = {}", "temp = {}\nload = {}");
    let next = rule("hot", "press-7.temp > 95") + &rule("busy", "press-7.load > 1");
    assert_eq!(site.reload(&format!("{tag}{next}")).status.code(), Some(0));
    site.rules_when(|rules| rules["shadow"].is_object());
    site.publish(&json!({"temp": 70.0, "load": 2}));
    site.publish(&json!({"temp": 90.5}));
    let compared = |rules: &Value| {
        let hot = &rules["shadow"]["rules"][0];
        (hot["rule"] == json!("hot")).then(|| [hot["agreed"].clone(), hot["disagreed"].clone()])
    };
    let rules = site.rules_when(|rules| compared(rules) == Some([json!(1), json!(1)]));
    assert_eq!(rules["shadow"]["rules"][1]["alone"], json!(1));
    assert_eq!(site.alarms(1), ["hot"], "the old set acts alone");
    assert_eq!(ask(site.node.admin(), "POST /api/v1/ingest/rules/switch", "", "").status, 200);
    assert_eq!(site.alarms(1), ["busy"], "the new one has taken over");
}
