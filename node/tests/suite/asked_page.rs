//! Devices that are asked, in the console: how they stand, and a value written to one after it was confirmed.

use crate::browser::{Browser, Look, programs};
use crate::plant::{Devices, python};
use crate::press::start;
use crate::process::port_to_keep;
use crate::writing::{TEMPLATE, device};
use serde_json::json;
use tempfile::TempDir;

const ENTER: &str = "\u{e007}";

fn reads(browser: &Browser, words: &str) {
    browser.when(&format!("document.body.innerText.includes({})", json!(words)));
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
    reads(&browser, "Asked over");
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
