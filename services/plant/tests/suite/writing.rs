//! Values that are written: once, between reads, and with one answer however it ends.

use crate::rig::{Mood, Rig, Whim, World, config, device};
use std::time::Duration;
use tidegate_service_plant::{Device, Fate, Value, Written};
use tokio::time::{Instant, sleep};

/// How it ended, with its code.
fn told(written: &Written) -> (&'static str, &'static str) {
    (written.fate.name(), written.trouble.as_ref().map_or("", |trouble| trouble.code))
}

fn one(world: &World) -> Rig {
    Rig::over(world, vec![device("a", "hall/1", 100, &["temp", "speed"])])
}

#[tokio::test(start_paused = true)]
async fn a_value_is_written_over_the_connection_at_hand_and_read_back() {
    let world = World::default();
    let rig = one(&world);
    rig.after(1).await;
    let written = rig.write("a", "speed", 12).await.unwrap();
    assert_eq!(told(&written), ("confirmed", ""));
    assert_eq!((written.before, written.after), (Some(Value::Integer(7)), Some(Value::Integer(12))));
    assert_eq!((world.writes("hall/1"), world.ground().opened["hall"]), (vec![Value::Integer(12)], 1));
    rig.after(1).await;
    let last = rig.shelf.samples.lock().unwrap().last().unwrap().points[1].value.clone();
    assert_eq!(last, Value::Integer(12));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_value_is_written_before_the_first_read_over_a_connection_of_its_own() {
    let world = World::default();
    let rig = Rig::over(&world, vec![device("a", "hall/1", 3_600_000, &["speed"])]);
    let written = rig.write("a", "speed", 12);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told(&written.await.unwrap()).0, "refused", "its bus has not begun yet");
    let written = rig.write("a", "speed", 12).await.unwrap();
    assert_eq!((told(&written).0, world.reads("hall/1")), ("confirmed", 2));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_off_scan_is_sent_nothing_and_says_so_at_once() {
    let world = World::default();
    let rig = one(&world);
    world.set("hall/1", Mood::Silent);
    // It is tried again some seconds later, so nobody waits for its answer just now.
    loop {
        rig.after(1).await;
        if rig.state("a") == "off_scan" {
            break;
        }
    }
    let began = Instant::now();
    let written = rig.write("a", "speed", 12).await.unwrap();
    assert_eq!((told(&written), began.elapsed()), (("refused", "TG-PL-041"), Duration::ZERO));
    assert_eq!(world.writes("hall/1"), []);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_device_makes_of_it_is_told_and_nothing_is_written_twice() {
    let (seven, twelve) = (Some(Value::Integer(7)), Some(Value::Integer(12)));
    for (whim, expected, after) in [
        (Whim::Ignores, ("unconfirmed", "TG-PL-046"), &seven),
        (Whim::Declines, ("failed", "TG-XX-006"), &None),
        (Whim::Swallows, ("unknown", "TG-PL-045"), &seven),
        (Whim::Mutters, ("confirmed", ""), &twelve),
        (Whim::Breaks, ("confirmed", ""), &twelve),
    ] {
        let world = World::default();
        let rig = one(&world);
        rig.after(1).await;
        world.on_write("hall/1", whim);
        let written = rig.write("a", "speed", 12).await.unwrap();
        assert_eq!((told(&written), &written.after), (expected, after), "{whim:?}");
        rig.after(5).await;
        assert_eq!((world.writes("hall/1").len(), rig.state("a")), (1, "answers"), "{whim:?}");
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_gone_before_the_write_has_failed_and_one_that_goes_in_the_middle_is_unknown() {
    let world = World::default();
    let rig = one(&world);
    rig.after(1).await;
    world.set("hall/1", Mood::Refuses);
    let written = rig.write("a", "speed", 12).await.unwrap();
    assert_eq!((told(&written), world.writes("hall/1").len()), (("failed", "TG-PL-010"), 0));
    world.set("hall/1", Mood::Answers);
    rig.after(30).await;
    world.on_write("hall/1", Whim::Swallows);
    let written = rig.write("a", "speed", 12);
    sleep(Duration::from_millis(500)).await;
    world.set("hall/1", Mood::Refuses);
    let written = written.await.unwrap();
    assert_eq!((told(&written), written.after), (("unknown", "TG-PL-045"), None));
    assert_eq!(written.before, Some(Value::Integer(7)));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_hangs_up_after_each_answer_is_written_to_over_a_new_connection() {
    let world = World::default();
    world.set("hall/1", Mood::Closes);
    let rig = one(&world);
    rig.after(5).await;
    assert_eq!(told(&rig.write("a", "speed", 12).await.unwrap()), ("confirmed", ""));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn writes_go_ahead_of_reads_that_are_due_and_never_starve_them() {
    let world = World::default();
    let rig = one(&world);
    world.ground().takes = Duration::from_millis(40);
    rig.after(1).await;
    let (began, before) = (Instant::now(), rig.cycles("good"));
    let mut written = 0;
    while began.elapsed() < Duration::from_secs(16) {
        let all: Vec<_> = (0..4).map(|value| rig.write("a", "speed", value)).collect();
        for one in all {
            assert_eq!(one.await.unwrap().fate, Fate::Confirmed);
            written += 1;
        }
    }
    // A write is 120 ms and a read 40: they take turns.
    let reads = rig.cycles("good") - before;
    assert!((90..=120).contains(&written) && reads >= written - 5, "{written} writes, {reads} reads");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_keeps_so_many_writes_waiting_and_those_that_wait_too_long_are_never_carried_out() {
    let world = World::default();
    let rig = one(&world);
    rig.after(1).await;
    world.on_write("hall/1", Whim::Swallows);
    let stuck = rig.write("a", "speed", 0);
    sleep(Duration::from_millis(1)).await;
    let waiting: Vec<_> = (1..=16).map(|value| rig.write_within("a", "speed", value, 400)).collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told(&rig.write("a", "speed", 17).await.unwrap()), ("refused", "TG-PL-042"));
    for one in waiting {
        assert_eq!(told(&one.await.unwrap()), ("refused", "TG-PL-043"));
    }
    assert_eq!(told(&stuck.await.unwrap()), ("unknown", "TG-PL-045"));
    rig.after(5).await;
    assert_eq!(world.writes("hall/1"), [Value::Integer(0)]);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_lets_the_write_under_way_end_and_refuses_those_behind_it() {
    let world = World::default();
    let rig = one(&world);
    rig.after(1).await;
    world.ground().takes = Duration::from_millis(300);
    let first = rig.write("a", "speed", 12);
    sleep(Duration::from_millis(400)).await;
    let second = rig.write("a", "speed", 13);
    sleep(Duration::from_millis(1)).await;
    rig.plant.reconfigure(config(vec![device("a", "hall/1", 200, &["speed"])]));
    assert_eq!(told(&first.await.unwrap()), ("confirmed", ""));
    assert_eq!(told(&second.await.unwrap()), ("refused", "TG-PL-044"));
    assert_eq!(world.writes("hall/1"), [Value::Integer(12)]);
    rig.after(2).await;
    assert_eq!(told(&rig.write("a", "speed", 14).await.unwrap()), ("confirmed", ""));
    let gone = rig.write("a", "temp", 14).await.unwrap();
    assert_eq!(told(&gone), ("refused", "TG-PL-040"));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_cut_off_at_the_end_or_by_a_panic_is_unknown() {
    let world = World::default();
    let rig = one(&world);
    rig.after(1).await;
    world.on_write("hall/1", Whim::Panics);
    world.ground().takes = Duration::from_millis(100);
    let first = rig.write("a", "speed", 12);
    sleep(Duration::from_millis(150)).await;
    let second = rig.write("a", "speed", 13);
    assert_eq!(told(&first.await.unwrap()), ("unknown", "TG-PL-045"));
    assert_eq!(told(&second.await.unwrap()), ("refused", "TG-PL-044"));
    world.on_write("hall/1", Whim::Hangs);
    rig.after(2).await;
    let third = rig.write("a", "speed", 14);
    rig.after(1).await;
    assert_eq!(rig.end().await, 1);
    assert_eq!(told(&third.await.unwrap()).0, "unknown");
}

#[tokio::test(start_paused = true)]
async fn a_device_is_written_to_where_it_is_asked() {
    let world = World::default();
    let with_backup = Device { backup: Some("spare/1".to_owned()), ..device("a", "hall/1", 100, &["speed"]) };
    let rig = Rig::over(&world, vec![with_backup]);
    rig.after(1).await;
    world.set("hall/1", Mood::Refuses);
    rig.after(5).await;
    assert_eq!(told(&rig.write("a", "speed", 12).await.unwrap()), ("confirmed", ""));
    assert_eq!((world.writes("hall/1").len(), world.writes("spare/1").len()), (0, 1));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_or_is_not_asked_is_sent_nowhere() {
    let world = World::default();
    let rig = Rig::over(&world, vec![device("a", "hall/1", 100, &["flag"])]);
    rig.after(1).await;
    assert_eq!(told(&rig.write("a", "flag", 1).await.unwrap()), ("refused", "TG-PL-048"));
    assert_eq!(told(&rig.write("b", "flag", 1).await.unwrap()), ("refused", "TG-PL-040"));
    assert_eq!(world.writes("hall/1"), []);
    rig.end().await;
}
