//! Subscriptions by topic level: which of them a topic belongs to, without looking at the others.
//!
//! ```text
//! root -- "line" -- "7" -- "temp"      one node for each level that is spelled out
//!      |         \- any -- "temp"      one for `+`
//!      \- below                        what `#` at this level holds
//! ```
//!
//! Pure. Its depth is the longest filter in it, which whoever inserts bounds; a topic is never followed further than that.

use std::collections::HashMap;

const SEPARATOR: u8 = b'/';

/// What hangs on one filter.
pub(crate) trait Leaf: Default {
    fn is_empty(&self) -> bool;
}

#[derive(Debug, Default)]
pub(crate) struct Tree<L> {
    root: Node<L>,
}

#[derive(Debug)]
struct Node<L> {
    named: HashMap<Box<[u8]>, Node<L>>,
    any: Option<Box<Node<L>>>,
    here: Option<L>,
    below: Option<L>,
}

impl<L> Default for Node<L> {
    fn default() -> Self {
        Self { named: HashMap::new(), any: None, here: None, below: None }
    }
}

impl<L: Leaf> Tree<L> {
    /// Changes what hangs on a filter, and forgets the filter if nothing does any more. The filter must be well-formed.
    pub(crate) fn change<R>(&mut self, filter: &[u8], change: impl FnOnce(&mut L) -> R) -> R {
        self.root.change(Some(filter), change)
    }

    /// Visits what hangs on the filters that match a topic. A topic that starts with `$` is outside a filter that starts
    /// with a wildcard [MQTT-4.7.2-1].
    pub(crate) fn visit<'a>(&'a self, topic: &[u8], found: &mut impl FnMut(&'a L)) {
        self.root.visit(Some(topic), topic.first() != Some(&b'$'), found);
    }

    #[cfg(test)]
    fn is_bare(&self) -> bool {
        self.root.is_empty()
    }
}

impl<L: Leaf> Node<L> {
    fn change<R>(&mut self, filter: Option<&[u8]>, change: impl FnOnce(&mut L) -> R) -> R {
        let Some(filter) = filter else { return changed(&mut self.here, change) };
        let (level, rest) = split(filter);
        match level {
            b"#" => changed(&mut self.below, change),
            b"+" => {
                let any = self.any.get_or_insert_default();
                let outcome = any.change(rest, change);
                self.any.take_if(|any| any.is_empty());
                outcome
            }
            name => {
                let child = self.named.entry(name.into()).or_default();
                let outcome = child.change(rest, change);
                if child.is_empty() {
                    self.named.remove(name);
                }
                outcome
            }
        }
    }

    fn visit<'a>(&'a self, topic: Option<&[u8]>, wild: bool, found: &mut impl FnMut(&'a L)) {
        if wild && let Some(leaf) = &self.below {
            found(leaf);
        }
        let Some(topic) = topic else {
            self.here.iter().for_each(found);
            return;
        };
        let (level, rest) = split(topic);
        if let Some(child) = self.named.get(level) {
            child.visit(rest, true, found);
        }
        if wild && let Some(any) = &self.any {
            any.visit(rest, true, found);
        }
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_none() && self.here.is_none() && self.below.is_none()
    }
}

fn changed<L: Leaf, R>(slot: &mut Option<L>, change: impl FnOnce(&mut L) -> R) -> R {
    let outcome = change(slot.get_or_insert_default());
    slot.take_if(|leaf| leaf.is_empty());
    outcome
}

/// The first level, and the rest where there is a separator behind it.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == SEPARATOR) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// How many levels a topic name or filter has.
pub(crate) fn levels(text: &[u8]) -> usize {
    1 + text.iter().filter(|byte| **byte == SEPARATOR).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use tidegate_codec_mqtt::{TopicFilter, TopicName};

    #[derive(Debug, Default)]
    struct Names(BTreeSet<usize>);

    impl Leaf for Names {
        fn is_empty(&self) -> bool {
            self.0.is_empty()
        }
    }

    fn level() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("a"), Just("b"), Just(""), Just("$s")]
    }

    fn topic() -> impl Strategy<Value = String> {
        prop::collection::vec(level(), 1..5)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("empty", |t| !t.is_empty())
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![3 => level(), 2 => Just("+")];
        let levels = (prop::collection::vec(level, 1..5), any::<bool>());
        let joined = levels.prop_map(|(mut levels, deep)| {
            if deep {
                levels.push("#");
            }
            levels.join("/")
        });
        prop_oneof![9 => joined, 1 => Just("#".to_owned())].prop_filter("empty", |filter| !filter.is_empty())
    }

    fn found(tree: &Tree<Names>, topic: &TopicName) -> Vec<usize> {
        let mut all = Vec::new();
        tree.visit(topic.as_bytes(), &mut |leaf: &Names| all.extend(&leaf.0));
        all.sort_unstable();
        all
    }

    proptest! {
        /// Against matching every filter one by one, with some of them taken out again.
        #[test]
        fn the_tree_finds_what_matching_each_filter_finds(
            filters in prop::collection::vec((filter(), any::<bool>()), 0..40),
            topics in prop::collection::vec(topic(), 1..20),
        ) {
            let mut tree = Tree::<Names>::default();
            for (number, (filter, _)) in filters.iter().enumerate() {
                tree.change(filter.as_bytes(), |leaf| leaf.0.insert(number));
            }
            for (number, (filter, _)) in filters.iter().enumerate().filter(|(_, (_, stays))| !stays) {
                prop_assert!(tree.change(filter.as_bytes(), |leaf| leaf.0.remove(&number)));
            }
            for topic in topics {
                let topic = TopicName::new(&topic).unwrap();
                let matches = |filter: &str| TopicFilter::new(filter).unwrap().matches(&topic);
                let expected: Vec<_> = filters.iter().enumerate()
                    .filter(|(_, (filter, stays))| *stays && matches(filter))
                    .map(|(number, _)| number)
                    .collect();
                prop_assert_eq!(found(&tree, &topic), expected, "{}", topic);
            }
            for (number, (filter, _)) in filters.iter().enumerate() {
                tree.change(filter.as_bytes(), |leaf| leaf.0.remove(&number));
            }
            prop_assert!(tree.is_bare(), "an empty filter leaves nothing behind");
        }
    }

    #[test]
    fn a_topic_of_many_levels_is_followed_no_further_than_the_filters_go() {
        let mut tree = Tree::<Names>::default();
        tree.change(b"a/+/#", |leaf| leaf.0.insert(1));
        let topic = TopicName::new(&format!("a{}", "/b".repeat(30_000))).unwrap();
        assert_eq!(found(&tree, &topic), [1]);
    }
}
