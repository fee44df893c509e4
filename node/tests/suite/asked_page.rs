//! Devices that are asked, in the console: how they stand, and a value written to one after it was confirmed.

use crate::browser::{Browser, Look, programs};
use crate::plant::{Devices, python};
use crate::press::start;
use crate::process::port_to_keep;
use crate::writing::{TEMPLATE, device};
use serde_json::json;
use tempfile::TempDir;

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const ARROW_LEFT: &str = "\u{e012}";
const ARROW_RIGHT: &str = "\u{e014}";
const ARROW_DOWN: &str = "\u{e015}";

fn reads(browser: &Browser, words: &str) {
    browser.when(&format!("document.body.innerText.includes({})", json!(words)));
}

/// What is in the tree, by the beginning of its id.
fn branches(browser: &Browser, start: &str, many: usize) {
    browser.when(&format!("document.querySelectorAll('[data-branch^=\"{start}\"]').length === {many}"));
}

fn click(browser: &Browser, selector: &str) {
    browser.when(&format!("document.querySelector('{selector}')"));
    browser.value(&format!("document.querySelector('{selector}').click()"));
}

/// So many devices behind a gateway that nobody plugged in, with 250 tags each.
fn hall(devices: usize, port: u16) -> String {
    let tag = |at| {
        format!(
            "[ingest.templates.meter.tags.t{at:03}]\naddress = \"4{at:04}\"\ngroup = \"{}\"\n",
            if at < 50 { "fast" } else { "slow" }
        )
    };
    let device = |at| {
        format!(
            "[ingest.devices.unit-{at:03}]\ntopic = \"plant/unit-{at:03}\"\ntemplate = \"meter\"\ndriver = \"modbus\"\n\
             address = \"tcp://127.0.0.1:{port}/{at}\"\n"
        )
    };
    let groups =
        ["fast", "slow"].map(|group| format!("[ingest.templates.meter.groups.{group}]\nevery = \"1 s\"\n"));
    let tags: String = (1..=250).map(tag).collect();
    groups.concat() + &tags + &(1..=devices).map(device).collect::<String>()
}

#[test]
fn of_a_large_plant_only_what_is_open_is_drawn_and_the_keyboard_gets_everywhere() {
    let test = "of_a_large_plant_only_what_is_open_is_drawn_and_the_keyboard_gets_everywhere";
    let Some(programs) = programs(&format!("asked_page::{test}")) else { return };
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &hall(150, port_to_keep()));
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/#/devices", node.admin()));
    reads(&browser, "150 devices");
    branches(&browser, "driver ", 1);
    branches(&browser, "device ", 0);
    browser.press(&[ARROW_DOWN, ARROW_RIGHT]);
    branches(&browser, "device ", 100);
    browser.when("document.querySelector('.tree .rest').innerText.startsWith('50 more')");
    click(&browser, ".tree [data-act=more]");
    branches(&browser, "device ", 150);
    // The last one by its name, and down to its tags.
    browser.press(&["/"]);
    browser.when("document.activeElement.type === 'search'");
    browser.press(&["1", "5", "0", ESCAPE]);
    branches(&browser, "device ", 1);
    browser.value("document.querySelector('.twig').focus()");
    browser.press(&[ARROW_DOWN, ENTER]);
    browser.when("location.hash === '#/devices/unit-150'");
    branches(&browser, "group ", 2);
    assert_eq!(
        browser.value("document.querySelectorAll('.tree tbody tr').length"),
        0,
        "more tags than a page holds"
    );
    browser.press(&[ARROW_DOWN, ARROW_DOWN, ARROW_RIGHT]);
    browser.when("document.querySelectorAll('.tree tbody tr').length === 100");
    browser.when("document.querySelector('.tree .rest').innerText.startsWith('101 more')");
    reads(&browser, "no value yet");
    browser.press(&[ARROW_LEFT]);
    browser.when("document.querySelectorAll('.tree tbody tr').length === 0");
    browser.press(&[ARROW_LEFT]);
    browser.when("document.activeElement.dataset.branch === 'device unit-150'");
    browser.press(&[ARROW_LEFT]);
    branches(&browser, "group ", 0);
    browser.when("location.hash === '#/devices'");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    for look in [false, true] {
        browser.set_dark(look);
        let faults = browser.value(include_str!("readable.js").trim_end_matches('\n'));
        assert_eq!(faults, json!([]), "dark {look}");
    }
}

#[test]
fn a_value_is_written_once_it_is_confirmed_and_who_does_not_answer_stands_apart() {
    let test = "a_value_is_written_once_it_is_confirmed_and_who_does_not_answer_stands_apart";
    let Some(programs) = programs(&format!("asked_page::{test}")) else { return };
    let Some(python) = python("asked_page", test) else { return };
    let (port, nobody) = (port_to_keep(), port_to_keep());
    let counterpart = Devices::start(&python, port);
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &format!("{TEMPLATE}{}{}", device("drive-1", port), device("drive-2", nobody)));
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/#/devices/drive-1", node.admin()));
    reads(&browser, "Off scan: 1");
    reads(&browser, "TG-PL-010");
    reads(&browser, "Next try");
    reads(&browser, "jitter");
    browser.when("document.querySelectorAll('[data-act=write]').length === 2");
    browser.value("[...document.querySelectorAll('tr')].find((row) => row.innerText.startsWith('speed')).querySelector('[data-act=write]').click()");
    browser.when("document.querySelector('dialog input[name=value]:focus')");
    browser.press(&["4", "2", ENTER]);
    browser.when("document.querySelector('dialog [data-act=send]:focus')");
    reads(&browser, "Write speed of drive-1");
    browser.press(&[ENTER]);
    reads(&browser, "speed was written and reads 42");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    // Out of range: the dialog stays and says why.
    browser.value("[...document.querySelectorAll('tr')].find((row) => row.innerText.startsWith('speed')).querySelector('[data-act=write]').click()");
    browser.when("document.querySelector('dialog input[name=value]:focus')");
    browser.press(&["4", "2", "0", ENTER]);
    browser.when("document.querySelector('dialog [data-act=send]:focus')");
    browser.press(&[ENTER]);
    browser.when("document.querySelector('dialog .login-error a.code')");
    browser.value("document.querySelector('dialog .tool').click()");
    drop(counterpart);
    reads(&browser, "Off scan: 2");
}
