//! Who is asked when, and what is told of those that do not answer.

use crate::rig::{Mood, Rig, World, device};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_service_plant::{Device, Quality};

#[tokio::test(start_paused = true)]
async fn a_group_is_read_as_often_as_it_says_and_every_time_is_counted() {
    let rig = Rig::over(&World::default(), vec![device("a", "hall/1", 200, &["temp", "cur"])]);
    rig.after(60).await;
    assert_eq!((rig.cycles("good"), rig.cycles("missed"), rig.cycles("failed")), (300, 0, 0));
    assert_eq!(rig.samples("taken"), 300);
    let first = rig.shelf.samples.lock().unwrap()[0].clone();
    assert_eq!((&*first.device, first.topic.as_str(), first.points.len()), ("a", "plant/a", 2));
    let of_group =
        "tidegate_plant_read_interval_seconds_bucket{template=\"press\",group=\"fast\",le=\"0.2\"}";
    assert_eq!(rig.count(of_group), 299);
    assert_eq!(rig.end().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_delays_nobody_and_comes_back_by_itself() {
    let world = World::default();
    world.set("dead/1", Mood::Silent);
    let devices = vec![device("alive", "hall/1", 100, &["a"]), device("dead", "dead/1", 100, &["a"])];
    let rig = Rig::over(&world, devices);
    rig.after(60).await;
    assert_eq!(world.reads("hall/1"), 600);
    assert_eq!((rig.state("alive"), rig.state("dead")), ("answers", "off_scan"));
    assert!(world.reads("dead/1") < 16, "{} tries", world.reads("dead/1"));
    world.set("dead/1", Mood::Answers);
    // Nobody else is on its bus, so it is not probed less and less.
    rig.after(11).await;
    let before = world.reads("dead/1");
    rig.after(10).await;
    assert_eq!((rig.state("dead"), world.reads("dead/1") - before), ("answers", 100));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_absent_does_not_take_the_bus_from_its_neighbours() {
    let world = World::default();
    world.ground().takes = Duration::from_millis(10);
    world.set("line/3", Mood::Silent);
    let devices =
        (1..=5).map(|unit| device(&format!("u{unit}"), &format!("line/{unit}"), 500, &["a"])).collect();
    let rig = Rig::over(&world, devices);
    rig.after(120).await;
    for unit in [1, 2, 4, 5] {
        let reads = world.reads(&format!("line/{unit}"));
        assert!((215..=241).contains(&reads), "unit {unit} was read {reads} times of 240");
    }
    assert_eq!(rig.state("u3"), "off_scan");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_once_as_bad_with_what_it_was_last() {
    let world = World::default();
    let rig = Rig::over(&world, vec![device("a", "hall/1", 100, &["temp", "broken"])]);
    rig.after(1).await;
    assert!(rig.cycles("partial") > 5 && rig.cycles("good") == 0);
    world.set("hall/1", Mood::Absent);
    rig.after(20).await;
    let samples = rig.shelf.samples.lock().unwrap().clone();
    let (last, before) = samples.split_last().unwrap();
    assert!(before.iter().all(|sample| sample.points.iter().all(|point| point.quality == Quality::Good)));
    // What never was anything is not told.
    let told: Vec<_> = last.points.iter().map(|point| (&*point.tag, point.quality)).collect();
    assert_eq!(told, [("temp", Quality::Bad)]);
    assert!(rig.count("tidegate_plant_bad_values_total{driver=\"toy\",code=\"TG-XX-005\"}") > 5);
    assert!(rig.count("tidegate_plant_bad_values_total{driver=\"toy\",code=\"TG-XX-004\"}") > 2);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_hangs_up_after_each_answer_is_read_each_time() {
    let world = World::default();
    world.set("hall/1", Mood::Closes);
    let rig = Rig::over(&world, vec![device("a", "hall/1", 100, &["temp"])]);
    rig.after(10).await;
    assert_eq!((rig.cycles("good"), rig.cycles("failed")), (100, 0));
    assert_eq!(rig.count("tidegate_plant_connections_total{driver=\"toy\"}"), 100);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_with_a_backup_is_asked_there_when_it_fails_and_stays_there() {
    let world = World::default();
    let with_backup = Device { backup: Some("spare/1".to_owned()), ..device("a", "hall/1", 100, &["temp"]) };
    let rig = Rig::over(&world, vec![with_backup]);
    rig.after(5).await;
    assert_eq!((world.reads("hall/1"), world.reads("spare/1")), (50, 0));
    world.set("hall/1", Mood::Refuses);
    rig.after(5).await;
    assert!(world.reads("spare/1") > 40);
    assert_eq!(rig.count("tidegate_plant_switches_total{driver=\"toy\"}"), 1);
    world.set("hall/1", Mood::Answers);
    let before = world.reads("hall/1");
    rig.after(60).await;
    assert_eq!(
        (world.reads("hall/1"), rig.count("tidegate_plant_demotions_total{driver=\"toy\"}")),
        (before, 0)
    );
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_room_the_oldest_are_given_up_and_the_sums_close() {
    let world = World::default();
    let rig = Rig::over(&world, vec![device("a", "hall/1", 100, &["temp"])]);
    rig.after(5).await;
    rig.shelf.is_full.store(true, Ordering::SeqCst);
    rig.after(10).await;
    assert_eq!((rig.samples("taken"), rig.count("tidegate_plant_waiting_samples{driver=\"toy\"}")), (50, 16));
    rig.shelf.is_full.store(false, Ordering::SeqCst);
    rig.after(5).await;
    let (taken, given_up) = (rig.samples("taken"), rig.samples("given_up"));
    assert_eq!((taken + given_up, given_up), (rig.cycles("good"), 84));
    assert_eq!(rig.shelf.given_up.lock().unwrap().len() as u64, given_up);
    assert_eq!(rig.shelf.samples.lock().unwrap().len() as u64, taken);
    let times: Vec<u64> = rig.shelf.samples.lock().unwrap().iter().map(|sample| sample.read_ms).collect();
    assert!(times.is_sorted(), "in the order they were read");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn many_devices_of_one_period_are_not_asked_at_once() {
    let world = World::default();
    let one = |at| device(&format!("d{at}"), &format!("bus{at}/1"), 1000, &["a"]);
    let rig = Rig::over(&world, (0..200).map(one).collect());
    rig.after(3).await;
    let times: Vec<_> = world.ground().reads.values().flatten().copied().collect();
    let within = |from: &tokio::time::Instant| {
        times.iter().filter(|at| (*from..*from + Duration::from_millis(50)).contains(at)).count()
    };
    // Evenly spread there are ten in each of twenty parts.
    assert!(times.iter().map(within).max().unwrap() <= 16);
    rig.end().await;
}
