//! What the driver makes of a station that has what is asked for, lacks some of it, or refuses.

use crate::shared::rig::{PATIENCE, Rig, values};
use crate::snap7::asked;
use crate::station::{Manner, Station};
use std::collections::BTreeMap;
use tidegate_codec_s7::Area;
use tidegate_driver_s7::S7;
use tidegate_service_plant::{Quality, Value};
use tokio::time::Instant;

const BLOCK: Area = Area::Block(1);

fn block(bytes: Vec<u8>) -> BTreeMap<Area, Vec<u8>> {
    BTreeMap::from([(BLOCK, bytes)])
}

#[tokio::test]
async fn values_of_every_kind_reach_the_pipeline() {
    let bytes = [&[9, 0, 0, 0, 0x41, 0xac, 0, 0, 0xff, 0xf9][..], b"\x04\x02ok\0\0", &[0xff; 8]].concat();
    let station = Station::start(Manner::default(), block(bytes)).await;
    let addresses = ["DB1.DBD4:REAL", "DB1.DBX0.3", "DB1.DBW8:INT", "DB1.DBB10:STRING[4]", "DB1.DBB16:ULINT"];
    let mut rig = Rig::over(S7, asked(station.port, &addresses));
    let points = rig.points().await;
    let expected = [
        ("DB1.DBD4:REAL", Value::Real(21.5)),
        ("DB1.DBX0.3", Value::Boolean(true)),
        ("DB1.DBW8:INT", Value::Integer(-7)),
        ("DB1.DBB10:STRING[4]", Value::Text("ok".into())),
    ];
    assert_eq!(values(&points), expected, "what does not fit an integer never was anything");
    assert!(rig.count("tidegate_plant_bad_values_total{driver=\"s7\",code=\"TG-SI-033\"}") > 0);
    rig.end().await;
    assert_eq!(station.shared.ground().connections, 1);
}

#[tokio::test]
async fn one_address_behind_the_end_costs_its_neighbours_no_value() {
    let station = Station::start(Manner::default(), block(vec![7; 20])).await;
    let mut rig = Rig::over(S7, asked(station.port, &["DB1.DBB0", "DB1.DBB1", "DB1.DBB20", "DB1.DBB19"]));
    for _ in 0..3 {
        let points = rig.points().await;
        let good: Vec<&str> = points.iter().map(|point| &*point.tag).collect();
        assert_eq!(good, ["DB1.DBB0", "DB1.DBB1", "DB1.DBB19"]);
        assert!(points.iter().all(|point| point.quality == Quality::Good));
    }
    rig.end().await;
    // One item for all four, then four, then two whenever it is read: those that are sound, and the one that is not.
    let items = station.shared.ground().items_read;
    assert!(items > 5 && (items - 5).is_multiple_of(3), "{items} items");
}

#[tokio::test]
async fn as_many_jobs_are_under_way_as_the_station_takes() {
    let manner = Manner { jobs: 4, waits_for: 4, ..Manner::default() };
    let station = Station::start(manner, block(vec![1; 8 * 220])).await;
    let addresses: Vec<String> = (0..8 * 55).map(|at| format!("DB1.DBD{}:DINT", at * 4)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut rig = Rig::over(S7, asked(station.port, &addresses));
    let points = rig.points().await;
    assert_eq!(points.len(), 440);
    assert!(points.iter().all(|point| point.value == Value::Integer(0x0101_0101)));
    rig.end().await;
}

#[tokio::test]
async fn a_station_that_refuses_everything_goes_off_scan_and_one_block_that_is_missing_does_not() {
    let refusing = Station::start(Manner { refuses: true, ..Manner::default() }, block(vec![0; 8])).await;
    let rig = Rig::over(S7, asked(refusing.port, &["DB1.DBB0"]));
    let whole = Station::start(Manner::default(), block(vec![0; 8])).await;
    let mut other = Rig::over(S7, asked(whole.port, &["DB1.DBB0", "DB9.DBB0"]));
    let deadline = Instant::now() + PATIENCE;
    while rig.state() != "off_scan" {
        assert!(Instant::now() < deadline, "it is {}", rig.state());
        other.points().await;
    }
    assert_eq!(other.state(), "answers");
    assert!(rig.count("tidegate_plant_bad_values_total{driver=\"s7\",code=\"TG-SI-024\"}") > 0);
    assert!(other.count("tidegate_plant_bad_values_total{driver=\"s7\",code=\"TG-SI-020\"}") > 0);
    other.end().await;
    rig.end().await;
}

#[tokio::test]
async fn a_station_that_closes_after_each_answer_is_read_each_time() {
    let manner = Manner { hangs_up: true, ..Manner::default() };
    let station = Station::start(manner, block(vec![9; 8])).await;
    let mut rig = Rig::over(S7, asked(station.port, &["DB1.DBB0", "DB1.DBB7"]));
    for _ in 0..5 {
        let points = rig.points().await;
        assert_eq!(points.len(), 2);
        assert!(points.iter().all(|point| point.quality == Quality::Good), "{points:?}");
    }
    assert_eq!(rig.state(), "answers");
    rig.end().await;
    assert!(station.shared.ground().connections >= 5);
}
