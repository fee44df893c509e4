//! The console as people use it: in Chromium, on a node that runs, with readings that come over MQTT.

use crate::browser::{Browser, Look, programs};
use crate::mqtt::Client;
use crate::people::person;
use crate::press::{PRESS, start};
use crate::process::{Node, run};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const VIEWS: [&str; 15] = [
    "overview",
    "alarms",
    "alarms/hot",
    "devices",
    "devices/press-7",
    "sinks/file",
    "letters",
    "accounts",
    "journal",
    "ledger",
    "story",
    "config",
    "principals",
    "audit",
    "diagnostics",
];
/// As WebDriver writes them.
const ARROW_DOWN: &str = "\u{e015}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// A node with a model and a rule, and a page on it.
struct Site {
    node: Node,
    browser: Browser,
    device: Client,
    _dir: TempDir,
}

/// Nothing where there is no Chromium; then the test has announced that.
fn site(test: &str, look: Look) -> Option<Site> {
    let programs = programs(&format!("console_page::{test}"))?;
    let dir = TempDir::new().unwrap();
    let node = start(&dir, PRESS);
    let device = Client::connect(node.mqtt(), "gateway-1");
    let browser = Browser::start(&programs, look);
    browser.open(&format!("http://{}/", node.admin()));
    Some(Site { node, browser, device, _dir: dir })
}

impl Site {
    fn publish(&mut self, celsius: f64) {
        self.device.publish("line/press-7/data", json!({ "temp": celsius }).to_string().as_bytes());
    }

    fn go(&self, view: &str) {
        self.browser.value(&format!("location.hash = '#/{view}'"));
        let name = view.split('/').next().unwrap();
        self.browser.when(&format!(
            "document.querySelector('.nav-link[aria-current]')?.hash === '#/{name}' && !document.querySelector('[aria-busy]')"
        ));
    }

    /// Waits until the page says so.
    fn reads(&self, words: &str) {
        self.browser.when(&format!("document.body.innerText.includes({})", json!(words)));
    }

    fn alarm(&self) -> Value {
        self.node.admin_get("/api/v1/alarms").json()[0].clone()
    }
}

#[test]
fn the_page_shows_readings_as_they_come_and_asks_nobody_but_its_node() {
    let test = "the_page_shows_readings_as_they_come_and_asks_nobody_but_its_node";
    let Some(mut site) = site(test, Look::DESK) else { return };
    site.reads("The node is ready");
    site.reads("Every account closes");
    site.publish(21.5);
    site.reads("1 in all");
    site.go("devices");
    site.reads("press-7");
    site.go("devices/press-7");
    site.reads("21.5 °C");
    site.browser.value("window.stays = document.querySelector('.value')");
    site.publish(22.75);
    site.reads("22.75 °C");
    assert_eq!(site.browser.value("window.stays === document.querySelector('.value')"), json!(true));
    let origin = format!("http://{}", site.node.admin());
    let asked = site.browser.value("performance.getEntriesByType('resource').map((entry) => entry.name)");
    let elsewhere: Vec<_> = asked
        .as_array()
        .unwrap()
        .iter()
        .filter(|name| !name.as_str().unwrap().starts_with(&origin))
        .collect();
    assert_eq!(elsewhere, Vec::<&Value>::new());
    assert_eq!(site.browser.complaints(), Vec::<String>::new());
    // The policy would not let it, whatever it tried.
    let other = site.node.http();
    site.browser.when(&format!("fetch('http://{other}/').then(() => false, () => true)"));
    let complaints = site.browser.complaints();
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
}

#[test]
fn an_alarm_is_acknowledged_and_its_story_told_with_the_keyboard_alone() {
    let test = "an_alarm_is_acknowledged_and_its_story_told_with_the_keyboard_alone";
    let Some(mut site) = site(test, Look::DESK) else { return };
    site.reads("The node is ready");
    site.publish(99.0);
    site.browser.press(&["g", "a"]);
    site.reads("press 7 is too hot");
    assert_eq!(site.alarm()["state"], "unacknowledged");
    site.browser.press(&[ARROW_DOWN, ENTER]);
    site.reads("gateway-1 sent it over MQTT");
    site.reads("This reading raised it");
    site.reads("file: settled");
    site.browser.press(&["a"]);
    site.reads("hot is acknowledged");
    site.browser.when("document.querySelector('.alarm.acknowledged')");
    let alarm = site.alarm();
    assert_eq!((&alarm["state"], &alarm["acknowledged"]), (&json!("acknowledged"), &json!(true)));
    site.browser.press(&[ESCAPE, "s"]);
    site.browser.when("document.querySelector('dialog[open] button:focus')");
    site.browser.press(&[ENTER]);
    site.reads("hot is shelved");
    assert_eq!(site.alarm()["state"], "shelved");
    site.browser.press(&["?"]);
    site.browser.when("document.querySelector('dialog[open] kbd')");
    site.browser.press(&[ESCAPE]);
    site.browser.when("!document.querySelector('dialog')");
    assert_eq!(site.browser.complaints(), Vec::<String>::new());
}

#[test]
fn every_view_can_be_read_and_used_on_a_desk_and_on_a_phone_by_day_and_by_night() {
    let test = "every_view_can_be_read_and_used_on_a_desk_and_on_a_phone_by_day_and_by_night";
    for look in [Look::DESK, Look::PHONE] {
        let Some(mut site) = site(test, look) else { return };
        site.publish(99.0);
        site.browser.when("document.querySelector('.hero.ok')");
        for view in VIEWS {
            site.go(view);
            for dark in [false, true] {
                site.browser.set_dark(dark);
                let faults = site.browser.value(include_str!("readable.js").trim_end_matches('\n'));
                assert_eq!(faults, json!([]), "{view} {look:?} dark {dark}");
            }
        }
        assert_eq!(site.browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn the_check_for_what_cannot_be_read_finds_what_is_planted() {
    let test = "the_check_for_what_cannot_be_read_finds_what_is_planted";
    let Some(site) = site(test, Look::DESK) else { return };
    site.browser.when("document.querySelector('.hero.ok')");
    let plant = "document.querySelector('#title').insertAdjacentHTML('afterend', '<p id=\"title\" class=\"planted\">pale</p><button></button>')";
    site.browser.value(plant);
    let pale = "Object.assign(document.querySelector('.planted').style, { color: '#aaa', width: '3000px' })";
    site.browser.value(pale);
    let faults = site.browser.value(include_str!("readable.js").trim_end_matches('\n')).to_string();
    for fault in ["contrast", "no name", "twice: title", "px wide"] {
        assert!(faults.contains(fault), "{fault} in {faults}");
    }
}

#[test]
fn it_speaks_the_browsers_language_and_switches_language_and_theme_for_good() {
    let test = "it_speaks_the_browsers_language_and_switches_language_and_theme_for_good";
    let Some(site) = site(test, Look::PHONE) else { return };
    site.reads("节点就绪");
    let lacking = "import('/console/words.js').then(({ rows }) => JSON.stringify(rows().filter(([, row]) => {
        const names = (text) => (text?.match(/\\{\\w+\\}/g) ?? []).sort().join();
        return row.length !== 2 || !row[0] || !row[1] || names(row[0]) !== names(row[1]);
    })))";
    assert_eq!(site.browser.when(lacking), json!("[]"));
    site.browser.press(&["l", "t"]);
    site.reads("The node is ready");
    let chosen = "[document.documentElement.lang, document.documentElement.dataset.theme]";
    assert_eq!(site.browser.value(chosen), json!(["en", "light"]));
    site.browser.open(&format!("http://{}/#/sinks", site.node.admin()));
    site.browser.value("location.reload()");
    site.reads("Each sink reads the journal");
    assert_eq!(site.browser.value(chosen), json!(["en", "light"]));
}

#[test]
fn a_page_whose_node_was_killed_says_so_and_goes_on_when_it_is_back() {
    let test = "a_page_whose_node_was_killed_says_so_and_goes_on_when_it_is_back";
    let Some(site) = site(test, Look::DESK) else { return };
    site.reads("The node is ready");
    let (admin, dir) = (site.node.admin(), site._dir.path().to_owned());
    let Site { node, browser, _dir, .. } = site;
    node.kill();
    browser.when("document.querySelector('.lost')");
    let mut command = std::process::Command::new(crate::process::binary());
    let free = "127.0.0.1:0";
    command.args(["up", "--mqtt", free, "--http", free, "--grpc", free, "--admin", &admin.to_string()]);
    command.arg("--data").arg(dir.join("data")).arg("--config").arg(dir.join("site.toml"));
    let again = Node::start_with(command, &dir.join("data"));
    browser.when("!document.querySelector('.lost') && document.querySelector('.toasts').innerText.includes('started again')");
    Client::connect(again.mqtt(), "gateway-1").publish("line/press-7/data", b"{\"temp\":1}");
    browser.when("document.body.innerText.includes('1 in all')");
}

#[test]
fn where_nobody_is_let_in_without_a_token_the_page_asks_for_it() {
    let test = "where_nobody_is_let_in_without_a_token_the_page_asks_for_it";
    let Some(programs) = programs(&format!("console_page::{test}")) else { return };
    let said = String::from_utf8(run(&["identity", "token", "ada"]).stdout).unwrap();
    let token = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    let dir = TempDir::new().unwrap();
    let text = format!("[identity]\nanonymous = \"never\"\n{said}roles = [\"operator\"]\n");
    let node = start(&dir, &text);
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/", node.admin()));
    browser.when("document.querySelector('input[name=password]')");
    browser.value("document.querySelector('.login .quiet').click()");
    browser.when("document.querySelector('input[name=token]:focus')");
    let show = |token: &str| {
        browser.value(&format!("document.querySelector('input[name=token]').value = {}", json!(token)));
        browser.press(&[ENTER]);
    };
    show("not-a-token");
    browser.when("document.body.innerText.includes('That token is not known here')");
    show(&token);
    browser.when("document.body.innerText.includes('The node is ready')");
    browser.when("document.querySelector('.me').innerText === 'ada'");
    let kept = browser.value("Object.keys(localStorage).concat(document.cookie).join()");
    assert!(!kept.to_string().contains("token"), "{kept}");
}

#[test]
fn an_auditor_logs_in_with_a_password_and_reads_who_did_what() {
    let test = "an_auditor_logs_in_with_a_password_and_reads_who_did_what";
    let Some(programs) = programs(&format!("console_page::{test}")) else { return };
    let lines = person("lin", "a long password").unwrap();
    let dir = TempDir::new().unwrap();
    let text = format!("[identity]\nanonymous = \"never\"\n{}", with_role(&lines, "auditor"));
    let node = start(&dir, &text);
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/#/audit", node.admin()));
    browser.when("document.querySelector('input[name=password]')");
    let show = |password: &str| {
        browser.value("document.querySelector('input[name=name]').value = 'lin'");
        browser.value(&format!("document.querySelector('input[name=password]').value = {}", json!(password)));
        browser.value("document.querySelector('form').requestSubmit()");
    };
    show("not the password");
    browser.when("document.querySelector('.login-error').innerText.length > 0");
    show("a long password");
    browser.when("document.querySelector('.me')?.innerText === 'lin'");
    browser.when("document.body.innerText.includes('POST /api/v1/session')");
    browser.value("document.querySelector('.bar-tools .tool').click()");
    browser.when("document.querySelector('input[name=password]')");
}

/// The lines of a person, who has this role alone.
fn with_role(lines: &str, role: &str) -> String {
    let others = lines.lines().filter(|line| !line.trim_start().starts_with("roles"));
    others.chain([&*format!("roles = [\"{role}\"]")]).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_diagnostics_list_every_dump_to_download_and_every_task_with_what_it_waits_on() {
    let test = "the_diagnostics_list_every_dump_to_download_and_every_task_with_what_it_waits_on";
    let Some(site) = site(test, Look::DESK) else { return };
    let dump = site._dir.path().join("data/probe/20261126T141500Z-cpu");
    fs::create_dir_all(&dump).unwrap();
    fs::write(dump.join("about.json"), "{\"cause\":\"cpu\"}").unwrap();
    site.browser.open(&format!("http://{}/#/diagnostics", site.node.admin()));
    site.reads("broker / listener");
    site.reads("a connection");
    site.reads("quota used up");
    let link = "document.querySelector('a[href=\"/debug/dumps/20261126T141500Z-cpu/about.json\"]')";
    assert_eq!(site.browser.when(&format!("{link}?.innerText")), json!("about.json"));
    // What the link would save, as the page is given it.
    let saved = "(async () => (await fetch('/debug/dumps/20261126T141500Z-cpu/about.json')).text())()";
    assert_eq!(site.browser.when(saved), json!("{\"cause\":\"cpu\"}"));
    site.browser.value(&format!("{link}.click()"));
    assert_eq!(site.browser.value("document.querySelectorAll('.toast.bad').length"), json!(0));
}
