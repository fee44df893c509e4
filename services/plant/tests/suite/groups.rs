//! What is told of each group of a device, and of a device that is off scan.

use crate::rig::{Mood, Rig, World, device};
use std::time::Duration;
use tidegate_service_plant::{Device, GroupStand, Interval, Scan};

const EVERY: Duration = Duration::from_millis(200);

/// The only group of a device.
fn group(rig: &Rig, device: &str) -> GroupStand {
    let groups = rig.plant.groups(device);
    assert_eq!(groups.len(), 1, "{groups:?}");
    groups.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_group_tells_how_often_it_is_read_and_what_became_of_each_time() {
    let rig = Rig::over(&World::default(), vec![device("a", "hall/1", 200, &["temp", "cur"])]);
    rig.after(60).await;
    let found = group(&rig, "a");
    let interval = Interval { mean: EVERY, p99: EVERY, jitter_p99: Duration::ZERO };
    let tags = vec!["temp".into(), "cur".into()];
    let (cycles, bad) = (rig.cycles("good"), 0);
    let expected = GroupStand {
        group: "fast".to_owned(),
        every: EVERY,
        tags,
        interval: Some(interval),
        cycles,
        partial: bad,
        failed: bad,
        missed: bad,
    };
    assert_eq!(found, expected);
    assert_eq!(cycles, 300);
    assert!(rig.plant.groups("nobody").is_empty());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_slow_is_told_as_slow_and_its_neighbour_is_not() {
    let world = World::default();
    world.ground().takes = Duration::from_millis(300);
    let devices = vec![device("slow", "hall/1", 200, &["temp"]), device("fit", "yard/1", 1000, &["broken"])];
    let rig = Rig::over(&world, devices);
    rig.after(60).await;
    let (slow, fit) = (group(&rig, "slow"), group(&rig, "fit"));
    let (late, even) = (slow.interval.unwrap(), fit.interval.unwrap());
    assert_eq!((late.mean, late.jitter_p99), (2 * EVERY, EVERY), "each second time is missed");
    assert_eq!((even.mean, even.jitter_p99), (5 * EVERY, Duration::ZERO));
    assert_eq!((slow.partial, slow.failed, fit.missed, fit.partial), (0, 0, 0, fit.cycles));
    assert!(slow.missed > 100, "{slow:?}");
    assert_eq!(slow.missed, rig.cycles("missed"), "the metrics say the same");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_off_scan_tells_since_when_and_when_it_is_tried_again() {
    let world = World::default();
    world.set("hall/1", Mood::Refuses);
    let device = device("a", "hall/1", 200, &["temp"]);
    let slow = Scan { group: "slow".to_owned(), every: 5 * EVERY, tags: device.groups[0].tags.clone() };
    let groups = [device.groups[0].clone(), slow].into();
    let rig = Rig::over(&world, vec![Device { groups, ..device }]);
    rig.after(4).await;
    let gone = rig.plant.stands()["a"].clone();
    assert_eq!(gone.state.name(), "off_scan");
    let wait_ms = gone.probe_ms.unwrap() - gone.since_ms;
    assert!((5_000..=10_000).contains(&wait_ms), "{wait_ms}");
    rig.after(60).await;
    let later = rig.plant.stands()["a"].clone();
    assert_eq!((later.state, later.since_ms), (gone.state, gone.since_ms), "it has been gone since then");
    assert!(later.probe_ms.is_some());
    let failed: u64 = rig.plant.groups("a").iter().map(|group| group.failed).sum();
    assert_eq!(failed, rig.cycles("failed"));
    world.set("hall/1", Mood::Answers);
    rig.after(30).await;
    let back = rig.plant.stands()["a"].clone();
    assert_eq!((back.state.name(), back.probe_ms), ("answers", None));
    for group in rig.plant.groups("a") {
        let mean = group.interval.unwrap().mean;
        // The clock of these tests goes by milliseconds.
        let is_even = mean.abs_diff(group.every) < Duration::from_millis(1);
        assert!(is_even, "the time it was away is no interval: {mean:?}");
    }
    rig.end().await;
}
