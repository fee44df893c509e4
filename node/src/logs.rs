//! The log of `tidegate up`: to standard output, as text or as JSON, filtered by `TIDEGATE_LOG`; and the last warnings and errors in
//! memory, for whoever asks the node what is wrong.
//!
//! A line of something that is done for a request carries the request's id. Takes the wall clock for each line.

mod printed;
mod recent;
mod words;

pub(crate) use recent::{Line, Recent};

use crate::banner;
use crate::failure::Failure;
use printed::Printed;
use std::env;
use std::io::{self, IsTerminal, Write};
use tidegate_kernel_plug::config::{Field, Kind, Section, Values};
use tidegate_kernel_trace::Spans;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

const VARIABLE: &str = "TIDEGATE_LOG";
/// What the library of OPC UA says is told by the plant with a code, once and not each time.
const DEFAULT: &str = "warn,tidegate=info,opcua=off";
const JSON: &str = "json";

pub(crate) const SECTION: Section = Section::new(
    "log",
    "What a node says of itself while it runs, on standard output. The variable TIDEGATE_LOG says how much.",
    &[Field::new(
        "format",
        Kind::Choice(&["text", JSON]),
        "text",
        "Lines for people, or one JSON object a line; then the greeting and the last words are on standard error.",
    )],
);

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

/// What is there once the log has started.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) format: Format,
    pub(crate) recent: Recent,
    pub(crate) spans: Spans,
}

impl Format {
    pub(crate) fn from_values(values: &Values) -> Format {
        if values.get::<String>("format") == JSON { Format::Json } else { Format::Text }
    }

    /// Words for people: among the lines where those are for people too, and beside them where programs read them.
    pub(crate) fn say(self, text: &str) {
        match self {
            Format::Text => banner::say(text),
            // A reader that went away is no reason to stop.
            Format::Json => _ = io::stderr().write_all(text.as_bytes()),
        }
    }
}

/// Once for the process.
pub(crate) fn start(format: Format) -> Result<Log, Failure> {
    let text = env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|error| {
        let message = format!("{VARIABLE} is {text:?}, which is no filter: {error}");
        Failure::message("TG-ND-005", message, "use levels and names, like `warn,tidegate=debug`")
    })?;
    let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let printed = Printed { format, has_colours: !is_plain && io::stdout().is_terminal() };
    let (recent, spans) = (Recent::default(), Spans::default());
    let registry = tracing_subscriber::registry().with(spans.layer());
    registry.with(printed.with_filter(filter)).with(recent.clone()).init();
    Ok(Log { format, recent, spans })
}
