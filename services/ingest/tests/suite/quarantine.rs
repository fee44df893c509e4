//! Readings of devices nobody knows.

use crate::site::{Mood, Probe, Site, config, reading};
use tempfile::TempDir;
use tidegate_service_ingest::{Accounts, Config, Ingest, UnknownDevices};

fn open(dir: &TempDir, unknown_devices: UnknownDevices) -> Site {
    Site::with(dir, Config { unknown_devices, quarantine_bytes_max: 100, ..config() })
}

fn refused(ingest: &Ingest) -> String {
    ingest.offer(&reading("line/7", "1")).unwrap_err().to_string()
}

fn closes(accounts: &Accounts) -> bool {
    let admission = &accounts.admission;
    let differences = [admission.difference, admission.sources_difference, accounts.routing.difference];
    differences == [0; 3] && accounts.sinks.iter().all(|sink| sink.difference == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_reading_is_acknowledged_counted_and_listed_but_reaches_no_sink() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (open(&dir, UnknownDevices::Quarantine), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/7", "21.5");
    site.publish("known/7", "1");
    assert_eq!(probe.rows(1).await[0].reading.topic.as_str(), "known/7");
    let accounts = site.ingest.accounts();
    let admission = &accounts.admission;
    assert_eq!((admission.received, admission.accepted, admission.quarantined), (2, 1, 1));
    assert!(closes(&accounts) && admission.quarantine.readings == 1);
    let (listed, through) = site.ingest.quarantined(0, 10).unwrap();
    assert_eq!((listed.len(), listed[0].reading.payload().unwrap().as_ref()), (1, &b"21.5"[..]));
    assert_eq!(site.ingest.quarantined(through, 10).unwrap().0, []);
}

#[test]
fn a_full_quarantine_refuses_until_it_is_let_go_of() {
    let dir = TempDir::new().unwrap();
    let site = open(&dir, UnknownDevices::Quarantine);
    while site.ingest.accounts().admission.quarantine.bytes < 60 {
        site.publish("line/7", "0123456789");
    }
    site.publish("line/7", "0123456789");
    assert_eq!(refused(&site.ingest), "the reading was refused with TG-IN-008");
    let held = site.ingest.accounts().admission.quarantine.readings;
    assert_eq!(site.ingest.release_quarantine(), held);
    assert_eq!(site.ingest.quarantined(0, 10).unwrap().0, []);
    site.publish("line/7", "after");
    site.sync();
    assert_eq!(site.ingest.quarantined(0, 10).unwrap().0.len(), 1);
    assert!(closes(&site.ingest.accounts()));
}

#[test]
fn after_a_crash_the_quarantine_is_recounted_and_still_there() {
    let dir = TempDir::new().unwrap();
    let site = open(&dir, UnknownDevices::Quarantine);
    site.publish("line/7", "a");
    site.publish("known/7", "b");
    site.publish("line/7", "c");
    site.crash();
    let site = open(&dir, UnknownDevices::Quarantine);
    let accounts = site.ingest.accounts();
    let admission = &accounts.admission;
    assert_eq!((admission.received, admission.accepted, admission.quarantined), (3, 1, 2));
    assert!(closes(&accounts) && admission.quarantine.readings == 2);
    assert_eq!((admission.sources.len(), admission.sources[0].accepted), (1, 1));
    assert_eq!(site.ingest.quarantined(0, 10).unwrap().0.len(), 2);
}

#[test]
fn unknown_devices_are_refused_where_the_configuration_says_so() {
    let dir = TempDir::new().unwrap();
    let site = open(&dir, UnknownDevices::Refuse);
    assert_eq!(refused(&site.ingest), "the reading was refused with TG-IN-007");
    site.publish("known/7", "1");
    let accounts = site.ingest.accounts();
    assert_eq!((accounts.admission.refused, accounts.admission.accepted), (1, 1));
    assert!(closes(&accounts));
}
