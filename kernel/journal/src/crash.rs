//! The crash suite: a scripted journal on a simulated disk, stopped at every write and every sync, and an oracle that knows what
//! must be found again.
//!
//! Exhaustive over one script, random over many, and proven by three planted faults that must each turn it red.

mod interleaved;
mod oracle;
mod pruning;
mod rig;

use crate::disk::Fault;
use crate::planted::{PLANTED, Planted};
use oracle::Oracle;
use rig::{Rig, Step, random_steps, scripted_steps};
use std::sync::{Mutex, PoisonError};

/// Mixtures of unsynced sectors tried at every boundary; 0 keeps none, 1 all.
const SUBSETS: u64 = 16;
const RANDOM_RUNS: u64 = 10_000;

/// Runs the steps until the power goes or they end. Returns the oracle, which has seen every answer the journal gave.
fn run(rig: &Rig, steps: &[Step]) -> Oracle {
    let oracle = Mutex::new(Oracle::default());
    if let Ok(session) = rig.open() {
        steps.iter().for_each(|step| session.take(step, &oracle));
    }
    oracle.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// How many changing operations the steps take on a disk without faults.
fn operations_of(steps: &[Step]) -> u64 {
    let rig = Rig::default();
    run(&rig, steps);
    rig.disk.operations()
}

fn cut_at(operation: u64, subset: u64, steps: &[Step]) -> Result<(), String> {
    let rig = Rig::default();
    rig.disk.plan(Fault::PowerCut { operation });
    let oracle = run(&rig, steps);
    rig.disk.power_cycle(subset);
    oracle.check(&rig).map_err(|why| format!("operation {operation}, subset {subset}: {why}"))
}

fn exhaustive() -> Result<u64, String> {
    let steps = scripted_steps();
    let mut cases = 0;
    for operation in 1..=operations_of(&steps) {
        for subset in 0..SUBSETS {
            cut_at(operation, subset, &steps)?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn with_planted(fault: Planted, run: impl FnOnce() -> Result<u64, String>) -> Result<u64, String> {
    PLANTED.set(Some(fault));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    PLANTED.set(None);
    outcome.unwrap_or_else(|_| Err("the journal's own assertions noticed".to_owned()))
}

#[test]
fn the_script_crosses_a_roll_over_a_recycling_and_a_snapshot() {
    let rig = Rig::default();
    let session = rig.open().unwrap();
    let oracle = Mutex::new(Oracle::default());
    let steps = scripted_steps();
    assert_eq!(steps.len(), 64);
    steps.iter().for_each(|step| session.take(step, &oracle));
    let tallies = session.journal.status().tallies;
    assert!(tallies.segments_made > 3 && tallies.segments_recycled > 0, "{tallies:?}");
    assert!(oracle.into_inner().unwrap().has_a_snapshot());
}

#[test]
fn whatever_write_or_sync_the_power_goes_at_nothing_acknowledged_is_lost_and_nothing_invented() {
    let cases = exhaustive().unwrap();
    assert!(cases >= SUBSETS * 64, "only {cases} cases");
}

#[test]
fn a_second_power_cut_during_recovery_loses_nothing_either() {
    let steps = scripted_steps();
    for operation in (1..=operations_of(&steps)).step_by(3) {
        for during in 1..=8 {
            let rig = Rig::default();
            rig.disk.plan(Fault::PowerCut { operation });
            let oracle = run(&rig, &steps);
            rig.disk.power_cycle(operation * 31 + during);
            rig.disk.plan(Fault::PowerCut { operation: rig.disk.operations() + during });
            drop(rig.open());
            rig.disk.power_cycle(operation * 17 + during);
            oracle.check(&rig).unwrap_or_else(|why| panic!("operation {operation}, then {during}: {why}"));
        }
    }
}

#[test]
fn a_failed_sync_makes_its_waiters_unknown_and_what_is_served_after_the_restart_survives_a_power_cut() {
    let steps = scripted_steps();
    for operation in 1..=operations_of(&steps) {
        let rig = Rig::default();
        rig.disk.plan(Fault::SyncError { operation });
        let oracle = run(&rig, &steps);
        rig.disk.restart_process();
        let served = rig.open().unwrap().journal.status().head_seq;
        rig.disk.power_cycle(0);
        oracle.check(&rig).unwrap_or_else(|why| panic!("operation {operation}: {why}"));
        let after = rig.open().unwrap().journal.status().head_seq;
        assert!(served <= after, "operation {operation}: served {served}, found {after}");
    }
}

#[test]
fn the_end_of_the_process_alone_loses_nothing_that_was_written() {
    let steps = scripted_steps();
    for operation in 1..=operations_of(&steps) {
        let rig = Rig::default();
        rig.disk.plan(Fault::PowerCut { operation });
        let mut oracle = run(&rig, &steps);
        oracle.written_is_safe();
        rig.disk.restart_process();
        oracle.check(&rig).unwrap_or_else(|why| panic!("operation {operation}: {why}"));
    }
}

#[test]
fn ten_thousand_random_runs_with_random_faults_keep_every_promise() {
    for seed in 0..RANDOM_RUNS {
        let rig = Rig::default();
        let steps = random_steps(seed);
        random_fault(seed).into_iter().for_each(|fault| rig.disk.plan(fault));
        let oracle = run(&rig, &steps);
        rig.disk.power_cycle(seed);
        oracle.check(&rig).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

/// A power cut somewhere, sometimes after a failed sync or write, or on a disk that is too small.
fn random_fault(seed: u64) -> Vec<Fault> {
    let mut faults = vec![Fault::PowerCut { operation: 5 + seed.wrapping_mul(7919) % 300 }];
    match seed % 5 {
        0 => faults.push(Fault::SyncError { operation: 5 + seed % 150 }),
        2 => faults.push(Fault::WriteError { operation: 5 + seed % 150 }),
        1 => faults.push(Fault::Full { bytes: 5 * 4096 + seed % 8192 }),
        _ => {}
    }
    faults
}

#[test]
fn an_acknowledgement_before_the_sync_turns_the_suite_red() {
    assert!(with_planted(Planted::AckBeforeSync, exhaustive).is_err());
}

#[test]
fn a_skipped_commit_check_turns_the_suite_red() {
    assert!(with_planted(Planted::SkippedCommitCheck, exhaustive).is_err());
}

#[test]
fn a_reused_sequence_number_turns_the_suite_red() {
    assert!(with_planted(Planted::SequenceReuse, exhaustive).is_err());
}
