//! Codes, messages and pages belong together: a code in the source has a page of the right form, a page has a code, and
//! a message says which statement of the standard it rests on.

use std::collections::BTreeSet;

use tidegate_codec_mqtt::{DecodeError, EncodeError, Kind, TextError, TopicError};

const SOURCES: [&str; 3] = [
    include_str!("../../src/error.rs"),
    include_str!("../../src/text.rs"),
    include_str!("../../src/topic.rs"),
];

macro_rules! pages {
    ($($number:literal)*) => {
        [$((concat!("TG-MQ-", $number), include_str!(concat!("../../../../docs/errors/TG-MQ-", $number, ".md")))),*]
    };
}

const PAGES: [(&str, &str); 61] = pages! {
    "001" "002" "003" "004" "005" "006" "007" "008" "009" "010" "011" "012" "013" "014" "015" "016" "017" "018"
    "019" "020" "021" "022" "023" "024" "025" "026" "027" "028" "029" "030" "031" "032" "033" "034"
    "035" "036" "037" "038" "039" "040" "041" "042" "043" "044" "045" "046" "047" "048" "049" "050" "051" "052"
    "053" "054" "055" "056" "057" "058" "059" "060" "061"
};

fn codes_in(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').filter(|literal| literal.starts_with("TG-MQ-"))
}

/// What is wrong with a page, if anything.
fn fault(code: &str, page: &str) -> Option<String> {
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
    let title = format!("# {code}: ");
    if !headings.first().is_some_and(|line| line.len() > title.len() && line.starts_with(&title)) {
        return Some(format!("{code} does not begin with its title"));
    }
    if headings[1..] != ["## What happened", "## Why", "## What to do", "## 中文"] {
        return Some(format!("{code} has headings {:?}", &headings[1..]));
    }
    let empty = page.split("## ").skip(1).find(|section| section.trim_end().lines().count() < 2);
    empty.map(|section| format!("{code} says nothing under {section:?}"))
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<&str> = SOURCES.iter().flat_map(|source| codes_in(source)).collect();
    let pages: BTreeSet<&str> = PAGES.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, pages);
}

#[test]
fn every_code_is_given_once() {
    let codes: Vec<&str> = SOURCES.iter().flat_map(|source| codes_in(source)).collect();
    assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn every_page_has_its_sections() {
    let faults: Vec<String> = PAGES.iter().filter_map(|(code, page)| fault(code, page)).collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_page_with_a_fault_is_found() {
    let whole =
        "# TG-MQ-001: t\n\n## What happened\n\na\n\n## Why\n\nb\n\n## What to do\n\nc\n\n## 中文\n\nd\n";
    assert_eq!(fault("TG-MQ-001", whole), None);
    assert!(fault("TG-MQ-002", whole).is_some());
    assert!(fault("TG-MQ-001", &whole.replace("## Why\n\nb\n\n", "")).is_some());
    assert!(fault("TG-MQ-001", &whole.replace("\nd\n", "")).is_some());
}

#[test]
fn every_message_cites_the_standard_and_starts_in_lower_case_or_with_a_packet_name() {
    let attributes = SOURCES.iter().flat_map(|source| source.split("#[error(").skip(1));
    let spelled = attributes.filter(|attribute| !attribute.starts_with("transparent"));
    let messages: Vec<&str> = spelled.filter_map(|attribute| attribute.split('"').nth(1)).collect();
    assert_eq!(messages.len(), PAGES.len(), "one message for each code");
    for message in messages {
        let cited = ["[MQTT-", "(MQTT 3.1.1 section", "(MQTT 5.0 section"];
        assert!(cited.iter().any(|form| message.contains(form)), "{message}");
        let first = message.split(' ').next().unwrap_or_default();
        let named = ["CONNECT", "CONNACK", "PUBLISH", "SUBSCRIBE", "SUBACK", "AUTH"].contains(&first);
        assert!(named || first.starts_with(|c: char| !c.is_uppercase()), "{message}");
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn codes_and_messages_name_what_was_tried() {
    let error = DecodeError::PacketTooLarge { kind: Kind::Publish, bytes: 300, bytes_max: 256 };
    assert_eq!(error.code(), "TG-MQ-004");
    assert!(error.to_string().starts_with("PUBLISH of 300 bytes is larger than the 256 allowed here"));
    let error = DecodeError::from(TopicError::from(TextError::NullCharacter));
    assert_eq!((error.code(), error.refusal()), ("TG-MQ-011", None));
    assert_eq!(EncodeError::Empty { kind: Kind::Suback }.code(), "TG-MQ-043");
}
