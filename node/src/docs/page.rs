//! A page of Markdown as HTML, and as the sections a search looks through. Links between pages become links between routes; a link
//! to a file that is not in the binary is left as its text. Pure.

use crate::docs::book;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use std::borrow::Cow;

/// Where pages are served.
pub(crate) const ROOT: &str = "/docs/";

/// What stands under one heading, as plain text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Section {
    pub(crate) heading: String,
    /// The heading's place in the page; nothing for what stands under the title.
    pub(crate) anchor: String,
    pub(crate) text: String,
}

/// The page as HTML.
pub(crate) fn html(name: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, linked(name, anchored(parse(text))).into_iter());
    out
}

/// The page's sections, which end at the next heading of the first two levels.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut in_heading = false;
    for event in anchored(parse(text)) {
        let section = sections.last_mut().expect("there is one from the beginning");
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, id, .. }) => {
                let anchor = id.map_or_else(String::new, CowStr::into_string);
                sections.push(Section { anchor, ..Section::default() });
                in_heading = true;
            }
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => in_heading = true,
            Event::End(TagEnd::Heading(HeadingLevel::H1 | HeadingLevel::H2)) => in_heading = false,
            Event::Text(text) | Event::Code(text) if in_heading => section.heading.push_str(&text),
            Event::Text(text) | Event::Code(text) => section.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => section.text.push(' '),
            _ => {}
        }
    }
    sections
}

/// Markdown of ours has tables and nothing else beyond CommonMark; HTML in it is shown, not obeyed.
fn parse(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        other => other,
    })
}

/// Gives each heading an anchor made of its words.
fn anchored<'a>(events: impl Iterator<Item = Event<'a>>) -> Vec<Event<'a>> {
    let mut events: Vec<_> = events.collect();
    for at in 0..events.len() {
        if !matches!(events[at], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let words =
            events[at + 1..].iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let words: String = words.filter_map(written).collect();
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[at] {
            *id = Some(anchor(&words).into());
        }
    }
    events
}

fn written<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    }
}

/// Letters and digits of any script, in lower case, with a hyphen for each gap; what GitHub makes of the same heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|sign| if sign == ' ' { '-' } else { sign }).collect()
}

fn linked<'a>(name: &str, events: Vec<Event<'a>>) -> Vec<Event<'a>> {
    let folder = name.rfind('/').map_or("", |at| &name[..=at]);
    let mut dropped = false;
    let link = |event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => match target(folder, &dest_url) {
            Some(to) => {
                let dest_url = to.into_owned().into();
                Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
            }
            None => {
                dropped = true;
                None
            }
        },
        Event::End(TagEnd::Link) if std::mem::take(&mut dropped) => None,
        other => Some(other),
    };
    events.into_iter().filter_map(link).collect()
}

fn target<'a>(folder: &str, link: &'a str) -> Option<Cow<'a, str>> {
    if link.starts_with('#') || link.starts_with("https://") {
        return Some(link.into());
    }
    let (path, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
    let name = book::resolved(folder, path.strip_suffix(".md")?);
    book::page(&name).map(|(name, _)| format!("{ROOT}{name}{anchor}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_routes_and_what_is_not_here_is_its_text() {
        let text = "[c](../reference/config.md#a), [r](../../services/grpc/README.md), [i](#x)";
        let expected = "<p><a href=\"/docs/reference/config#a\">c</a>, r, <a href=\"#x\">i</a></p>\n";
        assert_eq!(html("guides/http", text), expected);
    }

    #[test]
    fn html_in_a_page_is_shown_and_not_obeyed() {
        assert_eq!(html("x", "a <b onclick=\"x()\">"), "<p>a &lt;b onclick=\"x()\"&gt;</p>\n");
        assert!(!html("x", "<script>1</script>").contains("<script>"));
    }

    #[test]
    fn a_heading_has_an_anchor_in_any_script() {
        assert!(html("x", "## 谁 may `come` in").contains("<h2 id=\"谁-may-come-in\">"));
    }

    #[test]
    fn a_section_is_what_stands_under_a_heading_as_words() {
        let found = sections("# T\n\nfirst `code`\n\n## Second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert_eq!((found[0].heading.as_str(), found[0].text.trim()), ("T", "first code"));
        assert_eq!((found[1].heading.as_str(), found[1].anchor.as_str()), ("Second", "second"));
        assert!(found[1].text.contains("a b") && found[1].text.contains("1 2"), "{:?}", found[1]);
    }

    #[test]
    fn every_link_of_every_page_of_the_book_leads_somewhere() {
        for (name, text) in book::pages().iter().filter(|(name, _)| !name.starts_with("adr/")) {
            let folder = name.rfind('/').map_or("", |at| &name[..=at]);
            for event in parse(text) {
                let Event::Start(Tag::Link { dest_url, .. }) = event else { continue };
                let inside = !dest_url.starts_with("../../") && !dest_url.starts_with("../../../");
                assert!(!inside || target(folder, &dest_url).is_some(), "{name}: {dest_url}");
            }
        }
    }
}
