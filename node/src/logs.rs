//! The log: to standard error, filtered by `TIDEGATE_LOG`, coloured only for a terminal and without `NO_COLOR`.

use crate::failure::Failure;
use std::env;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

const VARIABLE: &str = "TIDEGATE_LOG";
const DEFAULT: &str = "warn,tidegate=info";

pub(crate) fn start() -> Result<(), Failure> {
    let text = env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|error| {
        let message = format!("{VARIABLE} is {text:?}, which is no filter: {error}");
        Failure::message("TG-ND-005", message, "use levels and names, like `warn,tidegate=debug`")
    })?;
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(!plain && io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}
