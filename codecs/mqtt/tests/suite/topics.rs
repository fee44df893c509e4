//! Topic names and filters: the standard's examples, then every short filter against every short topic, compared with a
//! reference that follows the text of section 4.7 letter by letter.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_codec_mqtt::{FIELD_BYTES_MAX, TextError, TopicError, TopicFilter, TopicName};

use crate::samples::{filter, name};

/// Levels as lists, matched by recursion on the first of each.
fn reference_matches(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter.first(), topic.first()) {
            (None, None) => true,
            (Some(&"#"), _) => true,
            (Some(&"+"), Some(_)) => levels(&filter[1..], &topic[1..]),
            (Some(wanted), Some(level)) => wanted == level && levels(&filter[1..], &topic[1..]),
            _ => false,
        }
    }
    let hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    !hidden && levels(&filter, &topic)
}

/// Every character judged by its neighbours.
fn reference_is_filter(filter: &str) -> bool {
    let characters: Vec<char> = filter.chars().collect();
    let edge = |neighbour: Option<&char>| neighbour.is_none_or(|c| *c == '/');
    let fine = |(at, c): (usize, &char)| {
        let before = edge(at.checked_sub(1).and_then(|before| characters.get(before)));
        let after = characters.get(at + 1);
        match c {
            '+' => before && edge(after),
            '#' => before && after.is_none(),
            _ => true,
        }
    };
    !characters.is_empty() && characters.iter().enumerate().all(fine)
}

fn strings(alphabet: &str, characters_max: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut longest = all.clone();
    for _ in 0..characters_max {
        let longer = |string: &String| alphabet.chars().map(|c| format!("{string}{c}")).collect::<Vec<_>>();
        longest = longest.iter().flat_map(longer).collect();
        all.extend(longest.iter().cloned());
    }
    all
}

/// The first filter and topic on which a matcher disagrees with the reference.
fn disagreement(matches: impl Fn(&TopicFilter, &TopicName) -> bool) -> Option<(TopicFilter, TopicName)> {
    let filters: Vec<_> = strings("a/+#$", 5).iter().filter_map(|one| TopicFilter::new(one).ok()).collect();
    let topics: Vec<_> = strings("ab/$", 4).iter().filter_map(|one| TopicName::new(one).ok()).collect();
    assert_eq!((filters.len(), topics.len()), (547, 340), "as many as there are");
    let pairs = filters.iter().flat_map(|filter| topics.iter().map(move |topic| (filter, topic)));
    let (filter, topic) = pairs.into_iter().find(|(filter, topic)| {
        matches(filter, topic) != reference_matches(filter.as_str(), topic.as_str())
    })?;
    Some((filter.clone(), topic.clone()))
}

#[test]
fn every_short_filter_and_topic_match_as_the_reference_says() {
    assert_eq!(disagreement(TopicFilter::matches), None);
}

#[test]
fn a_matcher_that_forgets_a_rule_is_found_by_the_comparison() {
    let shows_system_topics = |filter: &TopicFilter, topic: &TopicName| {
        filter.matches(&name(&topic.as_str().replace('$', "x"))) || filter.matches(topic)
    };
    assert!(disagreement(shows_system_topics).is_some());
    let parent_left_out = |filter: &TopicFilter, topic: &TopicName| {
        let parent = filter.as_str().strip_suffix("/#") == Some(topic.as_str());
        filter.matches(topic) && !parent
    };
    assert!(disagreement(parent_left_out).is_some());
}

#[test]
fn every_short_string_is_a_filter_exactly_where_the_reference_says() {
    for string in strings("a/+#", 6) {
        assert_eq!(TopicFilter::new(&string).is_ok(), reference_is_filter(&string), "{string:?}");
    }
}

#[test]
fn the_examples_of_section_4_7_hold() {
    let matching = [
        ("sport/tennis/player1/#", "sport/tennis/player1"),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
        ("sport/#", "sport"),
        ("#", "sport/tennis"),
        ("sport/tennis/+", "sport/tennis/player2"),
        ("sport/+", "sport/"),
        ("+/tennis/#", "sport/tennis"),
        ("sport/+/player1", "sport/tennis/player1"),
        ("+/+", "/finance"),
        ("/+", "/finance"),
        ("$SYS/#", "$SYS/uptime"),
        ("$SYS/monitor/+", "$SYS/monitor/Clients"),
        ("Accounts payable", "Accounts payable"),
    ];
    for (wanted, topic) in matching {
        assert!(filter(wanted).matches(&name(topic)), "{wanted} {topic}");
    }
    let distinct = [
        ("sport/tennis/+", "sport/tennis/player1/ranking"),
        ("sport/+", "sport"),
        ("+", "/finance"),
        ("#", "$SYS/uptime"),
        ("+/monitor/Clients", "$SYS/monitor/Clients"),
        ("ACCOUNTS", "Accounts"),
        ("finance", "/finance"),
    ];
    for (wanted, topic) in distinct {
        assert!(!filter(wanted).matches(&name(topic)), "{wanted} {topic}");
    }
}

#[test]
fn wildcards_out_of_place_are_named() {
    for wrong in ["sport/tennis#", "sport/tennis/#/ranking", "##", "#/", "+#"] {
        assert_eq!(TopicFilter::new(wrong), Err(TopicError::MultiLevelWildcard), "{wrong}");
    }
    for wrong in ["sport+", "+sport", "a/b+/c", "++"] {
        assert_eq!(TopicFilter::new(wrong), Err(TopicError::SingleLevelWildcard), "{wrong}");
    }
    assert_eq!(TopicName::new("a/+/b"), Err(TopicError::WildcardInName));
    assert_eq!(TopicName::new("a/b#"), Err(TopicError::WildcardInName));
}

#[test]
fn topics_are_neither_empty_nor_null_nor_too_long() {
    let long = "x".repeat(FIELD_BYTES_MAX + 1);
    let cases = [
        ("", TopicError::Empty),
        ("a\0b", TextError::NullCharacter.into()),
        (&long, TextError::TooLong { bytes: FIELD_BYTES_MAX + 1 }.into()),
    ];
    for (string, error) in cases {
        assert_eq!(TopicName::new(string), Err(error));
        assert_eq!(TopicFilter::new(string), Err(error));
    }
}

#[test]
fn characters_are_compared_without_normalisation() {
    // The same letter composed, and as a base with a combining mark.
    assert!(!filter("caf\u{e9}/+").matches(&name("cafe\u{301}/1")));
    assert!(filter("caf\u{e9}/+").matches(&name("caf\u{e9}/1")));
}

#[test]
fn a_filter_knows_whether_it_has_a_wildcard() {
    assert!(filter("a/+").has_wildcard() && filter("#").has_wildcard());
    assert!(!filter("a/b").has_wildcard());
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("+".to_owned()),
        Just(String::new()),
        Just("$SYS".to_owned()),
        Just("温度".to_owned()),
        vec(proptest::char::range('a', 'c'), 1..3).prop_map(String::from_iter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn longer_filters_and_topics_match_as_the_reference_says(
        levels in vec(level(), 1..7),
        all_below in any::<bool>(),
        topic in vec(level(), 1..7),
    ) {
        let filter = levels.join("/") + if all_below { "/#" } else { "" };
        let topic = topic.join("/").replace('+', "b");
        let (Ok(wanted), Ok(name)) = (TopicFilter::new(&filter), TopicName::new(&topic)) else { return Ok(()) };
        prop_assert_eq!(wanted.matches(&name), reference_matches(&filter, &topic));
    }
}
