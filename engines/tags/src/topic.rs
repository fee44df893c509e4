//! From a topic to its device: exact topics first, then patterns with one `+`, the longest beginning first. Pure.

use crate::template::NAME_BYTES_MAX;
use std::collections::HashMap;

/// The places that a topic may lead to.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    exact: HashMap<Box<str>, u32>,
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// Up to and with the slash before the `+`.
    beginning: Box<str>,
    /// From the slash behind it.
    end: Box<str>,
    device: u32,
}

/// Where a topic led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<'t> {
    pub(crate) device: u32,
    /// The level that the `+` stands for.
    pub(crate) level: Option<&'t str>,
}

/// Why a text is no topic of devices.
pub(crate) fn check(topic: &str) -> Result<(), &'static str> {
    let wild = topic.split('/').filter(|level| *level == "+").count();
    match () {
        () if topic.is_empty() => Err("it is empty"),
        () if topic.len() > 65_535 => Err("it is longer than MQTT allows"),
        () if topic.contains(['#', '\0']) => Err("# and U+0000 may not stand in it"),
        () if wild > 1 => Err("one + may stand in it"),
        () if topic.matches('+').count() > wild => Err("a + must be a whole level"),
        () => Ok(()),
    }
}

/// Whether a name can be a device's: it goes into records, file names of others, and addresses.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    fits && name != "." && name != ".." && !name.contains(|letter: char| letter.is_control() || letter == '/')
}

impl Topics {
    /// False where the topic leads somewhere already. It has passed [`check`].
    pub(crate) fn add(&mut self, topic: &str, device: u32) -> bool {
        match topic.split_once('+') {
            None => self.exact.insert(topic.into(), device).is_none(),
            Some((beginning, end)) => self.add_pattern(beginning, end, device),
        }
    }

    fn add_pattern(&mut self, beginning: &str, end: &str, device: u32) -> bool {
        if self.patterns.iter().any(|known| &*known.beginning == beginning && &*known.end == end) {
            return false;
        }
        let length = |pattern: &Pattern| (pattern.beginning.len(), pattern.end.len());
        let pattern = Pattern { beginning: beginning.into(), end: end.into(), device };
        let at = self.patterns.partition_point(|known| length(known) >= length(&pattern));
        self.patterns.insert(at, pattern);
        true
    }

    /// The devices of patterns, in the order they are tried.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = u32> {
        self.patterns.iter().map(|pattern| pattern.device)
    }

    pub(crate) fn find<'t>(&self, topic: &'t str) -> Option<Found<'t>> {
        if let Some(device) = self.exact.get(topic) {
            return Some(Found { device: *device, level: None });
        }
        self.patterns.iter().find_map(|pattern| {
            let level = pattern.level(topic)?;
            Some(Found { device: pattern.device, level: Some(level) })
        })
    }
}

impl Pattern {
    fn level<'t>(&self, topic: &'t str) -> Option<&'t str> {
        // A wildcard at the beginning stands for no topic that begins with $ [MQTT-4.7.2-1].
        if self.beginning.is_empty() && topic.starts_with('$') {
            return None;
        }
        topic.strip_prefix(&*self.beginning)?.strip_suffix(&*self.end).filter(|level| is_name(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(all: &[&str]) -> Topics {
        let mut topics = Topics::default();
        all.iter().enumerate().for_each(|(at, topic)| assert!(topics.add(topic, at as u32), "{topic}"));
        topics
    }

    #[test]
    fn an_exact_topic_goes_before_a_pattern_and_a_long_beginning_before_a_short_one() {
        let topics = topics(&["+/7/temp", "line/+/temp", "line/7/temp"]);
        let found = |topic| topics.find(topic).map(|found| (found.device, found.level));
        assert_eq!(found("line/7/temp"), Some((2, None)));
        assert_eq!(found("line/8/temp"), Some((1, Some("8"))));
        assert_eq!(found("hall/7/temp"), Some((0, Some("hall"))));
        assert_eq!(found("$SYS/7/temp"), None);
    }

    #[test]
    fn a_topic_that_climbs_or_has_more_levels_is_nobody_s() {
        let topics = topics(&["line/+/temp"]);
        for topic in
            ["line/../temp", "line/./temp", "line//temp", "line/a/b/temp", "line/temp", "line/a\u{1}/temp"]
        {
            assert_eq!(topics.find(topic), None, "{topic:?}");
        }
        let long = format!("line/{}/temp", "x".repeat(NAME_BYTES_MAX + 1));
        assert_eq!(topics.find(&long), None);
    }

    #[test]
    fn what_is_no_topic_of_devices_is_told_apart() {
        assert!(["a", "a/+/b", "+", "/a/"].iter().all(|topic| check(topic).is_ok()));
        assert!(["", "a/#", "+/+", "a+/b", "a\0"].iter().all(|topic| check(topic).is_err()));
    }
}
