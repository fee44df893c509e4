//! `[notice.channels.NAME]` of the configuration file, whose types only the node knows all of. Pure.

use std::collections::BTreeSet;
use std::time::Duration;
use tidegate_connector_mail::{Login, MailConfig, Security, is_address};
use tidegate_connector_robots::{Address, Vendor};
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};
use tidegate_service_notice::{CHANNELS_MAX, ChannelConfig, Config, Severity};

const NAME_BYTES_MAX: usize = 40;
const ADDRESS: Kind = Kind::Text { bytes_max: 254 };
const SEVERITY: Kind = Kind::Choice(&Severity::NAMES);
const TYPES: &[&str] = &["wecom", "dingtalk", "feishu", "webhook", "mail"];
/// All of an exchange with a mail server.
const MAIL_TOTAL: Duration = Duration::from_secs(60);

/// Adds the channels to the section of the outbox.
pub(crate) const CHANNELS: Section = Section::new("notice", "", &[]).with(&[Group::many(
    "channels",
    "One way to people: a group robot, a URL, or a mail server. A new one begins with the next alarm.",
    Many { groups_max: CHANNELS_MAX, reload: Reload::Restart },
    &[
        Field::required("type", Kind::Choice(TYPES), "Whose it is."),
        Field::optional(
            "url",
            Kind::Secret,
            "The robot's webhook address, with its key, as the vendor shows it; one channel for each robot. Not for mail.",
        ),
        Field::optional(
            "secret",
            Kind::Secret,
            "Signs messages, where the robot's security settings ask for it; WeCom has none.",
        ),
        Field::new(
            "severities",
            Kind::List { of: &SEVERITY, items_max: 4 },
            "[\"high\", \"critical\"]",
            "Alarms that are told on it.",
        ),
        Field::new("ends", Kind::Flag, "true", "Also tells when an alarm is cleared or acknowledged."),
        Field::optional(
            "per_minute_max",
            Kind::Integer { min: 1, max: 1000 },
            "Messages in any minute, where that is to be less than the vendor allows.",
        ),
        Field::optional("host", Kind::Text { bytes_max: 253 }, "The mail server."),
        Field::new("port", Kind::Integer { min: 1, max: 65_535 }, "465", "Its port."),
        Field::new(
            "security",
            Kind::Choice(&["tls", "starttls", "plain"]),
            "tls",
            "TLS from the beginning (port 465 as a rule), by STARTTLS (587), or none; without it there is no login.",
        ),
        Field::optional("user", Kind::Text { bytes_max: 254 }, "Who logs in at the mail server."),
        Field::optional("password", Kind::Secret, "The password of `user`."),
        Field::optional("from", ADDRESS, "The sender of mails."),
        Field::new("to", Kind::List { of: &ADDRESS, items_max: 32 }, "[]", "The receivers of mails."),
    ],
)]);

/// The outbox and its channels.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) channels: Vec<ChannelSetup>,
}

#[derive(Debug, Clone)]
pub(crate) struct ChannelSetup {
    pub(crate) own: ChannelConfig,
    pub(crate) way: Way,
    pub(crate) per_minute_max: Option<u32>,
}

/// How a channel's messages go.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    Robot { vendor: Vendor, address: Address, secret: Option<Secret> },
    Mail(MailConfig),
}

impl Setup {
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Setup {
        let mut robots = BTreeSet::new();
        let mut channels = Vec::new();
        for (name, channel) in values.named("channels") {
            let url: Option<Secret> = channel.find("url");
            if url.is_some_and(|url| !robots.insert(url.reveal().to_owned())) {
                let hint = "a robot's limit holds for all its channels together: make one channel of them";
                faults.push(channel.fault("url", "another channel has this address", hint));
            }
            channels.extend(one(name, channel, faults));
        }
        Setup { config: Config::from_values(values, faults), channels }
    }
}

/// Nothing after a fault.
fn one(name: &str, values: &Values, faults: &mut Faults) -> Option<ChannelSetup> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        let hint = "letters, digits, - and _, at most 40 of them";
        faults.push(values.fault_here(format!("{name:?} cannot be the name of a channel"), hint));
    }
    let kind: String = values.get("type");
    let vendor = Vendor::ALL.into_iter().find(|vendor| vendor.name() == kind);
    let way = match vendor {
        Some(vendor) => robot(vendor, values, faults)?,
        None => Way::Mail(mail(values, faults)?),
    };
    let severities: Vec<String> = values.get("severities");
    let own = ChannelConfig {
        name: name.to_owned(),
        severities: severities.iter().filter_map(|name| Severity::named(name)).collect(),
        tells_ends: values.get("ends"),
    };
    let per_minute_max = values.find::<i64>("per_minute_max").and_then(|many| u32::try_from(many).ok());
    Some(ChannelSetup { own, way, per_minute_max })
}

fn robot(vendor: Vendor, values: &Values, faults: &mut Faults) -> Option<Way> {
    let hint = "copy it as the vendor shows it: https://host/path?key=...";
    let Some(url) = values.find::<Secret>("url") else {
        faults.push(values.fault_here("a robot has a url", hint));
        return None;
    };
    let Ok(address) = Address::parse(url.reveal()) else {
        faults.push(values.fault("url", "the address cannot be used", hint));
        return None;
    };
    let secret: Option<Secret> = values.find("secret");
    if vendor == Vendor::Wecom && secret.is_some() {
        let hint = "leave it out; what WeCom asks for is the key in the URL";
        faults.push(values.fault("secret", "a robot of WeCom has no secret", hint));
    }
    Some(Way::Robot { vendor, address, secret })
}

fn mail(values: &Values, faults: &mut Faults) -> Option<MailConfig> {
    let (host, from): (Option<String>, Option<String>) = (values.find("host"), values.find("from"));
    let to: Vec<String> = values.get("to");
    let (Some(host), Some(from), false) = (host, from, to.is_empty()) else {
        faults.push(values.fault_here("mail has a host, a from and a to", "write all three"));
        return None;
    };
    for (key, address) in std::iter::once(("from", &from)).chain(to.iter().map(|to| ("to", to))) {
        if !is_address(address) {
            let hint = "write it bare: name@host";
            faults.push(values.fault(key, format!("{address:?} is no mail address"), hint));
        }
    }
    let security = match values.get::<String>("security").as_str() {
        "starttls" => Security::StartTls,
        "plain" => Security::Plain,
        _ => Security::Tls,
    };
    let port = values.get::<u16>("port");
    let login = login(values, security, faults);
    Some(MailConfig { host, port, security, login, from, to, total: MAIL_TOTAL })
}

fn login(values: &Values, security: Security, faults: &mut Faults) -> Option<Login> {
    let (user, password): (Option<String>, Option<Secret>) = (values.find("user"), values.find("password"));
    if user.is_some() != password.is_some() {
        faults.push(values.fault_here("a user and a password go together", "write both, or none"));
    }
    let (user, password) = user.zip(password)?;
    if security == Security::Plain {
        let hint = "use security = \"starttls\" or \"tls\", or no login";
        faults.push(values.fault("password", "without TLS a password would be read by others", hint));
    }
    Some(Login { user, password: password.reveal().to_owned() })
}
