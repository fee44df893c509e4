//! The driver, and a plant with it, on a serial line: pymodbus behind a pair of ptys that are broken on purpose.

use crate::pymodbus::{Line, python};
use crate::real::{asked, values};
use crate::shared::rig::{LIMIT, Rig, total, until};
use crate::stub::{addresses, connect, read};
use std::fs;
use std::time::Duration;
use tidegate_driver_modbus::{Modbus, Place};
use tidegate_service_plant::{Blame, Config, Driver, Found, Limit, Patience, Trouble, Value};
use tokio::time::Instant;

/// Longer than an answer takes on a busy machine, and short enough to be waited for.
const SHORT: Limit = Limit(Duration::from_secs(2));

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
        Modbus.write(&mut session, &second, address, value, LIMIT).await.unwrap();
    }
    assert_eq!(values(read(&mut session, &second, &texts).await.unwrap()), new);
    let found = read(&mut session, &first, &["40104"]).await.unwrap();
    assert!(matches!(&found[..], [Found::Bad(trouble)] if trouble.code == "TG-MB-010"), "{found:?}");
    Modbus.close(session).await;
}

#[tokio::test]
async fn the_next_read_is_good_behind_a_silent_unit_and_answers_that_are_broken() {
    let test = "serial::the_next_read_is_good_behind_a_silent_unit_and_answers_that_are_broken";
    let Some(python) = python(test) else { return };
    let mut line = Line::start(&python);
    let (there, absent) = (line.place(1), line.place(9));
    assert_eq!(read_anew(&there, LIMIT).await, Ok(registers(1)));
    let silent = read_anew(&absent, SHORT).await.unwrap_err();
    assert_eq!((silent.blame, silent.code), (Blame::Connection, "TG-PL-011"));
    for fault in ["crc", "half", "mute"] {
        line.order(fault);
        let broken = read_anew(&there, SHORT).await.unwrap_err();
        assert!(matches!(broken.code, "TG-PL-011" | "TG-MB-014"), "{fault}: {broken}");
        assert_eq!(read_anew(&there, LIMIT).await, Ok(registers(1)), "after {fault}");
    }
    line.order("noise");
    assert_eq!(read_anew(&there, LIMIT).await, Ok(registers(1)), "behind noise");
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
    assert_eq!(read_anew(&place, LIMIT).await, Ok(registers(1)));
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
    let rig = Rig::over(Modbus, [1, 2, 9].map(|unit| asked(unit, &line.address(unit))).to_vec());
    until("the silent one is off scan and the others answer", || {
        rig.stands("off_scan") == 1 && rig.stands("answers") == 2
    })
    .await;
    let (first, second) = (rig.shelf.count("unit-1"), rig.shelf.count("unit-2"));
    until("values flow", || rig.shelf.count("unit-1") > first + 20).await;
    let (first, second) = (rig.shelf.count("unit-1") - first, rig.shelf.count("unit-2") - second);
    assert!(first.abs_diff(second) <= 3, "{first} and {second} reads of units of one period");
    line.order("unplug");
    until("all are off scan", || rig.stands("off_scan") == 3).await;
    line.order("plug");
    until("both answer again", || rig.stands("answers") == 2).await;
    rig.end().await;
}

#[tokio::test]
async fn an_answer_that_is_late_is_not_taken_for_the_answer_to_what_is_asked_next() {
    let test = "serial::an_answer_that_is_late_is_not_taken_for_the_answer_to_what_is_asked_next";
    let Some(python) = python(test) else { return };
    let mut line = Line::start(&python);
    let place = line.place(1);
    assert_eq!(read_anew(&place, LIMIT).await, Ok(registers(1)));
    // Half a timeout behind its time, and the unit hears nothing meanwhile.
    line.order("late 3");
    assert!(read_anew(&place, SHORT).await.unwrap_err().is_silence());
    let mut session = connect(&place).await.unwrap();
    let others = read(&mut session, &place, &["40001", "40002"]).await.map(values);
    assert_eq!(others, Ok([100, 101].map(Value::Integer).to_vec()));
}

#[tokio::test]
async fn an_answer_to_a_write_that_is_late_does_not_answer_the_next_one() {
    let test = "serial::an_answer_to_a_write_that_is_late_does_not_answer_the_next_one";
    let Some(python) = python(test) else { return };
    let mut line = Line::start(&python);
    let (place, address) = (line.place(1), &addresses(&["40060:INT16"])[0]);
    for fault in ["late 3", "mute"] {
        let mut session = connect(&place).await.unwrap();
        line.order(fault);
        let written = Modbus.write(&mut session, &place, address, &Value::Integer(2), SHORT).await;
        assert!(written.as_ref().is_err_and(Trouble::is_silence), "{fault}: {written:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_silent_leaves_half_of_the_line_to_one_that_answers() {
    let test = "serial::a_unit_that_is_silent_leaves_half_of_the_line_to_one_that_answers";
    let Some(python) = python(test) else { return };
    let line = Line::start(&python);
    let devices = [1, 9].map(|unit| asked(unit, &line.address(unit))).to_vec();
    let limit = devices[1].timeout;
    // It never goes off scan.
    let patience = Patience { failures_max: u32::MAX, off_scan_us: 1, off_scan_us_max: 1 };
    let began = Instant::now();
    let rig = Rig::with(Modbus, Config { devices, patience, ..Config::default() });
    let failed = || total(&rig.plant, "tidegate_plant_cycles_total", &[("outcome", "failed")]);
    until("it fails for a while", || failed() > 3).await;
    let (failed, answered) = (failed(), rig.shelf.count("unit-1") as u64);
    // Its timeout, and as long again in which an answer may come late; and each but the last has been made up for.
    let spent = 2 * limit * (failed as u32 - 1);
    assert!(2 * spent <= began.elapsed(), "{spent:?} of {:?}", began.elapsed());
    assert!(answered >= failed - 1, "{answered} reads beside {failed} that failed");
    rig.end().await;
}
