//! `tidegate explain`: the pages of `docs/errors/`, which are in the binary.

use crate::docs::book;
use crate::failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

pub(crate) fn print(code: Option<&str>) -> Result<ExitCode, Failure> {
    let text = match code {
        Some(code) => page(code)?.to_owned(),
        None => pages().map(|page| format!("{}\n", book::title(page))).collect(),
    };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// All of them, sorted by code.
fn pages() -> impl Iterator<Item = &'static str> {
    book::pages().iter().filter(|(name, _)| name.starts_with("errors/TG-")).map(|(_, text)| *text)
}

/// The code as it is in the binary; nothing where this version has none like it.
pub(crate) fn code(code: &str) -> Option<&'static str> {
    page(code).ok().and_then(|text| book::title(text).split_once(": ")).map(|(code, _)| code)
}

fn page(code: &str) -> Result<&'static str, Failure> {
    let wanted = code.trim().to_ascii_uppercase();
    let unknown = || {
        let message = format!("{code:?} is no error code of this version");
        Failure::message("TG-ND-003", message, "`tidegate explain` without a code lists them all")
    };
    let found = book::page(&format!("errors/{wanted}")).filter(|_| wanted.starts_with("TG-"));
    found.map(|(_, text)| text).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_its_code_however_it_is_written() {
        for text in pages() {
            let (code, _) = book::title(text).split_once(": ").unwrap();
            assert_eq!(page(&code.to_ascii_lowercase()).unwrap(), text);
        }
        assert!(pages().count() > 200);
        assert!(page("../guides/http").is_err());
        assert!(page("TG-XX-999").unwrap_err().to_string().starts_with("error[TG-ND-003]"));
    }
}
