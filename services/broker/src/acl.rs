//! What a principal may publish and subscribe to, compiled once when its connection begins.
//!
//! A pattern is a topic filter. Unlike a subscription's, a leading wildcard also covers topics that start with `$`: `#` means
//! everything. A subscription is allowed where one pattern covers all of it; what it would only cover in part is denied, so that
//! nobody has to guess what of it arrives. Pure.

use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_plug::{Action, Principal};

const SEPARATOR: u8 = b'/';

/// What is allowed for one action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns {
    /// One of the patterns is `#`, which is the common case and costs nothing then.
    everything: bool,
    filters: Vec<TopicFilter>,
}

/// What one connection may do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permissions {
    publish: Patterns,
    subscribe: Patterns,
    command: Patterns,
}

impl Permissions {
    pub(crate) fn of(principal: &Principal) -> Self {
        Self {
            publish: Patterns::new(principal.patterns(Action::Publish)),
            subscribe: Patterns::new(principal.patterns(Action::Subscribe)),
            command: Patterns::new(principal.patterns(Action::Command)),
        }
    }

    /// Whether it may publish to this topic name.
    pub(crate) fn may_publish(&self, topic: &[u8]) -> bool {
        self.publish.cover(topic)
    }

    /// Whether it may publish to this topic name, to which commands go.
    pub(crate) fn may_command(&self, topic: &[u8]) -> bool {
        self.command.cover(topic)
    }

    /// Whether it may subscribe to this filter, the name of a share taken off.
    pub(crate) fn may_subscribe(&self, filter: &[u8]) -> bool {
        self.subscribe.cover(filter)
    }
}

impl Patterns {
    /// What is no topic filter allows nothing.
    fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let filters: Vec<_> = patterns.filter_map(|pattern| TopicFilter::new(pattern).ok()).collect();
        Self { everything: filters.iter().any(|filter| filter.as_bytes() == b"#"), filters }
    }

    fn cover(&self, wanted: &[u8]) -> bool {
        self.everything || self.filters.iter().any(|filter| covers(filter.as_bytes(), wanted))
    }
}

/// Whether every topic that `wanted`, a filter or a name, stands for belongs to `pattern`.
pub(crate) fn covers(pattern: &[u8], wanted: &[u8]) -> bool {
    let mut asked = wanted.split(|byte| *byte == SEPARATOR);
    for level in pattern.split(|byte| *byte == SEPARATOR) {
        match (level, asked.next()) {
            (b"#", _) => return true,
            (_, None | Some(b"#")) => return false,
            (b"+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    asked.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_lies_wholly_within_it() {
        let within = [
            ("#", "a/b"),
            ("#", "#"),
            ("#", "$s/a"),
            ("a/#", "a"),
            ("a/#", "a/#"),
            ("a/#", "a/+/c"),
            ("+/b", "a/b"),
            ("+/b", "+/b"),
            ("a/b", "a/b"),
            ("+/#", "+/+"),
        ];
        let beyond = [
            ("a/#", "#"),
            ("a/#", "+/b"),
            ("+", "#"),
            ("+", "a/b"),
            ("a/+", "a/#"),
            ("a", "a/b"),
            ("a/b", "a"),
            ("a/b", "a/+"),
            ("a/+", "a"),
        ];
        assert!(within.iter().all(|(pattern, wanted)| covers(pattern.as_bytes(), wanted.as_bytes())));
        assert!(beyond.iter().all(|(pattern, wanted)| !covers(pattern.as_bytes(), wanted.as_bytes())));
    }

    #[test]
    fn a_principal_without_scopes_may_nothing_and_a_broken_pattern_allows_nothing() {
        let mut principal = Principal::anonymous();
        principal.scopes.clear();
        let none = Permissions::of(&principal);
        assert!(!none.may_publish(b"a") && !none.may_subscribe(b"a"));
        principal.scopes.push("publish:a/#/b".parse().unwrap());
        assert!(!Permissions::of(&principal).may_publish(b"a/#/b"));
    }
}
