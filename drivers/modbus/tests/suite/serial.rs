//! The driver, and a plant with it, on a serial line: pymodbus behind a pair of ptys that are broken on purpose.

use crate::pymodbus::python;
use crate::real::{Shelf, Wired, asked, until, values};
use crate::stub::{addresses, connect, read};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_driver_modbus::{Modbus, Place};
use tidegate_service_plant::{Blame, Driver, Found, Limit, Trouble, Value};

const LINE: &str = include_str!("line.py");

/// Longer than an answer takes on a busy machine, and short enough to be waited for.
const SHORT: Limit = Limit(Duration::from_secs(2));

/// A line with the units 1 and 2 on it. Dropping it ends them.
struct Line {
    child: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
    path: PathBuf,
    _folder: TempDir,
}

impl Line {
    fn start(python: &Path) -> Line {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ttyUSB0");
        let mut command = Command::new(python);
        command
            .args(["-c", LINE])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (orders, said) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = Line { child, orders, said, path, _folder: folder };
        assert_eq!(line.answer(), "ready");
        line
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Has the relay do this, now or to the next answer.
    fn order(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        assert_eq!(self.answer(), order);
    }

    fn address(&self, unit: u8) -> String {
        format!("rtu://{}/{unit}?baud=115200", self.path.display())
    }

    fn place(&self, unit: u8) -> Place {
        Modbus.place(&self.address(unit)).unwrap()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // It ends with its input; both fail when it has ended, which is as good.
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One read over a connection of its own, as after a failure.
async fn read_anew(place: &Place, limit: Limit) -> Result<Vec<Value>, Trouble> {
    let mut session = connect(place).await?;
    let plan = Modbus.plan(&session, &addresses(&["40008", "40009"]), limit.0);
    Modbus.read(&mut session, place, &plan, limit).await.map(values)
}

fn registers(unit: i64) -> Vec<Value> {
    [7, 8].map(|at| Value::Integer(100 * unit + at)).to_vec()
}

#[tokio::test]
async fn units_of_one_line_are_read_and_written_over_one_connection() {
    let Some(python) = python("serial::units_of_one_line_are_read_and_written_over_one_connection") else {
        return;
    };
    let line = Line::start(&python);
    let (first, second) = (line.place(1), line.place(2));
    assert_eq!(Modbus.bus(&first), Modbus.bus(&second));
    let mut session = connect(&first).await.unwrap();
    for (place, unit) in [(&first, 1), (&second, 2), (&first, 1)] {
        assert_eq!(read(&mut session, place, &["40008", "40009"]).await.map(values), Ok(registers(unit)));
    }
    let texts = ["40051:FLOAT:DCBA", "40060:INT16", "00010"];
    let new = [Value::Real(-7.25), Value::Integer(-9), Value::Boolean(false)];
    for (address, value) in addresses(&texts).iter().zip(&new) {
        Modbus.write(&mut session, &second, address, value, Limit(Duration::from_secs(30))).await.unwrap();
    }
    assert_eq!(values(read(&mut session, &second, &texts).await.unwrap()), new);
    let found = read(&mut session, &first, &["40200"]).await.unwrap();
    assert!(matches!(&found[..], [Found::Bad(trouble)] if trouble.code == "TG-MB-010"), "{found:?}");
    Modbus.close(session).await;
}

#[tokio::test]
async fn a_silent_unit_and_answers_that_are_broken_cost_one_time_out_and_the_next_read_is_good() {
    let test =
        "serial::a_silent_unit_and_answers_that_are_broken_cost_one_time_out_and_the_next_read_is_good";
    let Some(python) = python(test) else { return };
    let mut line = Line::start(&python);
    let (there, absent) = (line.place(1), line.place(9));
    assert_eq!(read_anew(&there, Limit(Duration::from_secs(30))).await, Ok(registers(1)));
    let silent = read_anew(&absent, SHORT).await.unwrap_err();
    assert_eq!((silent.blame, silent.code), (Blame::Connection, "TG-PL-011"));
    for fault in ["crc", "half", "mute"] {
        line.order(fault);
        let broken = read_anew(&there, SHORT).await.unwrap_err();
        assert!(matches!(broken.code, "TG-PL-011" | "TG-MB-014"), "{fault}: {broken}");
        assert_eq!(
            read_anew(&there, Limit(Duration::from_secs(30))).await,
            Ok(registers(1)),
            "after {fault}"
        );
    }
    line.order("noise");
    assert_eq!(read_anew(&there, Limit(Duration::from_secs(30))).await, Ok(registers(1)), "behind noise");
}

#[tokio::test]
async fn a_line_that_is_unplugged_is_told_and_read_again_when_it_is_back() {
    let Some(python) = python("serial::a_line_that_is_unplugged_is_told_and_read_again_when_it_is_back")
    else {
        return;
    };
    let mut line = Line::start(&python);
    let place = line.place(1);
    let mut session = connect(&place).await.unwrap();
    assert_eq!(read(&mut session, &place, &["40008", "40009"]).await.map(values), Ok(registers(1)));
    line.order("unplug");
    let lost = read(&mut session, &place, &["40008"]).await.unwrap_err();
    assert_eq!((lost.blame, lost.code), (Blame::Connection, "TG-MB-013"), "{lost}");
    let gone = connect(&place).await.unwrap_err();
    assert_eq!((gone.blame, gone.code), (Blame::Connection, "TG-MB-018"));
    assert!(gone.message.contains("ttyUSB0"), "{gone}");
    line.order("plug");
    assert_eq!(read_anew(&place, Limit(Duration::from_secs(30))).await, Ok(registers(1)));
}

#[tokio::test]
async fn a_unit_with_other_settings_than_its_line_is_told_so() {
    let Some(python) = python("serial::a_unit_with_other_settings_than_its_line_is_told_so") else { return };
    let line = Line::start(&python);
    let mut session = connect(&line.place(1)).await.unwrap();
    let other = Modbus.place(&format!("rtu://{}/2?baud=9600", line.path.display())).unwrap();
    let trouble = read(&mut session, &other, &["40008"]).await.unwrap_err();
    assert_eq!((trouble.blame, trouble.code), (Blame::Device, "TG-MB-019"));
    assert_eq!(read(&mut session, &line.place(2), &["40008", "40009"]).await.map(values), Ok(registers(2)));
    let file = line.path.with_file_name("no-line");
    fs::write(&file, "").unwrap();
    let place = Modbus.place(&format!("rtu://{}/1", file.display())).unwrap();
    assert_eq!(connect(&place).await.unwrap_err().code, "TG-MB-018", "a file that is no serial line");
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_a_line_are_served_fairly_beside_a_silent_one_and_after_it_was_unplugged() {
    let test = "serial::units_of_a_line_are_served_fairly_beside_a_silent_one_and_after_it_was_unplugged";
    let Some(python) = python(test) else { return };
    let mut line = Line::start(&python);
    let wired = Wired::start([1, 2, 9].map(|unit| asked(unit, line.address(unit))).to_vec());
    let told = |shelf: &Shelf, unit: &str| {
        shelf.samples.lock().unwrap().iter().filter(|sample| &*sample.device == unit).count()
    };
    until("the silent one is off scan and the others answer", || {
        wired.stands("off_scan") == 1 && wired.stands("answers") == 2
    })
    .await;
    let (first, second) = (told(&wired.shelf, "unit-1"), told(&wired.shelf, "unit-2"));
    until("values flow", || told(&wired.shelf, "unit-1") > first + 20).await;
    let (first, second) = (told(&wired.shelf, "unit-1") - first, told(&wired.shelf, "unit-2") - second);
    assert!(first.abs_diff(second) <= 3, "{first} and {second} reads of units of one period");
    line.order("unplug");
    until("all are off scan", || wired.stands("off_scan") == 3).await;
    line.order("plug");
    until("both answer again", || wired.stands("answers") == 2).await;
    wired.stop().await;
}
