//! The first five minutes as a person has them: the demonstration in Chromium, clicked through from the pulled cable to the story of
//! an alarm, and its PLCs in the tree of devices. Each step leaves a screenshot in Chinese and in English below `target/tmp/five-minutes/`; those in `docs/five-minutes/` are
//! from here.

use crate::browser::{Browser, Look, programs};
use crate::demo::{Demo, closes, is_red, waiting};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const BEHIND: [&str; 2] = ["centre", "mes"];
const DAY: Look = Look { width: 1280, dark: false, language: "zh-CN" };

struct Visit {
    demo: Demo,
    browser: Browser,
    _dir: TempDir,
}

impl Visit {
    /// In the language the visitor has, then in the other one, and back again. Messages that stay in the language they came in go first.
    fn picture(&self, name: &str) {
        let close = "document.querySelectorAll('.toast .tool').forEach(tool => tool.click())";
        self.browser.when(&format!("{close} || !document.querySelector('.toast')"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("five-minutes");
        for (language, other) in [("zh", "中"), ("en", "EN")] {
            let folder = folder.join(language);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}.png")), self.browser.screenshot()).unwrap();
            self.browser.click(".tool.words");
            self.browser.when(&format!("document.querySelector('.tool.words').innerText === '{other}'"));
        }
    }

    /// Until both sinks behind the cable are so, on the node and on the page.
    fn until(&self, cut_off: bool) {
        let accounts = self.demo.accounts_when(|accounts| {
            let is_so = |sink: &&str| match cut_off {
                true => is_red(accounts, sink) && waiting(accounts, sink) > 50,
                false => !is_red(accounts, sink) && waiting(accounts, sink) < 40,
            };
            BEHIND.iter().all(is_so)
        });
        closes(&accounts);
        let mark = if cut_off { "" } else { "!" };
        let troubled = "/[1-9]/.test(document.querySelector('.nav-link[href=\"#/sinks\"]').innerText)";
        self.browser.when(&format!("{mark}document.querySelector('.demo.out') && {mark}{troubled}"));
    }
}

#[test]
fn a_visitor_pulls_the_cable_kills_the_node_plugs_it_back_and_reads_an_alarms_story() {
    let test =
        "five_minutes::a_visitor_pulls_the_cable_kills_the_node_plugs_it_back_and_reads_an_alarms_story";
    let Some(programs) = programs(test) else { return };
    let dir = TempDir::new().unwrap();
    let demo = Demo::start(dir.path());
    let browser = Browser::start(&programs, DAY);
    browser.open(&format!("http://{}/", demo.admin()));
    let visit = Visit { demo, browser, _dir: dir };
    let (demo, browser) = (&visit.demo, &visit.browser);
    browser.when("document.querySelector('#demo-cable') && document.querySelector('.hero.ok')");
    browser.value("window.isTheSamePage = true");
    visit.picture("1-running");

    browser.click("#demo-cable");
    visit.until(true);
    visit.picture("2-pulled");

    browser.click("#demo-kill");
    demo.when("/api/v1/demo", |status| status["restarts"] == 1);
    browser.when(
        "document.querySelector('.demo.out') && /1/.test(document.querySelector('.demo .muted').innerText)",
    );
    assert_eq!(browser.value("window.isTheSamePage"), true, "the page goes on by itself");
    visit.picture("3-killed");

    browser.click("#demo-cable");
    visit.until(false);
    visit.picture("4-plugged");

    browser.value("location.hash = '#/accounts'");
    browser.when("document.querySelector('.nav-link[aria-current]').hash === '#/accounts' && !document.querySelector('[aria-busy]')");
    visit.picture("5-accounts");

    browser.value("location.hash = '#/alarms'");
    browser.when("document.querySelector('.alarm .row-acts .quiet')");
    browser.click(".alarm .row-acts .quiet");
    browser.when("document.querySelector('.steps .step.bad')");
    visit.picture("6-story");

    browser.value("location.hash = '#/devices'");
    for (driver, plc) in [("modbus", "modbus-01"), ("s7", "s7-01"), ("opcua", "opcua-01")] {
        let branch = |id: &str| format!("document.querySelector('[data-branch=\"{id}\"]')");
        browser.when(&format!(
            "{}.getAttribute('aria-expanded') === 'true'",
            branch(&format!("driver {driver}"))
        ));
        browser.when(&branch(&format!("device {plc}")));
        browser.value(&format!("{}.click()", branch(&format!("device {plc}"))));
    }
    // All three stay open, with their groups, and every value of each is good.
    browser.when(EVERY_PLC_IS_GOOD);
    visit.picture("7-devices");
}

/// Each has six tags in two groups, which were read at least twice.
const EVERY_PLC_IS_GOOD: &str = "['modbus-01', 's7-01', 'opcua-01'].every((plc) => {
    const inside = document.querySelector(`[data-branch=\"device ${plc}\"] + .inside`);
    const rows = [...inside.querySelectorAll('tbody tr')];
    const groups = [...inside.querySelectorAll('[data-branch^=\"group \"]')];
    return rows.length === 6 && rows.every((row) => row.querySelector('.badge.ok'))
        && groups.length === 2 && groups.every((group) => group.innerText.includes('抖动'));
})";
