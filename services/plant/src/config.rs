//! What the configuration file says of devices that are asked: `[plant]`, and settings beside those of the model in `[ingest]`.
//!
//! A device with a `driver` is asked, at its `address`, for every tag of its template that has an `address`; how often is its group's
//! matter. Reads no file. Drivers are asked what they understand, so that what is wrong is told before anything starts.

use crate::driver::Unfit;
use crate::drivers::{AnyDriver, Drivers};
use crate::error::Misfit;
use crate::held::{HELD_MAX, POINTS_MAX};
use crate::login::Login;
use crate::standing::Patience;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_mqtt::TopicName;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Group, Kind, Section, Values};

const TEXT: Kind = Kind::Text { bytes_max: 256 };
const WAIT: Kind = Kind::Duration { min_ms: 10, max_ms: 60_000 };
const OFF_SCAN: Kind = Kind::Duration { min_ms: 100, max_ms: 86_400_000 };
/// A value with what it is of; few are texts.
const POINT_BYTES: u64 = 96;
/// Of tags in no group that the file names.
const EVERY_DEFAULT: Duration = Duration::from_secs(1);

/// What holds for all devices that are asked.
pub const SECTION: Section = Section::new(
    "plant",
    "Devices that are asked for their values, each by its driver.",
    &[
        Field::new(
            "failures_max",
            Kind::Integer { min: 1, max: 100 },
            "3",
            "After so many failed reads in a row a device is asked at its backup address, or goes off scan.",
        )
        .live(),
        Field::new("off_scan", OFF_SCAN, "5 s", "How long a device is then left alone before it is tried again; each further time up to twice as long where others on its bus answer.")
            .live(),
        Field::new("off_scan_max", OFF_SCAN, "1 min", "No device is left alone for longer.").live(),
        Field::new("connect_timeout", WAIT, "3 s", "Time for a connection to a device.").live(),
        Field::new("write_topic", TEXT, "tidegate/write", "What is published below it, on DEVICE/TAG, is a value to be written to the tag; nothing with \"\".")
    ],
);

/// What templates and devices of the section `ingest` have beside what the model needs.
pub const MODEL: Section = Section::new("ingest", "", &[]).with(&[
    Group::more("templates", &[]).with(&[
        Group::more(
            "groups",
            &[Field::new(
                "every",
                Kind::Duration { min_ms: 50, max_ms: 86_400_000 },
                "1 s",
                "How often its tags are read, where the device has a driver.",
            )
            .live()],
        ),
        Group::more(
            "tags",
            &[Field::optional("address", TEXT, "Where it stands in the device, as its driver writes it.")
                .live()],
        ),
    ]),
    Group::more(
        "devices",
        &[
            Field::optional(
                "driver",
                TEXT,
                "What it speaks; without one it is not asked, and publishes by itself.",
            )
            .live(),
            Field::optional("address", TEXT, "Where it is, as its driver writes it.").live(),
            Field::optional("backup", TEXT, "Where else it is, asked when it fails at its address.").live(),
            Field::optional("user", TEXT, "Who asks, where the device wants to know; with `password`.")
                .live(),
            Field::optional("password", Kind::Secret, "The user's password.").live(),
            Field::optional(
                "user_certificate",
                Kind::Secret,
                "Who asks, as a certificate in PEM; with `user_key`.",
            )
            .live(),
            Field::optional("user_key", Kind::Secret, "The key of that certificate, in PEM.").live(),
            Field::new("timeout", WAIT, "1 s", "How long it may take over one answer.").live(),
        ],
    )
    .with(&[Group::more(
        "tags",
        &[Field::optional("address", TEXT, "Where the tag stands in this device.").live()],
    )]),
]);

/// Every device that is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub devices: Vec<Device>,
    pub patience: Patience,
    pub connect_timeout: Duration,
    /// Commands come in below it; nothing where there is no such topic.
    pub write_topic: Option<TopicName>,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    pub name: Arc<str>,
    pub topic: TopicName,
    pub template: Arc<str>,
    pub driver: String,
    pub address: String,
    pub backup: Option<String>,
    pub login: Option<Login>,
    pub timeout: Duration,
    /// At least one, each with at least one tag.
    pub groups: Arc<[Scan]>,
}

/// Tags that are read together.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    pub group: String,
    pub every: Duration,
    pub tags: Vec<Tag>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    pub name: Arc<str>,
    pub address: String,
}

impl Default for Config {
    fn default() -> Config {
        let patience = Patience { failures_max: 3, off_scan_us: 5_000_000, off_scan_us_max: 60_000_000 };
        let connect_timeout = Duration::from_secs(3);
        Config { devices: Vec::new(), patience, connect_timeout, write_topic: "tidegate/write".parse().ok() }
    }
}

impl Config {
    /// From `[plant]`, with the devices that [`devices`] found.
    pub fn from_values(values: &Values, devices: Vec<Device>, faults: &mut Faults) -> Config {
        let micros = |key| values.millis(key) * 1000;
        let patience = Patience {
            failures_max: values.get("failures_max"),
            off_scan_us: micros("off_scan"),
            off_scan_us_max: micros("off_scan_max"),
        };
        let (connect_timeout, write_topic) = (values.get("connect_timeout"), write_topic(values, faults));
        Config { devices, patience, connect_timeout, write_topic }
    }

    /// The memory that values may take: what each tag was last, and what waits for room, each device being a bus by itself.
    pub fn bytes_max(&self) -> u64 {
        let points = self.devices.iter().map(|device| {
            let tags = || device.groups.iter().map(|scan| scan.tags.len());
            let waiting = tags().map(|tags| (HELD_MAX * tags).min(POINTS_MAX.max(tags))).max();
            waiting.unwrap_or(0) + tags().sum::<usize>()
        });
        points.sum::<usize>() as u64 * POINT_BYTES
    }
}

fn write_topic(values: &Values, faults: &mut Faults) -> Option<TopicName> {
    let text: String = values.get("write_topic");
    let topic = (!text.is_empty()).then(|| text.parse::<TopicName>())?;
    if topic.is_err() || text.ends_with('/') {
        let message = format!("plant.write_topic: {text:?} is no topic to publish below");
        faults.push(values.fault(
            "write_topic",
            message,
            "write levels with / between them, without + and #",
        ));
    }
    topic.ok()
}

/// The devices of `[ingest]` that have a driver.
pub fn devices(values: &Values, drivers: &Drivers, faults: &mut Faults) -> Vec<Device> {
    let mut floor = Floor { values, drivers, templates: BTreeMap::new() };
    let named: Vec<_> = values.named("devices").collect();
    named.into_iter().filter_map(|(name, device)| floor.device(name, device, faults)).collect()
}

/// What was read so far. A template's addresses are judged once for each driver that is to read them.
struct Floor<'v> {
    values: &'v Values,
    drivers: &'v Drivers,
    templates: BTreeMap<(String, String), Option<Arc<[Scan]>>>,
}

impl Floor<'_> {
    fn device(&mut self, name: &str, device: &Values, faults: &mut Faults) -> Option<Device> {
        let (driver, address): (Option<String>, Option<String>) =
            (device.find("driver"), device.find("address"));
        let (driver, address) = match (driver, address) {
            (None, None) => return None,
            (Some(driver), Some(address)) => (driver, address),
            (Some(_), None) => return told(faults, device, "driver", &Misfit::NoAddress),
            (None, Some(_)) => return told(faults, device, "address", &Misfit::NoDriver),
        };
        let Some(known) = self.drivers.find(&driver) else {
            return told(faults, device, "driver", &Misfit::UnknownDriver(driver, self.drivers.names()));
        };
        let topic: String = device.get("topic");
        // One that is none at all is a fault of the model.
        if topic.contains(['+', '#']) {
            return told(faults, device, "topic", &Misfit::Pattern(topic));
        }
        let backup: Option<String> = device.find("backup");
        let places = [("address", Some(&address)), ("backup", backup.as_ref())];
        let fits = places.into_iter().filter_map(|(key, text)| Some((key, known.bus_of(text?).err()?)));
        let unfit: Vec<_> = fits.collect();
        for (key, unfit) in &unfit {
            fault(faults, device, key, unfit);
        }
        let login = match Login::from_values(device) {
            Ok(Some(_)) if !known.has_login() => {
                return told(faults, device, "driver", &Misfit::NoLogins(driver));
            }
            Ok(login) => login,
            Err(misfit) => return told(faults, device, "driver", &misfit),
        };
        let groups = self.groups(device, known, faults)?;
        unfit.is_empty().then_some(())?;
        Some(Device {
            name: name.into(),
            topic: topic.parse().ok()?,
            template: device.get::<String>("template").into(),
            driver,
            address,
            backup,
            login,
            timeout: device.get("timeout"),
            groups,
        })
    }

    fn groups(
        &mut self,
        device: &Values,
        driver: &Arc<dyn AnyDriver>,
        faults: &mut Faults,
    ) -> Option<Arc<[Scan]>> {
        let name: String = device.get("template");
        let key = (name.clone(), driver.driver_name().to_owned());
        let own = own_tags(device);
        if let Some(judged) = self.templates.get(&key).filter(|_| own.is_empty()) {
            return judged.clone();
        }
        // One that is not there is a fault of the model.
        let (_, template) = self.values.named("templates").find(|(known, _)| *known == name)?;
        let scans = scans(template, &own, &**driver, faults);
        if scans.as_ref().is_some_and(|scans| scans.is_empty()) {
            told::<()>(faults, device, "template", &Misfit::NothingToRead(name));
        }
        let judged = scans.filter(|scans| !scans.is_empty());
        if own.is_empty() {
            self.templates.insert(key, judged.clone());
        }
        judged
    }
}

/// Tags that stand elsewhere in this device than the template says. One that the template does not have is a fault of the model.
fn own_tags(device: &Values) -> BTreeMap<&str, &Values> {
    device.named("tags").filter(|(_, tag)| tag.find::<String>("address").is_some()).collect()
}

/// The template's tags that have an address, by group; nothing where one of them does not fit.
fn scans(
    template: &Values,
    own: &BTreeMap<&str, &Values>,
    driver: &dyn AnyDriver,
    faults: &mut Faults,
) -> Option<Arc<[Scan]>> {
    let mut scans: Vec<Scan> = Vec::new();
    let mut is_sound = true;
    for (name, tag) in template.named("tags") {
        let said = own.get(name).copied().unwrap_or(tag);
        let Some(address) = said.find::<String>("address") else { continue };
        if let Err(unfit) = fits(name, tag, &address, driver) {
            fault(faults, said, "address", &unfit);
            is_sound = false;
            continue;
        }
        let group = tag.find::<String>("group").unwrap_or_else(|| "tags".to_owned());
        let at = scans.iter().position(|scan| scan.group == group).unwrap_or_else(|| {
            scans.push(Scan { every: every(template, &group), group, tags: Vec::new() });
            scans.len() - 1
        });
        scans[at].tags.push(Tag { name: name.into(), address });
    }
    is_sound.then(|| scans.into())
}

fn every(template: &Values, group: &str) -> Duration {
    let found = template.named("groups").find(|(name, _)| *name == group);
    found.map_or(EVERY_DEFAULT, |(_, values)| values.get("every"))
}

/// Whether the address is one, and what stands there is what the tag says it is.
fn fits(name: &str, tag: &Values, address: &str, driver: &dyn AnyDriver) -> Result<(), Unfit> {
    let stands = driver.type_of(address)?;
    let stated: String = tag.get("type");
    let is_number = |name: &str| name == "real" || name == "integer";
    let suits = stated == stands.name() || (stated == "real" && is_number(stands.name()));
    if suits { Ok(()) } else { Err(Misfit::Type { tag: name.to_owned(), stated, stands }.into()) }
}

fn told<T>(faults: &mut Faults, values: &Values, key: &str, misfit: &Misfit) -> Option<T> {
    fault(faults, values, key, &misfit.clone().into());
    None
}

fn fault(faults: &mut Faults, values: &Values, key: &str, unfit: &Unfit) {
    let at = values.fault(key, format!("{}: {unfit}", values.path()), unfit.hint.clone());
    faults.push(Fault { code: unfit.code, ..at });
}

impl Scan {
    pub(crate) fn every_us(&self) -> u64 {
        u64::try_from(self.every.as_micros()).unwrap_or(u64::MAX)
    }
}
