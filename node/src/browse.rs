//! The variables of an OPC UA server: the route of the management listener, and `tidegate ingest opcua browse`, which asks it.

use crate::asking::ask;
use crate::cli::Browse;
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tidegate_driver_opcua::{Address, Browsed, Glob, Leaf, OpcUa, Trust};
use tidegate_kernel_outbound::{Dialer, query};
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};
use tidegate_service_plant::{Device, Dial, Driver, Limit, Login, Plant, Trouble, Unfit};
use tokio::time::timeout;

const PATH: &str = "/api/v1/ingest/opcua/browse";
/// Variables in one answer.
const LISTED_MAX: usize = 10_000;
const CONNECT_WAIT: Duration = Duration::from_secs(10);
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Of the whole look; who asks waits a little longer.
const LOOK_WAIT: Duration = Duration::from_secs(25);

/// What a look at a server takes.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    plant: Arc<Plant>,
    opcua: OpcUa,
    dialer: Dialer,
}

impl Browser {
    pub(crate) fn new(plant: Arc<Plant>, trust: Arc<Trust>, dialer: Dialer) -> Browser {
        Browser { plant, opcua: OpcUa::new(trust), dialer }
    }

    /// A device's address with who asks there and what it is asked for already, or an address alone.
    fn server(&self, server: &str) -> Result<Server, Refusal> {
        if server.contains("://") {
            return Ok(Server { address: server.to_owned(), ..Server::default() });
        }
        let device = self.plant.device(server).filter(|device| device.driver == self.opcua.name());
        let missing = || {
            let hint =
                "GET /api/v1/ingest/devices names those that are asked; an address has opc.tcp:// in front";
            Refusal::new(
                StatusCode::NOT_FOUND,
                "TG-UA-040",
                format!("no OPC UA device {server:?} is asked"),
                hint,
            )
        };
        device.map(|device| self.known(device)).ok_or_else(missing)
    }

    fn known(&self, device: Device) -> Server {
        let tags = device.groups.iter().flat_map(|scan| &scan.tags);
        let address = |text: &str| self.opcua.address(text).expect("judged with the configuration").0;
        let tags = tags.map(|tag| (tag.name.to_string(), address(&tag.address))).collect();
        let Device { address, login, template, .. } = device;
        Server { address, login, template: Some(template.to_string()), tags }
    }

    /// As it is told: of what is a tag already its name, of what can be one a name that is free.
    fn shown(&self, server: &Server, browsed: &Browsed) -> Value {
        let mut names: BTreeSet<String> = server.tags.keys().cloned().collect();
        let mut one = |leaf: &Leaf| {
            let tag = self.opcua.address(&leaf.address).ok().and_then(|(address, _)| server.tag(&address));
            let is_free = tag.is_none() && leaf.of.is_some();
            let name = is_free.then(|| free_name(&mut names, &leaf.path));
            let of = leaf.of.map(|of| of.name());
            json!({ "path": leaf.path, "address": leaf.address, "type": of, "name": name, "tag": tag })
        };
        let variables: Vec<Value> = browsed.leaves.iter().map(&mut one).collect();
        json!({ "variables": variables, "is_cut": browsed.is_cut, "template": server.template })
    }
}

/// Where to look.
#[derive(Debug, Default)]
struct Server {
    address: String,
    login: Option<Login>,
    /// Of a device, and the tags it is asked for.
    template: Option<String>,
    tags: BTreeMap<String, Address>,
}

impl Server {
    fn tag(&self, address: &Address) -> Option<&str> {
        let mut tags = self.tags.iter().filter(|(_, known)| known.is_of_node(address));
        tags.next().map(|(name, _)| &**name)
    }
}

/// Which variables of which server.
#[derive(Debug, Deserialize)]
struct Asked {
    server: String,
    #[serde(default = "everything")]
    glob: String,
    #[serde(default = "listed_max")]
    many: usize,
}

fn everything() -> String {
    "Objects/**".to_owned()
}

fn listed_max() -> usize {
    LISTED_MAX
}

pub(crate) fn routes(browser: Browser) -> Routes {
    let route = Route::get(PATH, Need::Role(Role::Operator), "Variables of an OPC UA server.");
    Routes::new().with(route, list, browser)
}

async fn list(State(browser): State<Browser>, Query(asked): Query<Asked>) -> Result<Json<Value>, Refusal> {
    let server = browser.server(&asked.server)?;
    let place = browser.opcua.place(&server.address).map_err(|unfit| unfit_address(&unfit))?;
    let glob = Glob::new(&asked.glob).ok_or_else(|| {
        let hint = "write ** at most three times";
        Refusal::new(StatusCode::BAD_REQUEST, "TG-UA-041", "the glob has too many parts of any depth", hint)
    })?;
    let dial = Dial::new(browser.dialer.clone(), CONNECT_WAIT).with_login(server.login.clone());
    let many = asked.many.clamp(1, LISTED_MAX);
    let look = browser.opcua.browse(&dial, &place, &glob, many, Limit(ANSWER_WAIT));
    let late = || Err(Trouble::device("TG-UA-042", format!("the look took longer than {LOOK_WAIT:?}")));
    let browsed = timeout(LOOK_WAIT, look).await.unwrap_or_else(|_| late());
    browsed.map(|browsed| Json(browser.shown(&server, &browsed))).map_err(|trouble| unanswered(&trouble))
}

fn unfit_address(unfit: &Unfit) -> Refusal {
    let hint = "write a device's name, or an address as in opc.tcp://10.0.0.11:4840?security=None";
    Refusal::new(StatusCode::BAD_REQUEST, unfit.code, unfit.message.clone(), hint)
}

fn unanswered(trouble: &Trouble) -> Refusal {
    let hint = "its code says what to do";
    Refusal::new(StatusCode::BAD_GATEWAY, trouble.code, trouble.message.clone(), hint)
}

pub(crate) fn run(command: &Browse) -> Result<ExitCode, Failure> {
    let many = command.many.to_string();
    let asked = query(&[("server", &command.server), ("glob", &command.glob), ("many", &many)]);
    let answer = ask(&command.node.node, "GET", &format!("{PATH}{asked}"))?;
    let text = match (command.node.json, command.toml) {
        (true, _) => format!("{answer}\n"),
        (_, true) => tags(&answer),
        _ => words(&answer),
    };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

const WRITES: &str = "writing to a string does not fail";

fn variables(answer: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    answer["variables"].as_array().into_iter().flatten().map(|variable| {
        let text = |key: &str| variable[key].as_str().unwrap_or_default();
        (text("path"), text("address"), text("type"))
    })
}

fn words(answer: &Value) -> String {
    let mut out = String::new();
    for (path, address, of) in variables(answer) {
        let of = if of.is_empty() { "-" } else { of };
        writeln!(out, "{path}  {address}  {of}").expect(WRITES);
    }
    if answer["is_cut"] == true {
        writeln!(out, "there are more; write a narrower --glob").expect(WRITES);
    }
    out
}

/// Tags of a template, named as the variables are; what cannot be a tag is left out.
fn tags(answer: &Value) -> String {
    let (mut out, mut names) =
        (String::from("# In a template: rename it, and set groups.\n"), BTreeSet::new());
    for (path, address, of) in variables(answer).filter(|(_, _, of)| !of.is_empty()) {
        let name = free_name(&mut names, path);
        writeln!(out, "[ingest.templates.opcua.tags.{name}]").expect(WRITES);
        if of != "real" {
            writeln!(out, "type = \"{of}\"").expect(WRITES);
        }
        // A string of JSON is one of TOML.
        writeln!(out, "address = {}\n", json!(address)).expect(WRITES);
    }
    out
}

/// The last part of the path, with those before it where that is taken.
fn free_name(names: &mut BTreeSet<String>, path: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let parts: Vec<String> = path.split('/').map(|part| part.chars().map(plain).collect()).collect();
    let of = |many: usize| parts[parts.len() - many..].join("_");
    let free = (1..=parts.len()).map(of).find(|name| !names.contains(name));
    let numbered = || (2..).map(|at| format!("{}_{at}", of(1))).find(|name| !names.contains(name));
    let name = free.or_else(numbered).expect("there is always a further number");
    names.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_named_as_the_variables_and_never_twice() {
        let variable =
            |path: &str, address: &str, of: Value| json!({ "path": path, "address": address, "type": of });
        let answer = json!({ "variables": [
            variable("Objects/Line 1/Temp", "ns=3;s=\"DB1\".\"Temp\"", json!("real")),
            variable("Objects/Line 2/Temp", "ns=2;i=7:INTEGER", json!("integer")),
            variable("Objects/Line 2/Window", "ns=2;i=8", Value::Null),
        ], "is_cut": true });
        let expected = "# In a template: rename it, and set groups.\n[ingest.templates.opcua.tags.temp]\naddress = \"ns=3;s=\\\"DB1\\\".\\\"Temp\\\"\"\n\n\
            [ingest.templates.opcua.tags.line_2_temp]\ntype = \"integer\"\naddress = \"ns=2;i=7:INTEGER\"\n\n";
        assert_eq!(tags(&answer), expected);
        assert_eq!(words(&answer).lines().count(), 4);
    }
}
