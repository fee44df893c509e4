//! The page of the books, in Chromium: what an operator, an auditor and an admin see of it, and a transfer from the keyboard.

use crate::browser::{Browser, Look, programs};
use crate::http::ask;
use crate::press::start;
use crate::process::{Node, run};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, Id, SystemClock};

const BOOKS: &str = "[ledger]\nscrub = \"200 ms\"\n[ledger.books.main]\n[ledger.books.points]\n";
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
/// i64, beyond what a browser counts exactly.
const LARGE: i64 = 9_007_199_254_740_993;

fn open_accounts(node: &Node, fields: &str) {
    for (name, min) in [("capital", i64::MIN), ("till:7", 0), ("till:8", 0)] {
        let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
        assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", fields, &body).status, 200);
    }
}

fn transfer(node: &Node, fields: &str, credit: &str, amount: i64) {
    let id = Id::v7(SystemClock.wall_ms()).to_string();
    let order = json!({"id": id, "kind": "transfer", "debit": "capital", "credit": credit, "amount": amount});
    let body = json!({"orders": [order]}).to_string();
    assert_eq!(ask(node.http(), "POST /v1/ledger/main/transfers", fields, &body).status, 200);
}

fn reads(browser: &Browser, words: &str) {
    browser.when(&format!("document.body.innerText.includes({})", json!(words)));
}

/// Types into the field that has the focus.
fn type_in(browser: &Browser, text: &str) {
    let letters: Vec<String> = text.chars().map(String::from).collect();
    browser.press(&letters.iter().map(String::as_str).collect::<Vec<_>>());
}

fn balance(node: &Node, account: &str) -> Value {
    ask(node.http(), &format!("GET /v1/ledger/main/accounts/{account}"), "", "").json()["posted"].clone()
}

#[test]
fn an_operator_posts_a_transfer_with_the_keyboard_and_sees_where_it_is() {
    let test = "ledger_page::an_operator_posts_a_transfer_with_the_keyboard_and_sees_where_it_is";
    let Some(programs) = programs(test) else { return };
    let dir = TempDir::new().unwrap();
    let node = start(&dir, BOOKS);
    open_accounts(&node, "");
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/", node.admin()));
    reads(&browser, "The node is ready");
    browser.press(&["g", "b"]);
    reads(&browser, "the scrubber agrees");
    reads(&browser, "till:8");
    browser.value("document.querySelector('input[name=debit]').focus()");
    for (text, next) in [("capital", TAB), ("till:7", TAB), ("1250", TAB), ("shift 2", ENTER)] {
        type_in(&browser, text);
        browser.press(&[next]);
    }
    browser.when("document.querySelector('dialog [data-act=post]:focus')");
    reads(&browser, "Post this transfer?");
    assert_eq!(balance(&node, "till:7"), 0);
    browser.press(&[ESCAPE]);
    browser.when("!document.querySelector('dialog')");
    assert_eq!(balance(&node, "till:7"), 0);
    browser.value("document.querySelector('input[name=memo]').focus()");
    browser.press(&[ENTER]);
    browser.when("document.querySelector('dialog [data-act=post]:focus')");
    browser.press(&[ENTER]);
    reads(&browser, "Posted as record");
    assert_eq!(balance(&node, "till:7"), 1250);
    browser.value("document.querySelector('a[href=\"#/ledger/main/till%3A7\"]').click()");
    reads(&browser, "Statement of till:7");
    browser.when(
        "document.querySelector('[aria-label=\"Statement of till:7\"] table')?.innerText.includes('shift 2')",
    );
    browser.when(
        "document.querySelector('[aria-label=\"Statement of till:7\"] table')?.innerText.includes('+1,250')",
    );
    assert!(!browser.text().contains("Trial balance"), "that is the auditor's");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_transfer_that_is_refused_says_why_and_one_without_an_answer_keeps_its_id() {
    let test = "ledger_page::a_transfer_that_is_refused_says_why_and_one_without_an_answer_keeps_its_id";
    let Some(programs) = programs(test) else { return };
    let dir = TempDir::new().unwrap();
    let node = start(&dir, BOOKS);
    open_accounts(&node, "");
    let browser = Browser::start(&programs, Look::DESK);
    browser.open(&format!("http://{}/#/ledger", node.admin()));
    reads(&browser, "till:8");
    let fill = |amount: &str, debit: &str| {
        let fields = [("debit", debit), ("credit", "till:8"), ("amount", amount)];
        for (name, value) in fields {
            browser.value(&format!("document.querySelector('input[name={name}]').value = {}", json!(value)));
        }
        browser.value("document.querySelector('form.order').requestSubmit()");
        browser.when("document.querySelector('dialog [data-act=post]')");
        browser.value("document.querySelector('dialog [data-act=post]').click()");
    };
    fill("5", "till:7");
    browser.when("document.querySelector('dialog .login-error').innerText.includes('TG-LE-001')");
    browser.value("document.querySelector('dialog .choices .button').click()");
    browser.when("!document.querySelector('dialog')");
    // It is done, and the answer is lost on its way.
    let lost = "window.kept = window.fetch, window.sent = [], window.fetch = async (path, options) => {
        const answer = await window.kept(path, options);
        if (options?.method !== 'POST') return answer;
        window.sent.push(JSON.parse(options.body).orders[0].id);
        if (window.sent.length === 1) throw new TypeError('lost');
        return answer;
    }, 1";
    browser.value(lost);
    fill("7", "capital");
    browser.when("document.querySelector('dialog .login-error').innerText.includes('may have been done')");
    browser.value("document.querySelector('dialog [data-act=post]').click()");
    reads(&browser, "It had been posted before");
    assert_eq!(browser.value("window.sent.length === 2 && window.sent[0] === window.sent[1]"), json!(true));
    assert_eq!(balance(&node, "till:8"), 7);
}

#[test]
fn an_auditor_sees_the_trial_balance_and_posts_nothing_and_an_admin_has_no_part_in_it() {
    let test =
        "ledger_page::an_auditor_sees_the_trial_balance_and_posts_nothing_and_an_admin_has_no_part_in_it";
    let Some(programs) = programs(test) else { return };
    let dir = TempDir::new().unwrap();
    let [auditor, admin, operator] = ["auditor", "admin", "operator"].map(token);
    let text = format!("[identity]\nanonymous = \"never\"\n{}{}{}{BOOKS}", auditor.0, admin.0, operator.0);
    let node = start(&dir, &text);
    let bearer = format!("authorization: Bearer {}\r\n", operator.1);
    open_accounts(&node, &bearer);
    transfer(&node, &bearer, "till:7", LARGE);
    let browser = Browser::start(&programs, Look::DESK);
    let enter = |token: &str| {
        browser.open(&format!("http://{}/#/ledger", node.admin()));
        browser.value(&format!("sessionStorage.setItem('tidegate.token', {})", json!(token)));
        browser.value("location.reload()");
    };
    enter(&auditor.1);
    reads(&browser, "Trial balance");
    browser.when("document.querySelector('[aria-label=\"Trial balance\"] table')?.innerText.includes('9,007,199,254,740,993')");
    reads(&browser, "even");
    reads(&browser, "≈");
    assert_eq!(browser.value("document.querySelector('form.order')"), Value::Null);
    enter(&admin.1);
    browser.when("document.querySelector('.trouble')");
    assert_eq!(browser.value("document.querySelector('form.order, table')"), Value::Null);
}

/// The lines that let somebody with this role in, and the token.
fn token(role: &str) -> (String, String) {
    let said = String::from_utf8(run(&["identity", "token", role]).stdout).unwrap();
    let token = said.lines().nth(1).unwrap().trim_start_matches(['#', ' ']).to_owned();
    (format!("{said}roles = [\"{role}\"]\n"), token)
}

#[test]
fn the_books_can_be_read_on_a_desk_and_on_a_phone_by_day_and_by_night() {
    let test = "ledger_page::the_books_can_be_read_on_a_desk_and_on_a_phone_by_day_and_by_night";
    let Some(programs) = programs(test) else { return };
    for look in [Look::DESK, Look::PHONE] {
        let dir = TempDir::new().unwrap();
        let node = start(&dir, BOOKS);
        open_accounts(&node, "");
        (1..=3).for_each(|amount| transfer(&node, "", "till:7", amount));
        let browser = Browser::start(&programs, look);
        browser.open(&format!("http://{}/#/ledger/main/till%3A7", node.admin()));
        browser.when(
            "document.querySelectorAll('table').length === 2 && !document.querySelector('[aria-busy]')",
        );
        for dark in [false, true] {
            browser.set_dark(dark);
            let faults = browser.value(include_str!("readable.js").trim_end_matches('\n'));
            assert_eq!(faults, json!([]), "{look:?} dark {dark}");
        }
        browser.press(&[ESCAPE]);
        browser.when("location.hash === '#/ledger/main'");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}
