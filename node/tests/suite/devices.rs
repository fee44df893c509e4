//! Devices out of a spreadsheet and into one: what is taken over, what is refused whole, and what a node makes of it.

use crate::process::{Node, PATIENCE, command, pass, run};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What an engineer wrote, with what an import must not touch.
const BY_HAND: &str = "\
# Hall 3. Ask before changing.
[plant]
off_scan = \"1 s\" # the switch is slow
[ingest.templates.meter.tags.power]
address = \"40001:FLOAT\"
[ingest.devices.first]
topic = \"plant/first\"
template = \"meter\"
driver = \"modbus\"
address = \"tcp://127.0.0.1:9/1\"
";
const HEADER: &str = "name,template,topic,driver,address,timeout\n";

struct Site(TempDir);

impl Site {
    fn new(config: &str) -> Site {
        let site = Site(TempDir::new().unwrap());
        fs::write(site.path("site.toml"), config).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The file of devices, if there is one.
    fn devices(&self) -> Option<String> {
        fs::read_to_string(self.path("site.devices.toml")).ok()
    }

    fn import(&self, sheet: impl AsRef<[u8]>, options: &[&str]) -> Output {
        fs::write(self.path("plant.csv"), sheet).unwrap();
        let (sheet, config) = (self.path("plant.csv"), self.path("site.toml"));
        let words =
            ["ingest", "devices", "import", sheet.to_str().unwrap(), "--config", config.to_str().unwrap()];
        run(&[&words, options].concat())
    }

    fn export(&self) -> Vec<u8> {
        let config = self.path("site.toml");
        let output = run(&["ingest", "devices", "export", "--config", config.to_str().unwrap()]);
        assert!(output.status.success(), "{}", told(&output));
        output.stdout
    }

    /// What is refused, without the folder's name; nothing may have been written.
    fn refused(&self, sheet: impl AsRef<[u8]>, options: &[&str]) -> String {
        let before = self.devices();
        let output = self.import(sheet, options);
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert_eq!(self.devices(), before, "nothing half imported");
        told(&output).replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn rows(numbers: std::ops::Range<u32>) -> String {
    numbers.fold(HEADER.to_owned(), |mut text, at| {
        writeln!(text, "m{at},meter,plant/m{at},modbus,tcp://127.0.0.1:9/{},", at % 200).unwrap();
        text
    })
}

#[test]
fn five_hundred_devices_come_in_at_once_and_what_is_written_by_hand_stays() {
    let site = Site::new(BY_HAND);
    let dry = site.import(rows(0..500), &["--dry-run"]);
    assert_eq!((dry.status.code(), site.devices()), (Some(3), None), "{}", told(&dry));
    assert!(said(&dry).starts_with("+ ingest.devices.m0\n+ ingest.devices.m1\n"));
    assert!(said(&dry).ends_with("500 changes, and nothing was written\n"));
    let output = site.import(rows(0..500), &[]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(fs::read_to_string(site.path("site.toml")).unwrap(), BY_HAND);
    assert_eq!(said(&site.import(rows(0..500), &[])), "nothing to change\n");
    let checked = run(&["config", "check", site.path("site.toml").to_str().unwrap()]);
    assert!(checked.status.success(), "{}", told(&checked));
    assert_eq!(fs::read_dir(site.0.path()).unwrap().count(), 3, "and no file beside these");
}

#[test]
fn what_is_changed_is_told_field_by_field_and_only_replace_takes_away() {
    let site = Site::new(BY_HAND);
    assert!(site.import(rows(0..3), &[]).status.success());
    let changed = "m1,meter,plant/m1,modbus,tcp://127.0.0.1:10/1,300 ms\nm9,meter,plant/m9,modbus,tcp://127.0.0.1:9/9,\n";
    let expected = "~ ingest.devices.m1.address: \"tcp://127.0.0.1:9/1\" -> \"tcp://127.0.0.1:10/1\"\n\
        ~ ingest.devices.m1.timeout: \"1 s\" -> \"300 ms\"\n+ ingest.devices.m9\n";
    let output = site.import(format!("{HEADER}{changed}"), &["--dry-run"]);
    assert_eq!(said(&output), format!("{expected}3 changes, and nothing was written\n"));
    assert!(site.import(format!("{HEADER}{changed}"), &[]).status.success());
    assert!(site.devices().unwrap().contains("[ingest.devices.m0]"), "what the sheet does not name stays");
    let output = site.import(format!("{HEADER}{changed}"), &["--replace"]);
    assert!(
        said(&output).starts_with("- ingest.devices.m0\n- ingest.devices.m2\n2 changes"),
        "{}",
        told(&output)
    );
}

#[test]
fn an_export_that_is_imported_changes_nothing_here_and_makes_the_same_elsewhere() {
    let sheet = "kind,name,template,device,topic,driver,address,group,every,type,unit,scale,by_exception,time,time_unit\n\
        template,脉冲表,,,,,,,,,,,,ts,s\n\
        group,fast,脉冲表,,,,,,200 ms,,,,,,\n\
        tag,\"p, \"\"total\"\"\",脉冲表,,,,40001:FLOAT,fast,,,kW,1e-3,TRUE,,\n\
        tag,on,脉冲表,,,,00001,,,boolean,,,,,\n\
        device,泵 1,脉冲表,,plant/p1,modbus,tcp://127.0.0.1:9/1,,,,,,,,\n\
        device,p2,脉冲表,,plant/p2,modbus,tcp://127.0.0.1:9/2,,,,,,,,\n\
        override,\"p, \"\"total\"\"\",,p2,,,40011:FLOAT,,,,,0.5,,,\n";
    let site = Site::new(BY_HAND);
    let output = site.import(sheet, &[]);
    assert!(output.status.success(), "{}", told(&output));
    let exported = site.export();
    assert_eq!(said(&site.import(&exported, &["--replace"])), "nothing to change\n", "{}", told(&output));
    let elsewhere = Site::new("");
    let output = elsewhere.import(&exported, &[]);
    assert!(output.status.success(), "{}", told(&output));
    let of = |site: &Site| {
        let shown = run(&["config", "show", "--config", site.path("site.toml").to_str().unwrap()]);
        let lines: Vec<String> =
            said(&shown).lines().filter(|line| line.starts_with("ingest.")).map(str::to_owned).collect();
        lines.into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(of(&elsewhere), of(&site));
    assert!(
        of(&site).contains("ingest.devices.p2.tags.\"p, \\\"total\\\"\".address = \"40011:FLOAT\""),
        "{:?}",
        of(&site)
    );
}

#[test]
fn each_fault_is_told_with_row_and_column_and_nothing_is_taken_over() {
    let site = Site::new(BY_HAND);
    assert!(site.import(rows(0..2), &[]).status.success());
    let sheet = "\u{feff}kind,name,template,topic,driver,address,timeout,scale,unit\r\n\
        device,a,meter,plant/a,modbus,tcp://127.0.0.1:9/1,300 ms,,\r\n\
        \r\n\
        device,b,meter,plant/b,mdbus,tcp://127.0.0.1:9/2,300,,\r\n\
        device,a,meter,plant/c,modbus,tcp://127.0.0.1:9/3,,,\r\n\
        device,c,meter,plant/d,modbus,tcp://127.0.0.1:9/4,,0.1,\r\n\
        thing,d,,,,,,,\r\n\
        tag,e,,,,40001,,,\r\n\
        tag,f,meter,,,40001,,\"0,1\",\r\n\
        device,,meter,plant/g,modbus,x,,,\r\n";
    let expected = "\
plant.csv: row 4, column G: timeout: \"300\" is not a duration [TG-CF-014]
  hint: write a whole number and a unit: \"250 ms\", \"2 s\", \"10 min\"
plant.csv: row 5, column B: ingest.devices.a is in row 2 already [TG-DI-005]
  hint: give one of them another name, or take it out
plant.csv: row 6, column H: a device has no scale [TG-DI-004]
  hint: empty the cell, or say another kind of row
plant.csv: row 7, column A: \"thing\" is no kind of row [TG-DI-004]
  hint: write template, group, tag, device, override
plant.csv: row 8, column C: a tag has to say its template [TG-DI-004]
  hint: fill in template
plant.csv: row 9, column H: scale: a number is wanted, and this is of type text [TG-CF-007]
";
    let found = site.refused(sheet, &[]);
    assert!(found.starts_with(expected), "{found}");
    assert!(
        found.contains("plant.csv: row 10, column B: a device has to say its name [TG-DI-004]"),
        "{found}"
    );
    assert!(found.contains("error[TG-DI-008]: plant.csv has 7 faults, and nothing was imported"), "{found}");
}

#[test]
fn what_only_the_judge_sees_is_told_at_its_cell_as_well() {
    let site = Site::new(BY_HAND);
    let sheet = format!(
        "{HEADER}a,meter,plant/a,mdbus,tcp://127.0.0.1:9/1,\nb,meter,plant/b,modbus,10.0.0.1,\n\
         c,mter,plant/c,modbus,tcp://127.0.0.1:9/3,\nd,meter,plant/first,modbus,tcp://127.0.0.1:9/4,\n"
    );
    let found = site.refused(&sheet, &[]);
    for place in [
        "plant.csv: row 2, column D: ingest.devices.a: there is no driver \"mdbus\"",
        "plant.csv: row 3, column E: ingest.devices.b: \"10.0.0.1\" is no place",
        "plant.csv: row 4, column A: ",
        "plant.csv: row 5, column A: ",
    ] {
        assert!(found.contains(place), "{place}: {found}");
    }
    let one = site.refused(format!("{HEADER}b,meter,plant/b,modbus,10.0.0.1,\n"), &[]);
    assert!(one.starts_with("error[TG-MB-001]: plant.csv: row 2, column E: "), "{one}");
}

#[test]
fn columns_and_files_of_another_form_are_refused() {
    let site = Site::new(BY_HAND);
    let of = |sheet: &[u8], options: &[&str]| site.refused(sheet, options);
    let found = of(b"name,templat,topic\na,meter,plant/a\n", &[]);
    assert!(
        found.contains("row 1, column B: there is no column \"templat\"\nhint: did you mean \"template\"?"),
        "{found}"
    );
    assert!(of(b"name,topic,topic\n", &[]).contains("row 1, column C: the column \"topic\" is there twice"));
    assert!(of(b"template,topic\n", &[]).contains("there is no column \"name\""));
    assert!(of(b"", &[]).starts_with("error[TG-DI-003]: plant.csv: row 1: there is no row in it"));
    assert!(of(b"name\na,b\n", &[]).contains("row 2, column B: the row has more cells"));
    let open = of(b"name,topic\na,\"plant/a\nb,plant/b\n", &[]);
    assert!(
        open.contains("error[TG-DI-004]: plant.csv: row 2, column B: the cell has a line break"),
        "{open}"
    );
    let long = format!("name,topic\na,{}\n", "x".repeat(5000));
    assert!(of(long.as_bytes(), &[]).starts_with("error[TG-DI-001]: plant.csv: row 2, column B: "));
    let many = format!("name\n{}", "a\n".repeat(100_001));
    assert!(
        of(many.as_bytes(), &[])
            .starts_with("error[TG-DI-001]: plant.csv: row 100002: it has more than 100000 rows")
    );
    let found = of(&vec![b' '; (16 << 20) + 1], &[]);
    assert!(
        found.starts_with("error[TG-DI-001]: plant.csv: row 1: it has more than 16777216 bytes"),
        "{found}"
    );
    let missing = run(&[
        "ingest",
        "devices",
        "import",
        "/nowhere/plant.csv",
        "--config",
        site.path("site.toml").to_str().unwrap(),
    ]);
    assert!(told(&missing).starts_with("error[TG-CF-001]: "), "{}", told(&missing));
    let nothing = TempDir::new().unwrap();
    let data = nothing.path().to_str().unwrap();
    let alone = run(&["ingest", "devices", "export", "--data", data]);
    assert!(told(&alone).starts_with("error[TG-DI-010]: "), "{}", told(&alone));
}

/// `泵` in GBK.
const GBK: &[u8] = b"name,template,topic,driver,address\n\xb1\xc3,meter,plant/p,modbus,tcp://127.0.0.1:9/1\n";

#[test]
fn a_file_of_excel_in_china_is_refused_with_a_way_out_and_taken_when_it_is_named() {
    let site = Site::new(BY_HAND);
    let found = site.refused(GBK, &[]);
    assert!(found.starts_with("error[TG-DI-002]: plant.csv: row 2: this is not UTF-8\n"), "{found}");
    assert!(found.contains("--encoding gb18030"), "{found}");
    let output = site.import(GBK, &["--encoding", "gb18030"]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(site.devices().unwrap().contains("[ingest.devices.\"泵\"]"));
    let semicolons = "name;template;topic;driver;address\ns;meter;plant/s;modbus;tcp://127.0.0.1:9/2\n";
    assert_eq!(said(&site.import(semicolons, &["--dry-run"])).lines().next(), Some("+ ingest.devices.s"));
}

#[test]
fn what_is_written_by_hand_may_be_repeated_and_not_contradicted() {
    let site = Site::new(BY_HAND);
    let same = format!("{HEADER}first,meter,plant/first,modbus,tcp://127.0.0.1:9/1,\n");
    assert_eq!(said(&site.import(&same, &[])), "nothing to change\n");
    let found = site.refused(same.replace(":9/1", ":9/7"), &[]);
    assert!(
        found.starts_with(
            "error[TG-DI-006]: plant.csv: row 2, column A: ingest.devices.first is written by hand at "
        ),
        "{found}"
    );
    assert!(found.contains("site.toml:6:17"), "{found}");
}

#[test]
fn the_file_of_devices_has_the_rights_of_the_one_beside_it_and_nothing_but_devices() {
    let site = Site::new(BY_HAND);
    fs::set_permissions(site.path("site.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(site.import(rows(0..1), &[]).status.success());
    let mode = fs::metadata(site.path("site.devices.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    fs::write(site.path("site.devices.toml"), "[mqtt]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    assert!(site.refused(rows(0..1), &[]).starts_with("error[TG-CF-024]: site.devices.toml:1:2: "));
}

#[test]
fn a_password_of_a_sheet_is_kept_as_it_is_by_every_import_and_shown_by_none() {
    let site = Site::new("[ingest.templates.line.tags.temp]\naddress = \"ns=2;s=Line.Temp\"\n");
    let sheet = |name: &str, password: &str| {
        format!(
            "name,template,topic,driver,address,user,password\n\
             {name},line,plant/{name},opcua,opc.tcp://127.0.0.1:9,gateway,{password}\n"
        )
    };
    let first = site.import(sheet("line-1", "open \\ sesame"), &[]);
    let second = site.import(sheet("line-2", "other"), &[]);
    for output in [&first, &second] {
        assert!(output.status.success() && !told(output).contains("sesame"), "{}", told(output));
    }
    let devices = site.devices().unwrap();
    for password in [r#"password = "open \\ sesame""#, r#"password = "other""#] {
        assert!(devices.contains(password), "{devices}");
    }
    let exported = String::from_utf8(site.export()).unwrap();
    assert!(exported.contains("(secret)") && !exported.contains("sesame"), "{exported}");
    let again = site.import(exported.replace("plant/line-1", "hall/line-1"), &[]);
    assert!(again.status.success(), "{}", told(&again));
    assert_eq!(site.devices().unwrap(), devices.replace("plant/line-1", "hall/line-1"));
    let stranger = site.import(sheet("line-3", "(secret)"), &[]);
    assert!(!stranger.status.success() && told(&stranger).contains("row 2, column G"), "{}", told(&stranger));
    assert!(told(&stranger).contains("TG-DI-004"), "{}", told(&stranger));
}

#[test]
fn a_running_node_takes_up_what_is_imported_and_after_a_kill_it_is_there() {
    let site = Site::new(BY_HAND);
    let start = || {
        let mut command = command(&site.path("data"));
        command.arg("--config").arg(site.path("site.toml"));
        Node::start_with(command, &site.path("data"))
    };
    let node = start();
    let asked = |node: &Node, many: usize| {
        let began = Instant::now();
        while node.admin_get("/api/v1/ingest/devices").json().as_array().unwrap().len() != many {
            assert!(began.elapsed() < PATIENCE, "{many} devices are asked");
            pass(Duration::from_millis(20));
        }
    };
    let output = site.import(rows(0..20), &["--reload", "--admin", &node.admin().to_string()]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(said(&output).contains("applied; generation 2\n"), "{}", told(&output));
    asked(&node, 21);
    let origin = node.admin_get("/api/v1/config").json()["settings"].as_array().unwrap().clone();
    let topic = origin.iter().find(|one| one["key"] == "ingest.devices.m7.topic").unwrap();
    assert_eq!(topic["origin"], "devices");
    node.kill();
    asked(&start(), 21);
}

#[test]
fn the_sheet_of_the_guide_is_what_it_says_in_both_languages() {
    for guide in
        [include_str!("../../../docs/guides/plant.md"), include_str!("../../../docs/zh/guides/plant.md")]
    {
        let (_, rest) = guide.split_once("```csv\n").unwrap();
        let (sheet, _) = rest.split_once("```").unwrap();
        let site = Site::new("");
        let output = site.import(sheet, &[]);
        let expected = "+ ingest.templates.pump\n+ ingest.devices.pump-1\n+ ingest.devices.pump-2\n3 changes, written to ";
        assert!(said(&output).starts_with(expected), "{}", told(&output));
    }
}

const NEURON: &str = "\
group,interval,name,address,attribute,type,description,decimal,precision,bias
fast,200,voltage,1!400001#BL,Read,FLOAT,L1 to N,,2,
fast,200,current,1!300003,Read Subscribe,INT16,,0.01,,
slow,60000,level,1!400009,Read Write,UINT16,,,,-5
slow,60000,running,1!000001,Read,BIT,,,,
slow,60000,serial,1!400100.20L,Read,STRING,,,,
";

#[test]
fn tags_of_neuron_become_a_template_and_what_is_left_out_is_noted() {
    let site = Site::new("");
    let output = site.import(NEURON, &["--driver", "modbus", "--template", "meter"]);
    assert!(output.status.success(), "{}", told(&output));
    let expected = "
[ingest.templates.meter.groups.fast]
every = \"200 ms\"

[ingest.templates.meter.groups.slow]
every = \"1 min\"

[ingest.templates.meter.tags.current]
address = \"300003:INT16\"
by_exception = true
group = \"fast\"
scale = 0.01
type = \"real\"

[ingest.templates.meter.tags.level]
address = \"400009:UINT16\"
group = \"slow\"
offset = -5.0
type = \"real\"
writable = true

[ingest.templates.meter.tags.running]
address = \"000001\"
group = \"slow\"
type = \"boolean\"

[ingest.templates.meter.tags.serial]
address = \"400100:STRING20:BADC\"
group = \"slow\"
type = \"text\"

[ingest.templates.meter.tags.voltage]
address = \"400001:FLOAT:CDAB\"
group = \"fast\"
type = \"real\"
";
    let devices = site.devices().unwrap();
    assert!(devices.ends_with(expected), "{devices}");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("note: row 2, column G: description is left out"), "{notes}");
    assert!(notes.contains("note: row 2, column I: precision is left out"), "{notes}");
    assert!(
        notes.contains("template meter stand in unit 1: a device of it has an address that ends in /1"),
        "{notes}"
    );
}

#[test]
fn a_whole_export_of_neuron_makes_a_template_for_each_node_and_station() {
    let site = Site::new("");
    let sheet = "driver_name,group_name,name,address,attribute,precision,decimal,bias,type,description,format,value\n\
        plc,g,a,1!400001,1,0,0.000000,0.000000,4,,,NULL\nplc,g,a,2!400001,3,0,0.100000,0.000000,4,,,NULL\n\
        gate,g,b,9!400001,4,0,0.000000,0.000000,9,,,NULL\n";
    let output = site.import(sheet, &["--driver", "modbus"]);
    let expected = "+ ingest.templates.gate\n+ ingest.templates.plc-1\n+ ingest.templates.plc-2\n";
    assert!(said(&output).starts_with(expected), "{}", told(&output));
    let devices = site.devices().unwrap();
    assert!(
        devices.contains(
            "[ingest.templates.plc-2.tags.a]\naddress = \"400001:UINT16\"\ngroup = \"g\"\nscale = 0.1\n"
        ),
        "{devices}"
    );
}

#[test]
fn a_tag_of_neuron_that_would_have_other_values_is_told_with_row_and_column() {
    let site = Site::new("");
    let sheet = "group,interval,name,address,attribute,type,decimal,bias\n\
        g,100,a,DB1.DBW2,Read,INT16,,\ng,100,b,T5,Read,INT32,,\ng,200,c,DB1.DBW4,Read,FLOAT,,\ng,100,d,DB1.DBW8,Static,INT16,,\n\
        g,100,e,DB1.DBW10,Read,WORD,,\ng,100,f,DB1.DBW12,Read,INT16,0.1,2\ng,100,g,DB0.DBW12,Read,INT16,,\n";
    let found = site.refused(sheet, &["--driver", "s7"]);
    for told in [
        "row 3, column D: \"T5\" of type INT32 has no counterpart: timers and counters are read by copying them to a block [TG-DI-007]",
        "row 4, column B: the group \"g\" is read each 100 ms in row 2 [TG-DI-004]",
        "row 5, column E: a static tag stands nowhere in the device [TG-DI-007]",
        "row 6, column F: this is no type of a value [TG-DI-007]",
        "row 7, column H: a tag has a decimal or a bias, and not both [TG-DI-007]",
    ] {
        assert!(found.contains(told), "{told}: {found}");
    }
    let ask = site.refused(sheet, &[]);
    assert!(ask.starts_with("error[TG-DI-009]: plant.csv has tags of EMQX Neuron"), "{ask}");
    assert!(
        site.refused(rows(0..1), &["--driver", "s7"])
            .starts_with("error[TG-DI-009]: plant.csv has no tags of EMQX Neuron")
    );
}
