//! What a person needs to reach the node from elsewhere, in words and as a code for the phone.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Where the node is, how to know it, and how to be known to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) url: String,
    /// SHA-256 of the certificate, as browsers show it.
    pub(crate) fingerprint: String,
    /// Only where it was made at this start.
    pub(crate) token: Option<String>,
    pub(crate) token_file: PathBuf,
}

impl Greeting {
    /// The URL as a code to be photographed, two dots of it in each letter; nothing if it does not fit.
    pub(crate) fn code(&self) -> Option<String> {
        let code = QrCode::new(self.url.as_bytes()).ok()?;
        // Light modules as full blocks: most terminals are dark, and phones want a light margin.
        let mut image = code.render::<Dense1x2>();
        Some(image.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build() + "\n")
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Greeting { url, fingerprint, token, token_file } = self;
        writeln!(
            f,
            "  lan    {url}   from other machines; compare the certificate's SHA-256 before you trust it:"
        )?;
        writeln!(f, "         {fingerprint}")?;
        match token {
            Some(token) => writeln!(f, "  token  {token}   shown this once; it may do everything"),
            None => writeln!(
                f,
                "  token  as shown when it was made; for a new one remove {} and start again",
                token_file.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(token: Option<&str>) -> Greeting {
        Greeting {
            url: "https://192.168.1.20:7343/".to_owned(),
            fingerprint: "AB:CD".to_owned(),
            token: token.map(str::to_owned),
            token_file: PathBuf::from("d/lan/token.sha256"),
        }
    }

    #[test]
    fn the_token_is_shown_once_and_then_how_to_get_another() {
        assert!(greeting(Some("abc")).to_string().contains("  token  abc   shown this once"));
        let later = greeting(None).to_string();
        assert!(later.contains("remove d/lan/token.sha256 and start again"), "{later}");
    }

    #[test]
    fn the_code_is_as_wide_as_it_is_high() {
        let code = greeting(None).code().unwrap();
        let lines: Vec<usize> = code.lines().map(|line| line.chars().count()).collect();
        // Version 2 has 25 modules, the quiet zone 4 on each side, a letter two rows.
        assert_eq!((lines.len(), lines[0]), (17, 33), "{code}");
        assert!(lines.iter().all(|width| *width == lines[0]));
    }
}
