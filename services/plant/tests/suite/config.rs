//! What the file says of devices that are asked, and what is told of what is wrong in it.

use crate::rig::World;
use std::time::Duration;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Section, Source, Table};
use tidegate_service_plant::{Config, Device, Drivers, MODEL, SECTION, devices};

const TEXT: Kind = Kind::Text { bytes_max: 100 };
const MANY: Many = Many { groups_max: 100, reload: Reload::Live };
/// As far as the plant looks at it.
const INGEST: Section = Section::new("ingest", "", &[]).with(&[
    Group::many("templates", "Templates.", MANY, &[]).with(&[
        Group::many("groups", "Groups.", MANY, &[]),
        Group::many(
            "tags",
            "Tags.",
            MANY,
            &[
                Field::new("type", TEXT, "real", "What it is."),
                Field::optional("group", TEXT, "The group it is in."),
            ],
        ),
    ]),
    Group::many(
        "devices",
        "Devices.",
        MANY,
        &[Field::required("topic", TEXT, "Where."), Field::required("template", TEXT, "What.")],
    )
    .with(&[Group::many("tags", "What is otherwise.", MANY, &[])]),
]);

fn read(text: &str) -> Result<Vec<Device>, Vec<String>> {
    let none = |_: &_| Err(String::new());
    let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &none };
    let mut reading = Table::new(&[INGEST, MODEL, SECTION]).read(&source);
    let drivers = Drivers::default().with(World::default());
    let found = reading.section("ingest", |values, faults| devices(values, &drivers, faults));
    match reading.finish() {
        Ok(_) => Ok(found.expect("a section without faults")),
        Err(faults) => {
            Err(faults.iter().map(|fault| format!("{} {}", fault.place_in("f"), fault.code)).collect())
        }
    }
}

const PRESS: &str = "\
[ingest.templates.press.groups.fast]
every = \"50 ms\"
[ingest.templates.press.tags.temp]
address = \"t\"
group = \"fast\"
[ingest.templates.press.tags.count]
type = \"integer\"
address = \"c\"
[ingest.templates.press.tags.published]
[ingest.devices.p1]
topic = \"plant/p1\"
template = \"press\"
driver = \"toy\"
address = \"hall/1\"
backup = \"spare/1\"
timeout = \"200 ms\"
[ingest.devices.other]
topic = \"line/+/data\"
template = \"press\"
";

#[test]
fn a_device_with_a_driver_is_asked_for_the_tags_with_an_address() {
    let devices = read(PRESS).unwrap();
    let [device] = &devices[..] else { panic!("{devices:?}") };
    assert_eq!(
        (&*device.name, &*device.address, device.timeout),
        ("p1", "hall/1", Duration::from_millis(200))
    );
    let groups: Vec<_> = device
        .groups
        .iter()
        .map(|scan| (&*scan.group, scan.every, &*scan.tags[0].name, scan.tags.len()))
        .collect();
    let fifty = Duration::from_millis(50);
    assert_eq!(groups, [("fast", fifty, "temp", 1), ("tags", Duration::from_secs(1), "count", 1)]);
}

#[test]
fn what_is_wrong_is_told_where_it_stands_and_all_at_once() {
    let text = "\
[ingest.templates.a.tags.flag]
address = \"flag\"
[ingest.templates.a.tags.lost]
address = \"nowhere\"
[ingest.templates.b.tags.published]
[ingest.templates.c.tags.x]
address = \"x\"
[ingest.devices.unknown]
topic = \"a\"
template = \"c\"
driver = \"morse\"
address = \"hall/1\"
[ingest.devices.half]
topic = \"b\"
template = \"c\"
driver = \"toy\"
[ingest.devices.other_half]
topic = \"c\"
template = \"c\"
address = \"hall/1\"
[ingest.devices.nobody]
topic = \"d\"
template = \"b\"
driver = \"toy\"
address = \"hall/1\"
[ingest.devices.many]
topic = \"e/+\"
template = \"c\"
driver = \"toy\"
address = \"hall/1\"
[ingest.devices.away]
topic = \"f\"
template = \"a\"
driver = \"toy\"
address = \"hall\"
backup = \"spare\"
";
    let expected = [
        "f:2:11 TG-PL-003",
        "f:4:11 TG-XX-002",
        "f:11:10 TG-PL-001",
        "f:16:10 TG-PL-002",
        "f:20:11 TG-PL-002",
        "f:23:12 TG-PL-002",
        "f:27:9 TG-PL-002",
        "f:35:11 TG-XX-001",
        "f:36:10 TG-XX-001",
    ];
    assert_eq!(read(text).unwrap_err(), expected);
    let twice = format!("{PRESS}[ingest.templates.press.tags.temp]\naddress = \"u\"\n");
    assert_eq!(
        read(&twice).unwrap_err(),
        ["f:20:30 TG-CF-005", "f:21:1 TG-CF-005"],
        "a tag that is there twice"
    );
}

#[test]
fn the_defaults_are_those_of_the_table_and_the_sample_is_what_it_makes() {
    let table = Table::new(&[SECTION]);
    let defaults = table.defaults();
    assert_eq!(
        Config::from_values(defaults.group("plant"), Vec::new(), &mut Faults::default()),
        Config::default()
    );
    assert_eq!(table.sample_of("plant").as_deref(), Some(include_str!("../../sample.toml")));
}

#[test]
fn a_tag_may_stand_elsewhere_in_one_device_than_in_its_template() {
    let text = format!(
        "{PRESS}[ingest.devices.p2]\ntopic = \"plant/p2\"\ntemplate = \"press\"\ndriver = \"toy\"\naddress = \"hall/2\"\n\
         [ingest.devices.p2.tags.temp]\naddress = \"t2\"\n[ingest.devices.p2.tags.published]\naddress = \"p\"\n"
    );
    let devices = read(&text).unwrap();
    let addresses = |at: usize| -> Vec<String> {
        let tags = devices[at].groups.iter().flat_map(|scan| &scan.tags);
        tags.map(|tag| format!("{} {}", tag.name, tag.address)).collect()
    };
    assert_eq!(addresses(0), ["temp t", "count c"]);
    assert_eq!(addresses(1), ["temp t2", "count c", "published p"]);
    let unfit = text.replace("\"t2\"", "\"nowhere\"");
    assert_eq!(read(&unfit).unwrap_err(), ["f:26:11 TG-XX-002"], "where the device says it");
}
