//! How much memory the history takes, by the system's own count. Alone in its process, so that nothing else is counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use tidegate_engine_tags::{Point, Quality, Value};
use tidegate_service_history::{Config, History};

/// What the process has in memory, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn fill(history: &History, (devices, tags, values): (usize, usize, u64)) {
    for at in 0..values {
        for device in 0..devices {
            let point = |tag: usize| {
                let value = Value::Real(at as f64);
                Point { tag: format!("tag-{tag}").into(), value, quality: Quality::Good, source_ms: at }
            };
            history.record(&format!("device-{device}"), &(0..tags).map(point).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_history_stays_within_its_bytes_however_many_tags_there_are() {
    let bytes_max = Config::default().bytes_max;
    assert_eq!(bytes_max, 64 << 20);
    let least_kept = [(20, 100, 1000), (20_000, 1, 50), (200_000, 1, 8)];
    for (devices, tags, values_min) in least_kept {
        let before = resident();
        let history = History::new(Config::default()).unwrap();
        fill(&history, (devices, tags, 1000.min(2_000_000 / (devices * tags) as u64)));
        let taken = resident().saturating_sub(before);
        assert!(taken <= bytes_max, "{taken} bytes with {devices} devices of {tags} tags");
        let kept = history.range("device-7", "tag-0", 0, u64::MAX).len();
        assert!(kept >= values_min, "{kept} values of a tag with {devices} devices of {tags} tags");
        fill(&history, (100_000, 1, 3));
        let taken = resident().saturating_sub(before);
        assert!(taken <= bytes_max, "{taken} bytes after 100000 more devices");
    }
}
