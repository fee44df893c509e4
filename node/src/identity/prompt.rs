//! A password from a person at a terminal, who does not see it, or from standard input; never from the command line, where others
//! would read it.

use crate::failure::Failure;
use crate::identity::password::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN};
use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
use std::io::{self, BufRead, Read, Write};

/// Asks twice at a terminal; elsewhere takes the first line.
pub(crate) fn password(name: &str) -> Result<Vec<u8>, Failure> {
    let given = if isatty(io::stdin()) { asked(name) } else { line() };
    let given = given.map_err(|error| refused(format!("the password could not be read: {error}")))?;
    judge(&given)?;
    Ok(given.into_bytes())
}

fn judge(password: &str) -> Result<(), Failure> {
    match password.len() {
        PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX => Ok(()),
        bytes => Err(refused(format!("the password has {bytes} bytes"))),
    }
}

fn refused(what: String) -> Failure {
    let hint = "take 10 to 256 bytes, and the same ones twice";
    Failure::message("TG-ID-016", what, hint)
}

fn asked(name: &str) -> io::Result<String> {
    let first = unseen(&format!("Password of {name}: "))?;
    let second = unseen("Once more: ")?;
    if first == second { Ok(first) } else { Err(io::Error::other("the two are not the same")) }
}

/// Nothing of what is typed is shown, and the terminal is as it was afterwards.
fn unseen(prompt: &str) -> io::Result<String> {
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
    let typed = line();
    tcsetattr(io::stdin(), OptionalActions::Flush, &before)?;
    writeln!(terminal)?;
    typed
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    // One byte more than is allowed tells that it is too long.
    io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 2).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
