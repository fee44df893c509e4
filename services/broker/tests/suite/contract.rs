//! What stands beside the code: settings, limits, codes, pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tidegate_kernel_journal::{DataFolder, Level};
use tidegate_kernel_plug::config::{Faults, Table};
use tidegate_service_broker::{Broker, BrokerError, CloseReason, Config, Ports, SECTION};

use crate::gate::Gate;
use crate::rig::Rig;
use crate::shelf::Shelf;

type Setter = fn(&mut Config);

async fn refusal(set: impl FnOnce(&mut Config)) -> BrokerError {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let shelf = Arc::new(Shelf::new(folder.queues().clone(), Level::Disk));
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    set(&mut config);
    Broker::bind(config, Ports { intake: shelf, authenticate: Arc::new(Gate), journal: None })
        .await
        .unwrap_err()
}

#[tokio::test]
async fn an_address_in_use_is_a_coded_error_with_a_hint() {
    let rig = Rig::new().await;
    let error = refusal(|config| config.listen = rig.address).await;
    assert_eq!(error.code(), "TG-MQ-120");
    assert!(error.to_string().contains(&rig.address.to_string()) && error.hint().contains("listen"));
}

#[tokio::test]
async fn an_address_of_another_machine_is_a_coded_error_with_a_hint() {
    let error = refusal(|config| config.listen = ([192, 0, 2, 1], 1883).into()).await;
    assert_eq!(error.code(), "TG-MQ-121");
    assert!(error.hint().contains("listen"));
}

#[tokio::test]
async fn a_setting_outside_its_limits_is_refused_by_name() {
    let zeros: [(&str, Setter); 6] = [
        ("connections_max", |config| config.connections_max = 0),
        ("connect_timeout_ms", |config| config.connect_timeout_ms = 0),
        ("write_timeout_ms", |config| config.write_timeout_ms = 0),
        ("packet_bytes_max", |config| config.packet_bytes_max = 0),
        ("unacknowledged_max", |config| config.unacknowledged_max = 65_536),
        ("hold_ms_max", |config| config.hold_ms_max = 0),
    ];
    for (field, set) in zeros {
        let error = refusal(set).await;
        assert_eq!(error.code(), "TG-MQ-122");
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn the_table_has_the_defaults_and_the_sample_is_what_it_makes() {
    let table = Table::new(&[SECTION]);
    let mut faults = Faults::default();
    assert_eq!(Config::from_values(table.defaults().group("mqtt"), &mut faults), Config::default());
    assert!(faults.is_empty());
    assert_eq!(table.sample_of("mqtt").as_deref(), Some(include_str!("../../sample.toml")));
}

#[test]
fn every_code_has_a_page_and_every_reason_with_a_code_has_a_hint() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let others = ["TG-MQ-100", "TG-MQ-115", "TG-MQ-120", "TG-MQ-121", "TG-MQ-122"];
    for code in CloseReason::ALL.iter().filter_map(|reason| reason.code()).chain(others) {
        let page = fs::read_to_string(pages.join(format!("{code}.md"))).expect(code);
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        for heading in ["## What happened", "## Why", "## What to do", "## 中文"] {
            assert!(page.lines().any(|line| line == heading), "{code} lacks {heading}");
        }
    }
    assert!(CloseReason::ALL.iter().all(|reason| reason.code().is_some() != reason.hint().is_empty()));
    let names: BTreeSet<_> = CloseReason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), CloseReason::ALL.len());
}
