//! What ends, begins again and is left alone: shutdown, reload, panics.

use crate::rig::{Mood, Rig, World, config, device};
use std::time::Duration;
use tidegate_kernel_plug::{Capability, Readiness};

#[tokio::test(start_paused = true)]
async fn every_connection_is_given_back_at_the_end() {
    let world = World::default();
    world.set("deaf/1", Mood::Silent);
    let one = |at| device(&format!("d{at}"), &format!("bus{at}/1"), 300, &["a"]);
    let devices = (0..20).map(one).chain([device("deaf", "deaf/1", 300, &["a"])]).collect();
    let rig = Rig::over(&world, devices);
    rig.after(30).await;
    assert_eq!((rig.end().await, world.ground().closed), (0, 20));
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_alone_what_it_does_not_change() {
    let world = World::default();
    let (kept, old) = (device("kept", "hall/1", 100, &["a"]), device("gone", "yard/1", 100, &["a"]));
    let rig = Rig::over(&world, vec![kept.clone(), old]);
    rig.after(10).await;
    let new = device("new", "yard/2", 200, &["a", "b"]);
    rig.plant.reconfigure(config(vec![kept, new]));
    rig.after(10).await;
    assert_eq!((world.reads("hall/1"), world.reads("yard/2")), (200, 50));
    assert!(world.reads("yard/1") <= 101);
    let opened = world.ground().opened.clone();
    assert_eq!((opened["hall"], opened["yard"], world.ground().closed), (1, 2, 1));
    assert_eq!(rig.plant.stands().keys().map(|name| &**name).collect::<Vec<_>>(), ["kept", "new"]);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_panics_is_begun_again_and_its_neighbours_notice_nothing() {
    let world = World::default();
    let rig = Rig::over(&world, vec![device("a", "hall/1", 100, &["a"]), device("b", "yard/1", 100, &["a"])]);
    rig.after(5).await;
    world.set("yard/1", Mood::Panics);
    tokio::time::sleep(Duration::from_millis(250)).await;
    world.set("yard/1", Mood::Answers);
    rig.after(10).await;
    let panics = rig.count("tidegate_plant_bus_panics_total");
    assert!((1..=3).contains(&panics), "{panics}");
    assert_eq!((rig.state("b"), rig.plant.readiness()), ("answers", Readiness::Ready));
    assert!((152..=153).contains(&world.reads("hall/1")));
    world.set("yard/1", Mood::Panics);
    rig.after(120).await;
    assert!(matches!(rig.plant.readiness(), Readiness::Unready(_)));
    rig.end().await;
}
