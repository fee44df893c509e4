//! `tidegate explain`: the pages of `docs/errors/`, which are in the binary.

use crate::failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// Code and page, sorted by code.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

pub(crate) fn print(code: Option<&str>) -> Result<ExitCode, Failure> {
    let text = match code {
        Some(code) => page(code)?.to_owned(),
        None => PAGES.iter().map(|(_, page)| format!("{}\n", title(page))).collect(),
    };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn page(code: &str) -> Result<&'static str, Failure> {
    let wanted = code.trim().to_ascii_uppercase();
    let found = PAGES.binary_search_by_key(&wanted.as_str(), |(code, _)| code);
    let unknown = || {
        let message = format!("{code:?} is no error code of this version");
        Failure::message("TG-ND-003", message, "`tidegate explain` without a code lists them all")
    };
    found.map(|at| PAGES[at].1).map_err(|_| unknown())
}

fn title(page: &str) -> &str {
    page.lines().next().unwrap_or_default().trim_start_matches("# ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_its_code_however_it_is_written() {
        for (code, text) in PAGES {
            assert_eq!(page(&code.to_ascii_lowercase()).unwrap(), *text);
            assert!(title(text).starts_with(&format!("{code}: ")), "the title of {code}");
        }
        assert!(page("TG-XX-999").unwrap_err().to_string().starts_with("error[TG-ND-003]"));
    }
}
