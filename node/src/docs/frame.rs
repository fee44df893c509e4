//! What stands around a page: its head, the contents, the search, the way to the other language. Works without a script. Pure.

use crate::docs::book::{self, Entry, Language};
use crate::docs::page::ROOT;
use crate::docs::search::{Found, QUERY_CHARS_MAX};
use std::fmt::Write;

/// The words of the frame.
struct Words {
    search: &'static str,
    placeholder: &'static str,
    contents: &'static str,
    other: &'static str,
    console: &'static str,
    nothing: &'static str,
}

const ENGLISH: Words = Words {
    search: "Search",
    placeholder: "words, a key, an error code",
    contents: "Contents",
    other: "中文",
    console: "Console",
    nothing: "Nothing has all of these words. Try fewer, or an error code such as TG-JR-005.",
};
const CHINESE: Words = Words {
    search: "搜索",
    placeholder: "词语、配置键或错误码",
    contents: "目录",
    other: "English",
    console: "控制台",
    nothing: "没有同时包含这些词的内容。请减少词语，或输入错误码，例如 TG-JR-005。",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    }
}

/// A whole page.
pub(crate) fn page(name: &'static str, title: &str, html: &str) -> String {
    let language = Language::of(name);
    let other = book::other(name).unwrap_or_else(|| other_language(language).start());
    framed(language, Some(name), title, &format!("{ROOT}{other}"), "", html)
}

/// A whole page of what was found.
pub(crate) fn results(language: Language, query: &str, found: &[Found<'_>]) -> String {
    let mut list = String::new();
    if found.is_empty() && !query.trim().is_empty() {
        let _ = write!(list, "<p>{}</p>", words(language).nothing);
    }
    list.push_str("<ol class=\"found\">");
    found.iter().for_each(|found| item(&mut list, found));
    list.push_str("</ol>");
    let other = format!("{ROOT}search?in={}", other_language(language).tag());
    framed(language, None, words(language).search, &other, query, &list)
}

fn item(out: &mut String, found: &Found<'_>) {
    let Found { page, title, section, excerpt } = found;
    let place = if section.anchor.is_empty() { String::new() } else { format!("#{}", section.anchor) };
    let heading = if section.anchor.is_empty() { "" } else { section.heading.as_str() };
    let _ = write!(
        out,
        "<li><a href=\"{ROOT}{page}{place}\">{title}{gap}{heading}</a><p>{before}<mark>{found}</mark>{after}</p></li>",
        place = escaped(&place),
        title = escaped(title),
        gap = if heading.is_empty() { "" } else { " › " },
        heading = escaped(heading),
        before = escaped(excerpt.before),
        found = escaped(excerpt.found),
        after = escaped(excerpt.after),
    );
}

fn other_language(language: Language) -> Language {
    match language {
        Language::English => Language::Chinese,
        Language::Chinese => Language::English,
    }
}

fn framed(
    language: Language,
    here: Option<&str>,
    title: &str,
    other: &str,
    query: &str,
    body: &str,
) -> String {
    let words = words(language);
    let contents = contents(language, here);
    format!(
        "<!doctype html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\"><title>{title} · tidegate</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"stylesheet\" href=\"{ROOT}style.css\"></head><body>\
         <header><a class=\"name\" href=\"{ROOT}{start}\">tidegate 潮闸</a>\
         <form role=\"search\" action=\"{ROOT}search\"><input type=\"hidden\" name=\"in\" value=\"{lang}\">\
         <input type=\"search\" name=\"q\" aria-label=\"{search}\" placeholder=\"{placeholder}\" value=\"{query}\" maxlength=\"{max}\">\
         <button>{search}</button></form>\
         <a href=\"{other}\">{other_name}</a><a href=\"/\">{console}</a></header>\
         <div class=\"columns\"><nav aria-label=\"{contents_name}\"><details open><summary>{contents_name}</summary>{contents}</details></nav>\
         <main>{body}</main></div></body></html>\n",
        lang = language.tag(),
        title = escaped(title),
        start = language.start(),
        search = words.search,
        placeholder = words.placeholder,
        query = escaped(query),
        max = QUERY_CHARS_MAX,
        other = escaped(other),
        other_name = words.other,
        console = words.console,
        contents_name = words.contents,
    )
}

fn contents(language: Language, here: Option<&str>) -> String {
    let mut out = String::new();
    let mut is_list = false;
    for entry in language.contents() {
        match entry {
            Entry::Part { title } => {
                let end = if std::mem::take(&mut is_list) { "</ul>" } else { "" };
                let _ = write!(out, "{end}<h2>{}</h2>", escaped(title));
            }
            Entry::Page { title, name, depth } => {
                let begin = if std::mem::replace(&mut is_list, true) { "" } else { "<ul>" };
                let mark = if here == Some(name) { " aria-current=\"page\"" } else { "" };
                let _ = write!(
                    out,
                    "{begin}<li class=\"depth{depth}\"><a href=\"{ROOT}{name}\"{mark}>{}</a></li>",
                    escaped(title)
                );
            }
        }
    }
    out + if is_list { "</ul>" } else { "" }
}

/// Text as it stands in HTML, also between quotation marks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_typed_is_text_wherever_it_stands() {
        let text = results(Language::English, "\"><script>1</script>", &[]);
        assert!(!text.contains("<script>"), "{text}");
        assert!(text.contains("value=\"&quot;&gt;&lt;script&gt;"));
    }

    #[test]
    fn a_page_leads_to_its_other_language_and_is_marked_in_the_contents() {
        let text = page("start", "Start", "");
        assert!(text.contains("href=\"/docs/zh/start\">中文"));
        assert!(text.contains("href=\"/docs/start\" aria-current=\"page\""));
    }

    #[test]
    fn the_frame_asks_nobody_else_for_anything() {
        let text = page("zh/start", "开始", "");
        assert!(!text.contains("://"), "{text}");
    }
}
