//! `tidegate identity`: makes a secret, shows it once, and shows the lines that let its bearer in. Keeps nothing.

use crate::cli::Identity as Command;
use crate::failure::Failure;
use crate::identity::config::is_name;
use crate::identity::password::Kept;
use crate::identity::prompt;
use crate::identity::register::Digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::{self, Write};
use std::process::ExitCode;
use tidegate_kernel_id::random;

/// Prints the secret and the lines of the configuration.
pub(crate) fn print(command: &Command) -> Result<ExitCode, Failure> {
    let (Command::Secret { name } | Command::Token { name } | Command::Person { name }) = command;
    if !is_name(name) {
        let hint = "take 1 to 64 bytes without spaces and control characters, and not `anonymous`";
        return Err(Failure::message("TG-ID-010", format!("{name:?} is no name for a principal"), hint));
    }
    let text = match command {
        Command::Secret { .. } => text(SECRET, name, &made_up()),
        Command::Token { .. } => text(TOKEN, name, &made_up()),
        Command::Person { .. } => lines_of_person(name, &Kept::make(&prompt::password(name)?)),
    };
    // Who does not read the secret will ask for another one.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// What is made, the group of the configuration it belongs to, and the kind of its bearer.
type Made = (&'static str, &'static str, &'static str);

const SECRET: Made = ("secret", "devices", "device");
const TOKEN: Made = ("token", "tokens", "person");

/// A secret nobody has yet, and its SHA-256 in hex digits.
pub(crate) fn fresh_secret() -> (String, String) {
    let secret = made_up();
    let digest = Digest::of(secret.as_bytes()).to_string();
    (secret, digest)
}

/// 256 bits that nobody guesses, in letters that no shell and no header minds.
pub(crate) fn made_up() -> String {
    let random: [u8; 32] = random().expect("Linux gives random bytes since 3.17");
    URL_SAFE_NO_PAD.encode(random)
}

fn lines_of_person(name: &str, kept: &Kept) -> String {
    let (key, line) = (key(name), kept.line());
    format!(
        "# Lines for the configuration, which let {name} log in; the password is not in them:\n\
         [identity.people.{key}]\nargon2id = \"{line}\"\nroles = [\"operator\"]\n"
    )
}

fn text((what, group, kind): Made, name: &str, secret: &str) -> String {
    let digest = Digest::of(secret.as_bytes());
    let key = key(name);
    format!(
        "# The {what} of {name}, which is shown this once; give it to its bearer:\n#   {secret}\n\
         # Lines for the configuration, which let it in:\n[identity.{group}.{key}]\nkind = \"{kind}\"\n\
         sha256 = \"{digest}\"\nscopes = [\"publish:#\"]\n"
    )
}

/// A name as a key of TOML, quoted where it has to be.
fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_bare { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_hold_the_digest_of_the_secret_and_a_name_is_quoted_where_it_has_to_be() {
        let text = text(SECRET, "press.7", "abc");
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(text.contains("#   abc\n") && text.contains(&format!("sha256 = \"{digest}\"\n")), "{text}");
        assert!(text.contains("[identity.devices.\"press.7\"]\n"), "{text}");
    }
}
