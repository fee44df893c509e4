//! Full-text search over the sections of all pages: words of letters and digits, and pairs of neighbouring Chinese characters, which
//! need no dictionary. A section is found where it has every term; the last word may be a beginning. Pure.

use crate::docs::book;
use crate::docs::page::{Section, sections};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Characters of a query that are looked at, and results that are given.
pub(crate) const QUERY_CHARS_MAX: usize = 100;
pub(crate) const RESULTS_MAX: usize = 30;
/// A term in a heading counts as much as so many in the text.
const HEADING_WEIGHT: u32 = 12;
/// Characters shown before and behind what was found.
const AROUND: usize = 60;

/// A section that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) page: &'static str,
    pub(crate) title: &'static str,
    pub(crate) section: &'a Section,
    /// Where in its text the first term stands, in bytes; with what is around it.
    pub(crate) excerpt: Excerpt<'a>,
}

/// Part of a text with what was looked for in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excerpt<'a> {
    pub(crate) before: &'a str,
    pub(crate) found: &'a str,
    pub(crate) after: &'a str,
}

#[derive(Debug)]
pub(crate) struct Index {
    places: Vec<(&'static str, &'static str, Section)>,
    /// For each term the sections that have it, and how often.
    terms: BTreeMap<String, Vec<(u32, u32)>>,
}

impl Index {
    /// Of all pages but the tables of contents.
    pub(crate) fn of_book() -> Index {
        let pages = book::pages().iter().filter(|(name, _)| !name.ends_with("SUMMARY"));
        let mut index = Index { places: Vec::new(), terms: BTreeMap::new() };
        for (name, text) in pages {
            for section in sections(text) {
                index.add(name, book::title(text), section);
            }
        }
        index
    }

    fn add(&mut self, page: &'static str, title: &'static str, section: Section) {
        let number = self.places.len() as u32;
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        terms(&section.text).for_each(|term| *counts.entry(term).or_default() += 1);
        terms(&section.heading).for_each(|term| *counts.entry(term).or_default() += HEADING_WEIGHT);
        for (term, count) in counts {
            self.terms.entry(term).or_default().push((number, count));
        }
        self.places.push((page, title, section));
    }

    /// The best sections first.
    pub(crate) fn search(&self, query: &str) -> Vec<Found<'_>> {
        let query: String = query.chars().take(QUERY_CHARS_MAX).collect();
        let wanted: Vec<_> = terms(&query).collect();
        let Some((last, firsts)) = wanted.split_last() else { return Vec::new() };
        let mut scores = self.beginning_with(last);
        for term in firsts {
            let of_term = self.weights(self.terms.get(term).map_or(&[], Vec::as_slice));
            scores =
                scores.into_iter().filter_map(|(at, score)| Some((at, score + of_term.get(&at)?))).collect();
        }
        let mut best: Vec<_> = scores.into_iter().collect();
        best.sort_by_key(|(at, score)| (std::cmp::Reverse(*score), *at));
        best.truncate(RESULTS_MAX);
        best.into_iter().map(|(at, _)| self.found(at, &wanted)).collect()
    }

    /// Whatever a reader has typed of the last word so far.
    fn beginning_with(&self, beginning: &str) -> BTreeMap<u32, u32> {
        let mut scores = BTreeMap::new();
        let range = self.terms.range::<str, _>((Bound::Included(beginning), Bound::Unbounded));
        for (_, sections) in range.take_while(|(term, _)| term.starts_with(beginning)) {
            self.weights(sections)
                .into_iter()
                .for_each(|(at, weight)| *scores.entry(at).or_default() += weight);
        }
        scores
    }

    /// A term counts the more the fewer sections have it, and each time less than the time before.
    fn weights(&self, sections: &[(u32, u32)]) -> BTreeMap<u32, u32> {
        let rarity = magnitude(self.places.len() as u32 / sections.len().max(1) as u32) + 1;
        sections.iter().map(|(at, count)| (*at, (magnitude(*count) + 1) * rarity)).collect()
    }

    fn found(&self, at: u32, wanted: &[String]) -> Found<'_> {
        let (page, title, section) = &self.places[at as usize];
        Found { page, title, section, excerpt: excerpt(&section.text, wanted) }
    }
}

fn magnitude(count: u32) -> u32 {
    count.checked_ilog2().unwrap_or(0)
}

/// The terms of a text, in its order. A run of Chinese gives its pairs, one that is a single character that one; a word with signs
/// within, such as an error code or a key, is looked for by its parts, which stand next to each other as well as anywhere.
fn terms(text: &str) -> impl Iterator<Item = String> {
    let mut terms = Vec::new();
    for run in text.split(|sign: char| !sign.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let signs: Vec<char> = run.chars().flat_map(char::to_lowercase).collect();
        for part in signs.chunk_by(|one, other| is_ideograph(*one) == is_ideograph(*other)) {
            match is_ideograph(part[0]) && part.len() > 1 {
                true => terms.extend(part.windows(2).map(|pair| pair.iter().collect::<String>())),
                false => terms.push(part.iter().collect()),
            }
        }
    }
    terms.into_iter()
}

/// The unified ideographs in use today, and those for compatibility.
fn is_ideograph(sign: char) -> bool {
    matches!(sign, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

fn excerpt<'a>(text: &'a str, wanted: &[String]) -> Excerpt<'a> {
    let lower = text.to_lowercase();
    // Lower case of another length is rare, and then there is nothing to point at.
    let spots = wanted.iter().filter_map(|term| Some((lower.find(term.as_str())?, term.len())));
    let spot = spots.min().filter(|(at, length)| text.get(*at..at + length).is_some());
    let (at, length) = spot.unwrap_or((0, 0));
    let before = text[..at].char_indices().rev().take(AROUND).last().map_or(at, |(at, _)| at);
    let behind = &text[at + length..];
    let after = behind.char_indices().nth(AROUND).map_or(behind.len(), |(at, _)| at);
    Excerpt { before: &text[before..at], found: &text[at..at + length], after: &behind[..after] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn of(text: &str) -> Vec<String> {
        terms(text).collect()
    }

    #[test]
    fn words_are_lower_case_and_chinese_is_pairs() {
        assert_eq!(of("TG-IN-040: Dead letters"), ["tg", "in", "040", "dead", "letters"]);
        assert_eq!(of("拔网线ok后"), ["拔网", "网线", "ok", "后"]);
    }

    #[test]
    fn a_code_finds_its_page_first_and_the_beginning_of_a_word_finds_the_word() {
        let index = Index::of_book();
        assert_eq!(index.search("TG-IN-040")[0].page, "errors/TG-IN-040");
        assert!(index.search("dead lett").iter().any(|found| found.section.text.contains("dead letter")));
    }

    #[test]
    fn chinese_finds_what_has_all_of_it_and_shows_where() {
        let index = Index::of_book();
        let found = index.search("行协议");
        assert!(!found.is_empty());
        let is_there = |found: &Found<'_>| {
            found.section.text.contains("行协议") || found.section.heading.contains("行协议")
        };
        assert!(is_there(&found[0]), "{:?}", found[0]);
    }

    #[test]
    fn nothing_finds_nothing_and_too_much_is_cut() {
        let index = Index::of_book();
        assert_eq!(index.search(" -- "), []);
        assert_eq!(index.search("qqqqzzzz"), []);
        assert!(index.search("the").len() <= RESULTS_MAX);
        index.search(&"网".repeat(100_000));
    }

    #[test]
    fn every_page_is_found_by_a_heading_of_its_own() {
        let index = Index::of_book();
        let pages: BTreeSet<_> = index.search("journal").iter().map(|found| found.page).collect();
        assert!(pages.len() > 3, "{pages:?}");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_a_part_of_its_text_whatever_the_text(text in "\\PC{0,200}", word in "\\PC{1,5}") {
            let wanted: Vec<_> = terms(&word).collect();
            let Excerpt { before, found, after } = excerpt(&text, &wanted);
            let whole = [before, found, after].concat();
            prop_assert!(text.contains(&whole));
        }
    }
}
