//! Alarms to people as the node wires them: channels of the configuration, the routes, and `tidegate notice`, which asks them.

mod config;

use crate::asking::ask;
use crate::cli::{Notice, Running};
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_connector_mail::Mailer;
use tidegate_connector_robots::Robot;
use tidegate_kernel_journal::{Journal, SystemClock};
use tidegate_kernel_outbound::{Dialer, HttpLimits};
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};
use tidegate_service_notice::{ChannelAccount, Courier, Notices, TestError, Zone};
use tokio::runtime::Handle;

pub(crate) use config::{CHANNELS, Setup};
use config::{ChannelSetup, Way};

const PATH: &str = "/api/v1/notice/channels";
const TEST: &str = "/api/v1/notice/channels/{name}/test";

impl Setup {
    pub(crate) fn open(&self, journal: Journal, zone: Zone) -> Notices {
        Notices::open(journal, Arc::new(SystemClock), self.config.clone(), zone)
    }

    /// Sets every channel running.
    pub(crate) fn start(
        &self,
        notices: &Notices,
        dialer: &Dialer,
        exporters: &Handle,
    ) -> Result<(), Failure> {
        for channel in self.channels.iter().cloned() {
            let courier = courier(&channel, dialer.clone());
            let started = notices.start_channel(channel.own, courier, exporters);
            started.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        }
        Ok(())
    }
}

fn courier(channel: &ChannelSetup, dialer: Dialer) -> Arc<dyn Courier> {
    match channel.way.clone() {
        Way::Robot { vendor, address, secret } => {
            let secret = secret.map(|secret| secret.reveal().to_owned());
            let robot = Robot::new(vendor, dialer, address, secret, HttpLimits::default());
            match channel.per_minute_max {
                Some(many) => Arc::new(robot.with_per_minute_max(many)),
                None => Arc::new(robot),
            }
        }
        Way::Mail(config) => {
            let mailer = Mailer::new(dialer, config);
            match channel.per_minute_max {
                Some(many) => Arc::new(mailer.with_per_minute_max(many)),
                None => Arc::new(mailer),
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    channels: Vec<ChannelAccount>,
}

#[derive(Debug, Serialize)]
struct Tested {
    channel: String,
    answer: String,
}

pub(crate) fn routes(notices: Arc<Notices>) -> Routes {
    let test = Route::post(TEST, Need::Role(Role::Operator), "Sends a test message on a channel.");
    Routes::new()
        .with(
            Route::get(PATH, Need::Authenticated, "Where every notice is, by channel."),
            list,
            notices.clone(),
        )
        .with(test, test_channel, notices)
}

async fn list(State(notices): State<Arc<Notices>>) -> Json<Listed> {
    Json(Listed { channels: notices.accounts() })
}

async fn test_channel(
    State(notices): State<Arc<Notices>>,
    Path(channel): Path<String>,
) -> Result<Json<Tested>, Refusal> {
    match notices.test(&channel).await {
        Ok(receipt) => Ok(Json(Tested { channel, answer: receipt.answer })),
        Err(error) => Err(untested(&error)),
    }
}

fn untested(error: &TestError) -> Refusal {
    let status = match error {
        TestError::Unknown(_) => StatusCode::NOT_FOUND,
        TestError::Paced { .. } => StatusCode::TOO_MANY_REQUESTS,
        TestError::Failed { .. } => StatusCode::BAD_GATEWAY,
        TestError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    Refusal::new(status, error.code(), error.to_string(), error.hint())
}

pub(crate) fn run(command: &Notice) -> Result<ExitCode, Failure> {
    let text = match command {
        Notice::List(asked) => {
            let answer = ask(&asked.node, "GET", PATH)?;
            if asked.json { format!("{answer}\n") } else { listed(&answer) }
        }
        Notice::Test { channel, node } => tested(channel, node)?,
    };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn tested(channel: &str, node: &Running) -> Result<String, Failure> {
    // What is no plain name is the name of no channel.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let name: String = channel.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    let answer = ask(node, "POST", &format!("/api/v1/notice/channels/{name}/test"))?;
    Ok(format!("{channel}: {}\n", answer["answer"].as_str().unwrap_or_default()))
}

fn listed(answer: &Value) -> String {
    let channels = answer["channels"].as_array().map(Vec::as_slice).unwrap_or_default();
    if channels.is_empty() {
        return "no channel; the configuration names them as [notice.channels.NAME]\n".to_owned();
    }
    let mut out = String::new();
    for channel in channels {
        let word = |key: &str| channel[key].as_str().unwrap_or_default();
        let _ = write!(out, "{} ({}):", word("channel"), word("type"));
        for key in ["notices", "sent", "merged", "filtered", "expired", "dead_lettered", "waiting"] {
            let _ = write!(out, " {key} {}", channel[key]);
        }
        out.push('\n');
        let failure = &channel["state"]["failure"];
        if let (Some(code), Some(message)) = (failure["code"].as_str(), failure["message"].as_str()) {
            let _ = writeln!(out, "  {code}: {message}");
        }
    }
    out
}
