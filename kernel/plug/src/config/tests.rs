//! Each fault by its place, several at once, and what the sample, the getters and a comparison say.

use super::*;

const SCOPE: Kind = Kind::Text { bytes_max: 8 };
const FIELDS: &[Field] = &[
    Field::new("listen", Kind::Address, "127.0.0.1:1883", "Where to listen."),
    Field::new("connections_max", Kind::Integer { min: 1, max: 100 }, "10", "Connections at once."),
    Field::new("ratio", Kind::Real { min: 0.0, max: 1.0 }, "0.5", "A share."),
    Field::new("packet_bytes_max", Kind::Bytes { min: 128, max: 1 << 20 }, "256 KiB", "Largest packet."),
    Field::new("timeout", Kind::Duration { min_ms: 1, max_ms: 60_000 }, "10 s", "Time for an answer."),
    Field::new("pause", Kind::Duration { min_ms: 0, max_ms: 60_000 }, "0 ms", "Time between two."),
    Field::new("level", Kind::Choice(&["os", "disk"]), "os", "How safe.").live(),
    Field::new("strict", Kind::Flag, "false", "Whether to be strict."),
    Field::new("filters", Kind::List { of: &SCOPE, items_max: 3 }, "[]", "Topics.").live(),
    Field::optional("file", Kind::Path, "A file."),
    Field::optional("token", Kind::Secret, "A token."),
];
const SINK: &[Field] = &[
    Field::required("url", Kind::Url(&["http", "https"]), "Where to send."),
    Field::new("rows_max", Kind::Integer { min: 1, max: 9 }, "3", "Rows at once."),
];
const TAG: &[Field] = &[Field::required("class", SCOPE, "A class.")];
const SECTIONS: &[Section] = &[
    Section::new("mqtt", "The MQTT listener.", FIELDS),
    Section::new("ingest", "The pipeline.", &[]).with(&[
        Group::many("sinks", "A sink.", Many { groups_max: 2, reload: Reload::Live }, SINK),
        Group::many("templates", "A template.", Many { groups_max: 2, reload: Reload::Restart }, &[])
            .with(&[Group::many("tags", "A tag.", Many { groups_max: 4, reload: Reload::Restart }, TAG)]),
        Group::one("tls", "Certificates.", TAG),
    ]),
];

fn source(text: &str) -> Source<'_> {
    let secrets: &dyn Fn(&SecretSource) -> Result<String, String> = &|source| match source {
        SecretSource::Env(name) if name == "TOKEN" => Ok("from the environment\n".to_owned()),
        SecretSource::Env(_) => Err("no such variable".to_owned()),
        SecretSource::File(_) => Err("no such file".to_owned()),
    };
    Source { file: Some(text.as_bytes()), overrides: &[], secrets }
}

fn read(text: &str) -> Result<Values, Faults> {
    Table::new(SECTIONS).read(&source(text)).finish()
}

fn values(text: &str) -> Values {
    read(text).unwrap_or_else(|faults| panic!("{}", faults.report("f")))
}

/// `line:column code` of each fault.
fn faults(text: &str) -> Vec<String> {
    let Err(faults) = read(text) else { return Vec::new() };
    faults.iter().map(|fault| format!("{} {}", &fault.place_in("f")[1..], fault.code)).collect()
}

fn message(text: &str) -> (String, String) {
    let faults = read(text).expect_err("a fault");
    let fault = faults.iter().next().expect("one at least");
    (fault.message.clone(), fault.hint.clone())
}

#[test]
fn each_fault_has_its_line_its_column_and_its_code() {
    let table = [
        ("[mqtt]\nlisen = 1", ":2:1 TG-CF-006"),
        ("[mtqq]\n", ":1:2 TG-CF-006"),
        ("[mqtt]\nconnections_max = true", ":2:19 TG-CF-007"),
        ("mqtt = 3", ":1:1 TG-CF-007"),
        ("[[ingest.sinks]]\nurl = \"http://a\"", ":1:10 TG-CF-007"),
        ("[mqtt]\nconnections_max = \"10\"", ":2:19 TG-CF-008"),
        ("[mqtt]\nstrict = \"true\"", ":2:10 TG-CF-008"),
        ("[mqtt]\nconnections_max = 0", ":2:19 TG-CF-009"),
        ("[mqtt]\nconnections_max = 99999999999999999999", ":2:19 TG-CF-009"),
        ("[mqtt]\nratio = nan", ":2:9 TG-CF-009"),
        ("[mqtt]\npacket_bytes_max = -1", ":2:20 TG-CF-009"),
        ("[mqtt]\npacket_bytes_max = \"2 MiB\"", ":2:20 TG-CF-009"),
        ("[mqtt]\nfilters = [\"a\", \"b\", \"c\", \"d\"]", ":2:11 TG-CF-009"),
        ("[mqtt]\nfilters = [\"a\", \"longer than eight\"]", ":2:17 TG-CF-009"),
        ("[mqtt]\ntimeout = \"0 s\"", ":2:11 TG-CF-010"),
        ("[ingest.sinks.a]\nrows_max = 2", ":1:15 TG-CF-011"),
        (
            "ingest.sinks.b.url = 'http://a'\n[ingest.sinks.a]\nurl='http://a'\n[ingest.sinks.c]\nurl='http://a'",
            ":4:15 TG-CF-012",
        ),
        ("[ingest.sinks.\"\"]\nurl='http://a'", ":1:15 TG-CF-013"),
        ("[mqtt]\nlisten = \"1883\"", ":2:10 TG-CF-014"),
        ("[mqtt]\nlevel = \"ram\"", ":2:9 TG-CF-014"),
        ("[mqtt]\ntimeout = 10", ":2:11 TG-CF-014"),
        ("[ingest.sinks.a]\nurl = \"ftp://a\"", ":2:7 TG-CF-014"),
        ("[mqtt]\ntoken = { env = \"NONE\" }", ":2:9 TG-CF-015"),
        ("[mqtt]\ntoken = { environment = \"NONE\" }", ":2:9 TG-CF-007"),
        ("[mqtt]\nstrict = true\nstrict = false", ":3:1 TG-CF-005"),
        ("[mqtt]\nlevel = os", ":2:9 TG-CF-004"),
    ];
    for (text, expected) in table {
        assert_eq!(faults(text), [expected], "{text}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = "\
[mqtt]
lisen = \"127.0.0.1:1\"
connections_max = \"10\"
timeout = \"0 s\"
filters = [\"a\", 1, \"longer than eight\"]
[ingest.sinks.plant]
rows_max = 10
[mqqt]
";
    let expected = [
        ":2:1 TG-CF-006",
        ":3:19 TG-CF-008",
        ":4:11 TG-CF-010",
        ":5:17 TG-CF-007",
        ":5:20 TG-CF-009",
        ":6:15 TG-CF-011",
        ":7:12 TG-CF-009",
        ":8:2 TG-CF-006",
    ];
    assert_eq!(faults(text), expected);
    let report = read(text).unwrap_err().report("site.toml");
    assert!(report.starts_with(
        "site.toml:2:1: [mqtt] has no key \"lisen\" [TG-CF-006]\n  hint: did you mean \"listen\"?\n"
    ));
    assert!(report.contains("site.toml:3:19: mqtt.connections_max: a quoted number: \"10\" [TG-CF-008]\n"));
}

#[test]
fn broken_toml_is_told_beside_the_other_faults_and_hides_none_of_them() {
    let found = faults("[mqtt]\nlisen = 1\nratio = \n[ingest.sinks.a]\nrows_max = 10\nurl = \n");
    assert_eq!(found.iter().filter(|fault| fault.ends_with("TG-CF-004")).count(), 2, "{found:?}");
    assert!(found.contains(&":2:1 TG-CF-006".to_owned()) && found.contains(&":5:12 TG-CF-009".to_owned()));
    assert!(!found.iter().any(|fault| fault.ends_with("TG-CF-011")), "{found:?}");
}

#[test]
fn a_file_that_is_too_big_or_no_utf_8_is_not_looked_into() {
    let table = Table::new(SECTIONS);
    let of = |bytes: &[u8]| {
        let source = Source { file: Some(bytes), ..source("") };
        let faults = table.read(&source).finish().unwrap_err();
        faults.iter().map(|fault| format!("{} {}", fault.place_in("f"), fault.code)).collect::<Vec<_>>()
    };
    assert_eq!(of(&vec![b'#'; FILE_BYTES_MAX + 1]), ["f:1:1 TG-CF-002"]);
    assert_eq!(of(b"[mqtt]\n# \xff"), ["f:2:3 TG-CF-003"]);
}

#[test]
fn thousands_of_faults_make_a_report_that_ends() {
    let text: String = (0..3000).map(|n| format!("[section-{n}]\n")).collect();
    let report = read(&text).unwrap_err().report("f");
    assert_eq!(report.lines().count(), 2 * FAULTS_MAX + 1);
    assert!(report.ends_with("f: and 2900 more\n"));
}

#[test]
fn the_sample_reads_back_as_the_defaults() {
    let table = Table::new(SECTIONS);
    let sample = table.sample();
    let read =
        table.read(&source(&sample)).finish().unwrap_or_else(|faults| panic!("{}", faults.report("f")));
    assert_eq!(changes(&table.defaults(), &read), [], "{sample}");
    assert!(sample.contains("\n[mqtt]\n") && sample.contains("\n# [ingest.templates.NAME.tags.NAME]\n"));
    assert!(
        sample.contains("# Time for an answer. (\"1 ms\" to \"1 min\")\ntimeout = \"10 s\"\n"),
        "{sample}"
    );
}

#[test]
fn values_are_taken_by_key_and_named_groups_in_the_order_of_the_file() {
    let values =
        values("[mqtt]\npacket_bytes_max = 1024\ntimeout = \"2 min\"\n".replace("2 min", "1 min").as_str());
    let mqtt = values.group("mqtt");
    assert_eq!(mqtt.get::<usize>("packet_bytes_max"), 1024);
    assert_eq!(mqtt.get::<std::time::Duration>("timeout").as_secs(), 60);
    assert_eq!(mqtt.get::<std::net::SocketAddr>("listen").port(), 1883);
    assert_eq!(mqtt.find::<std::path::PathBuf>("file"), None);
    assert!(values.group("ingest").find_group("tls").is_none());
    let text = "[ingest.sinks.z]\nurl = 'http://z'\n[ingest.sinks.a]\nurl = 'http://a'\n\
        [ingest.templates.press.tags.\"温度\"]\nclass = 'a'\n";
    let values = read(text).unwrap();
    let names: Vec<_> = values.group("ingest").named("sinks").map(|(name, _)| name).collect();
    assert_eq!(names, ["z", "a"]);
    let (_, press) = values.group("ingest").named("templates").next().unwrap();
    let (tag, values) = press.named("tags").next().unwrap();
    assert_eq!((tag, values.get::<String>("class").as_str()), ("温度", "a"));
}

#[test]
#[should_panic(expected = "the table has no mqtt.port")]
fn asking_for_what_the_table_does_not_have_is_a_fault_of_the_program() {
    values("").group("mqtt").get::<u16>("port");
}

#[test]
#[should_panic(expected = "mqtt.listen is not of the type it was asked for")]
fn asking_for_another_type_is_a_fault_of_the_program() {
    values("").group("mqtt").get::<bool>("listen");
}

#[test]
fn a_secret_is_not_shown_and_where_it_comes_from_is() {
    let values = values("[mqtt]\ntoken = { env = \"TOKEN\" }\n");
    let secret: Secret = values.group("mqtt").get("token");
    assert_eq!(secret.reveal(), "from the environment");
    let shown = values.shown().into_iter().find(|shown| shown.path == "mqtt.token").unwrap();
    assert_eq!(shown.text.as_deref(), Some("{ env = \"TOKEN\" }"));
    let direct = read("[mqtt]\ntoken = \"abc\"\n").unwrap();
    assert!(!format!("{:?} {:?}", direct.shown(), direct).contains("abc"));
}

#[test]
fn the_command_line_goes_before_the_file_and_has_faults_of_its_own() {
    let table = Table::new(SECTIONS);
    let give = |text: &str| Override { path: "mqtt.listen", option: "--mqtt", texts: vec![text.to_owned()] };
    let overrides = [give("127.0.0.1:7")];
    let file = source("[mqtt]\nlisten = \"127.0.0.1:1\"\n");
    let values = table.read(&Source { overrides: &overrides, ..file }).finish().unwrap();
    assert_eq!(values.group("mqtt").origin("listen"), Origin::CommandLine("--mqtt"));
    assert_eq!(values.group("mqtt").get::<std::net::SocketAddr>("listen").port(), 7);
    let overrides = [give("here")];
    let faults = table.read(&Source { overrides: &overrides, ..source("") }).finish().unwrap_err();
    assert_eq!(faults.iter().next().unwrap().place_in("f"), "--mqtt");
}

#[test]
fn a_capability_adds_its_own_faults_at_the_value_beside_those_of_other_sections() {
    let table = Table::new(SECTIONS);
    let mut reading =
        table.read(&source("[mqtt]\nfilters = [\"a\", \"a/#/b\"]\n[ingest.sinks.a]\nurl = 1\n"));
    let made = reading.section("mqtt", |values, faults| {
        faults.push(values.fault_in("filters", 1, "no filter", "put # last"));
    });
    assert!(made.is_some());
    assert!(reading.section("ingest", |_, _| ()).is_none(), "a section with faults is not shown to anybody");
    let faults = reading.finish().unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| fault.place_in("f")).collect();
    assert_eq!(places, ["f:2:17", "f:4:7"]);
}

#[test]
fn a_change_says_what_it_is_and_whether_a_reload_may_make_it() {
    let old = values("[mqtt]\nlevel = \"os\"\n[ingest.sinks.a]\nurl = 'http://a'\n");
    let new = values("[mqtt]\nlevel = \"disk\"\nstrict = true\n[ingest.sinks.b]\nurl = 'http://a'\n");
    let found: Vec<_> = changes(&old, &new).into_iter().map(|change| (change.path, change.reload)).collect();
    let expected = [
        ("mqtt.level", Reload::Live),
        ("mqtt.strict", Reload::Restart),
        ("ingest.sinks.a", Reload::Live),
        ("ingest.sinks.b", Reload::Live),
    ];
    assert_eq!(found, expected.map(|(path, reload)| (path.to_owned(), reload)));
    assert_eq!(message("[mqtt]\nratio = 2").1, "0 to 1");
}

#[test]
fn two_sections_of_one_name_are_one_table_of_the_file() {
    const KAFKA: &[Group] =
        &[Group::many("kafka", "A broker.", Many { groups_max: 1, reload: Reload::Restart }, TAG)];
    let more = [SECTIONS[0], SECTIONS[1], Section::new("ingest", "", &[]).with(KAFKA)];
    let table = Table::new(&more);
    let values = table.read(&source("[ingest.kafka.a]\nclass = 'x'\n")).finish().unwrap();
    assert_eq!(values.group("ingest").named("kafka").len(), 1);
}

#[test]
#[should_panic(expected = "the default of .mqtt.n is no good")]
fn a_default_beyond_its_own_limits_is_a_fault_of_the_program() {
    const BAD: &[Field] = &[Field::new("n", Kind::Integer { min: 1, max: 2 }, "3", "")];
    Table::new(&[Section::new("mqtt", "", BAD)]);
}

#[test]
fn a_name_that_needs_quotes_is_shown_with_them() {
    let faults = read("[ingest.sinks.\"line 7.a\"]\nurl = 1\n").unwrap_err();
    assert!(faults.iter().next().unwrap().message.starts_with("ingest.sinks.\"line 7.a\".url: "));
}

#[test]
fn a_duplicate_hides_neither_what_is_missing_nor_what_a_capability_finds() {
    let text = "[mqtt]\nstrict = true\nstrict = true\n[ingest.sinks.a]\nrows_max = 1\n";
    assert_eq!(faults(text), [":3:1 TG-CF-005", ":4:15 TG-CF-011"]);
    let mut reading = Table::new(SECTIONS).read(&source(text));
    assert!(reading.section("mqtt", |_, _| ()).is_none(), "which of the two holds is not known");
}

#[test]
fn a_fault_on_the_command_line_hides_no_other_section() {
    let overrides = [Override { path: "mqtt.listen", option: "--mqtt", texts: vec!["here".to_owned()] }];
    let mut reading = Table::new(SECTIONS).read(&Source { file: None, overrides: &overrides, ..source("") });
    assert!(reading.section("mqtt", |_, _| ()).is_none() && reading.section("ingest", |_, _| ()).is_some());
}

proptest::proptest! {
    #[test]
    fn what_is_shown_reads_back_as_the_same_values(
        number in 1..=100_i64,
        ratio in 0.0..=1.0_f64,
        bytes in 128..=1_u64 << 20,
        timeout_ms in 1..=60_000_u64,
        text in "\\PC{0,2}",
        name in "[^\\x00-\\x1f\\x7f-\\u{9f}]{1,8}",
    ) {
        let quoted = setting::quoted;
        let file = format!(
            "[mqtt]\nconnections_max = {number}\nratio = {ratio:?}\npacket_bytes_max = {bytes}\n\
             timeout = \"{timeout_ms} ms\"\nfilters = [{}]\n[ingest.sinks.{}]\nurl = \"http://a/\\u00e9\"\n",
            quoted(&text),
            quoted(&name),
        );
        let first = values(&file);
        let shown = first.shown().into_iter().filter_map(|shown| Some(format!("{} = {}\n", shown.path, shown.text?)));
        let again = values(&shown.collect::<String>());
        proptest::prop_assert_eq!(changes(&first, &again), []);
    }

    #[test]
    fn no_text_brings_it_down(text in "[\\[\\]a-z0-9.=\"'{}# \n-]{0,200}") {
        let _ = read(&text).map_err(|faults| faults.report("f"));
        let _ = read(&format!("[mqtt]\n{text}\n[ingest.sinks.a]\n{text}")).map_err(|faults| faults.report("f"));
    }
}

#[test]
fn a_section_adds_fields_to_a_group_that_another_one_has() {
    const MORE: Section = Section::new("ingest", "", &[]).with(&[Group::more(
        "templates",
        &[Field::new("every", Kind::Duration { min_ms: 50, max_ms: 1000 }, "1 s", "How often.")],
    )
    .with(&[Group::more("tags", &[Field::optional("address", Kind::Text { bytes_max: 9 }, "Where.")])])]);
    let sections: Vec<Section> = SECTIONS.iter().copied().chain([MORE]).collect();
    let table = Table::new(&sections);
    let text = "[mqtt]\nlisten = \"127.0.0.1:1\"\n[ingest.templates.a.tags.b]\nclass = \"x\"\naddress = \"y\"\n\
        [ingest.templates.a.tags.c]\nclass = \"x\"\naddress = 1\n";
    let read = table.read(&source(text)).finish();
    let faults = read.expect_err("an address is a text");
    assert_eq!(faults.iter().map(|fault| fault.place_in("f")).collect::<Vec<_>>(), ["f:8:11"]);
    let reference = table.reference();
    assert!(reference.contains("| `every` |") && reference.contains("| `class` |"), "{reference}");
    assert_eq!(reference.matches("## `[ingest.templates.NAME.tags.NAME]`").count(), 1);
}

#[test]
#[should_panic(expected = "nothing can be added")]
fn a_group_that_is_not_there_cannot_be_added_to() {
    const GROUPS: &[Group] = &[Group::more("templates", &[])];
    Table::new(&[Section::new("ingest", "", &[]).with(GROUPS)]);
}

const MANY_TAGS: Beside<'_> = Beside { bytes: b"", groups: &["ingest.templates", "ingest.sinks"] };

fn read_both(text: &str, second: &[u8]) -> Result<Values, Vec<String>> {
    let beside = Beside { bytes: second, ..MANY_TAGS };
    let reading = Table::new(SECTIONS).read_both(&source(text), &beside);
    let told = |fault: &Fault| format!("{} {}", fault.place_in("site.toml"), fault.code);
    reading.finish().map_err(|faults| faults.iter().map(told).collect())
}

#[test]
fn a_second_file_is_read_as_if_it_stood_at_the_end_of_the_first() {
    let first = "[ingest.sinks.a]\nurl = \"http://a\" # without a line break behind it";
    let values =
        read_both(first, b"\xef\xbb\xbf[ingest.sinks.b]\nurl = \"http://b\"\nrows_max = 7\n").unwrap();
    let ingest = values.group("ingest");
    let begins: Vec<_> = ingest.named("sinks").map(|(name, sink)| (name, sink.begin())).collect();
    let at = |line, column| Position { line, column };
    assert_eq!(begins, [("a", Origin::File(at(1, 15))), ("b", Origin::Beside(at(1, 15)))]);
    let (_, sink) = ingest.named("sinks").nth(1).unwrap();
    assert_eq!(sink.origin("rows_max"), Origin::Beside(at(3, 12)));
    let given: Vec<_> = sink.given().map(|(key, setting)| (key, setting.bare())).collect();
    assert_eq!(given, [("url", "http://b".to_owned()), ("rows_max", "7".to_owned())]);
}

#[test]
fn a_fault_of_the_second_file_is_told_there_and_the_first_one_s_with_it() {
    let of = |text: &str, second: &[u8]| read_both(text, second).expect_err("a fault");
    let url = "[ingest.sinks.a]\nurl = \"http://a\"\n";
    assert_eq!(
        of("[mqtt]\nratio = 2\n", b"\n[ingest.sinks.a]\nrows_max = 0\nurl = \"http://a\"\n"),
        ["site.toml:2:9 TG-CF-009", "site.devices.toml:3:12 TG-CF-009"]
    );
    let twice = of(url, b"[ingest.sinks.a]\nurl = \"http://a\"\n");
    assert!(
        twice.iter().all(|told| told.starts_with("site.devices.toml:") && told.ends_with("TG-CF-005")),
        "{twice:?}"
    );
    assert_eq!(of(url, b"[ingest.sinks.b]\nurl = \"http://\xff\"\n"), ["site.devices.toml:2:15 TG-CF-003"]);
    assert_eq!(of(url, &vec![b'#'; BESIDE_BYTES_MAX + 1]), ["site.devices.toml:1:1 TG-CF-002"]);
}

#[test]
fn the_second_file_has_its_groups_and_nothing_else() {
    let second =
        "[mqtt]\nratio = 0.1\n[ingest.tls]\nclass = \"a\"\n[ingest.templates.t.tags.x]\nclass = \"a\"\n";
    let told = read_both("", second.as_bytes()).expect_err("strangers");
    assert_eq!(told, ["site.devices.toml:1:2 TG-CF-024", "site.devices.toml:3:9 TG-CF-024"]);
    assert_eq!(read_both("", b"ingest = 1\n").expect_err("no table")[0], "site.devices.toml:1:1 TG-CF-007");
}

#[test]
fn fields_of_groups_are_found_and_read_values_that_stand_alone() {
    let table = Table::new(SECTIONS);
    let rows = table.fields("ingest.sinks").iter().find(|field| field.key == "rows_max").unwrap();
    assert_eq!(rows.read("4"), Ok(Setting::Integer(4)));
    assert_eq!(rows.read("x").map_err(|fault| fault.code), Err("TG-CF-007"));
    for (field, text) in [
        ("timeout", "250 ms"),
        ("packet_bytes_max", "64 KiB"),
        ("listen", "127.0.0.1:1"),
        ("filters", "[\"a\"]"),
    ] {
        let field = table.fields("mqtt").iter().find(|known| known.key == field).unwrap();
        assert_eq!(field.read(text).unwrap().bare(), text, "a value alone is read as it is written alone");
    }
}
