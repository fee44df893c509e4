//! The pages in the binary, and the two tables of contents, `docs/SUMMARY.md` and `docs/zh/SUMMARY.md`, in the layout of mdBook.
//!
//! A page's name is its path below `docs/` without its ending; a Chinese page has the name of its English one below `zh/`.

/// Name and text of each page, sorted by name.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// What a page is written in. Error pages are in both and count as English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

/// A line of a table of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Part { title: &'static str },
    Page { title: &'static str, name: &'static str, depth: usize },
}

impl Language {
    /// The one a page is in.
    pub(crate) fn of(name: &str) -> Language {
        if name.starts_with("zh/") { Language::Chinese } else { Language::English }
    }

    /// The first of the two that a browser asks for, in the order of RFC 9110 §12.5.4 without its weights.
    pub(crate) fn accepted(header: &str) -> Language {
        let wanted = header.split(',').map(str::trim).find_map(|range| match range.get(..2) {
            Some("zh") => Some(Language::Chinese),
            Some("en") => Some(Language::English),
            _ => None,
        });
        wanted.unwrap_or(Language::English)
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh-CN",
        }
    }

    /// The page to begin with.
    pub(crate) fn start(self) -> &'static str {
        match self {
            Language::English => "start",
            Language::Chinese => "zh/start",
        }
    }

    pub(crate) fn contents(self) -> impl Iterator<Item = Entry> {
        let (summary, folder) = match self {
            Language::English => ("SUMMARY", ""),
            Language::Chinese => ("zh/SUMMARY", "zh/"),
        };
        let text = page(summary).map_or("", |(_, text)| text);
        text.lines().filter_map(move |line| entry(line, folder))
    }
}

pub(crate) fn pages() -> &'static [(&'static str, &'static str)] {
    PAGES
}

/// The page of this name, with its name as it lives in the binary.
pub(crate) fn page(name: &str) -> Option<(&'static str, &'static str)> {
    PAGES.binary_search_by_key(&name, |(name, _)| name).ok().map(|at| PAGES[at])
}

/// The same page in the other language.
pub(crate) fn other(name: &str) -> Option<&'static str> {
    let other = match name.strip_prefix("zh/") {
        Some(english) => english.to_owned(),
        None => format!("zh/{name}"),
    };
    page(&other).map(|(name, _)| name)
}

/// The first heading, without marks.
pub(crate) fn title(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("# ")
}

/// `- [Title](path.md)`, indented by two spaces for each level, or `# Part`.
fn entry(line: &'static str, folder: &str) -> Option<Entry> {
    if let Some(title) = line.strip_prefix("# ") {
        return Some(Entry::Part { title });
    }
    let indent = line.len() - line.trim_start().len();
    let (title, path) = line.trim().strip_prefix("- [")?.split_once("](")?;
    let name = resolved(folder, path.strip_suffix(".md)")?);
    page(&name).map(|(name, _)| Entry::Page { title, name, depth: indent / 2 })
}

/// What a relative path means in a folder (`""` or ending in `/`), as far as it stays below `docs/`.
pub(crate) fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(language: Language) -> Vec<&'static str> {
        language
            .contents()
            .filter_map(|entry| match entry {
                Entry::Page { name, .. } => Some(name),
                Entry::Part { .. } => None,
            })
            .collect()
    }

    #[test]
    fn every_line_of_the_contents_is_a_page_and_has_its_title() {
        for (summary, language) in [("SUMMARY", Language::English), ("zh/SUMMARY", Language::Chinese)] {
            let lines = page(summary).unwrap().1.lines().filter(|line| line.trim().starts_with("- ")).count();
            assert_eq!(names(language).len(), lines, "{summary} names a page that is not there");
        }
    }

    #[test]
    fn what_is_in_one_language_is_in_the_other_in_the_same_order() {
        // What programs write, and what was measured, is in English alone.
        let alone = |name: &&str| name.starts_with("reference/") || name.starts_with("bench/");
        let english: Vec<_> = names(Language::English).into_iter().filter(|name| !alone(name)).collect();
        let chinese: Vec<_> =
            names(Language::Chinese).iter().filter_map(|name| name.strip_prefix("zh/")).collect();
        assert_eq!(english, chinese);
    }

    #[test]
    fn a_page_has_the_same_sections_in_both_languages() {
        let sections = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
        for name in names(Language::Chinese) {
            let (chinese, english) = (page(name).unwrap().1, page(other(name).unwrap()).unwrap().1);
            assert_eq!(sections(chinese), sections(english), "{name}");
        }
    }

    #[test]
    fn every_page_but_records_and_errors_is_in_the_contents() {
        let listed: BTreeSet<_> =
            [Language::English, Language::Chinese].into_iter().flat_map(names).collect();
        let apart = ["errors/", "adr/", "ci/", "conformance/", "evidence/"];
        let lost: Vec<_> = PAGES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !name.ends_with("SUMMARY") && !apart.iter().any(|folder| name.starts_with(folder)))
            .filter(|name| !listed.contains(name))
            .collect();
        assert_eq!(lost, [""; 0]);
    }

    #[test]
    fn a_browser_gets_the_language_it_asks_for_first() {
        assert_eq!(Language::accepted("fr, zh-CN;q=0.9, en;q=0.8"), Language::Chinese);
        assert_eq!(Language::accepted("en-GB,zh"), Language::English);
        assert_eq!(Language::accepted("中文"), Language::English);
    }

    #[test]
    fn a_relative_path_is_taken_from_its_folder_and_never_leaves_the_book() {
        assert_eq!(resolved("guides/", "../reference/config"), "reference/config");
        assert_eq!(resolved("", "../../etc/passwd"), "etc/passwd");
    }
}
