//! Profiles of this very process, read by another decoder of protobuf than the code that wrote them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod form;

use form::{Form, Stack};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tidegate_service_probe::{HZ, ProbeError, Profile};

const SPAN: Duration = Duration::from_millis(700);

/// There is one profiler in a process, and tests are threads of one.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls nothing, so that nothing else can be the function that is interrupted.
#[inline(never)]
fn burns_and_calls_nothing(mut rounds: u64) -> u64 {
    let mut state = rounds | 1;
    while rounds > 0 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        rounds -= 1;
    }
    state
}

#[inline(never)]
fn calls_the_one_that_burns(stop: &AtomicBool) -> u64 {
    let mut sum = 0;
    while !stop.load(Ordering::Relaxed) {
        sum ^= burns_and_calls_nothing(black_box(50_000));
    }
    sum
}

/// A profile of this process while a thread of this name burns.
fn while_burning(name: &str) -> Form {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let burner = thread::Builder::new().name(name.to_owned());
        let burner = burner.spawn_scoped(scope, || calls_the_one_that_burns(&stop)).unwrap();
        let taken = Profile::take(SPAN).unwrap().name();
        stop.store(true, Ordering::Relaxed);
        black_box(burner.join().unwrap());
        assert!(taken.hottest[0].0.ends_with("burns_and_calls_nothing"), "{:?}", taken.hottest);
        Form::read(&taken.file)
    })
}

#[test]
fn the_function_that_burns_is_the_leaf_of_its_samples_and_its_caller_is_behind_it() {
    let _alone = alone();
    let form = while_burning("burner");
    let burning: Vec<_> = form.stacks().into_iter().filter(|stack| stack.thread == "burner").collect();
    let is_leaf = |stack: &&Stack<'_>| stack.leaf().ends_with("burns_and_calls_nothing");
    let all: i64 = burning.iter().map(|stack| stack.samples).sum();
    let leaf: i64 = burning.iter().filter(is_leaf).map(|stack| stack.samples).sum();
    // The rest is the loop around it.
    assert!(leaf * 10 >= all * 9 && leaf > 0, "{leaf} of {all}");
    for stack in burning.iter().filter(is_leaf) {
        assert!(stack.functions[1].ends_with("calls_the_one_that_burns"), "{:?}", stack.functions);
        assert!(stack.functions.iter().any(|name| name.contains("thread_start")), "{:?}", stack.functions);
    }
}

#[test]
fn a_profile_says_what_its_numbers_are_and_where_every_address_is() {
    let _alone = alone();
    let form = while_burning("burner");
    assert_eq!(form.kinds(), [("samples", "count"), ("cpu", "nanoseconds")]);
    assert_eq!((form.period, form.kind(&form.period_type.unwrap())), (10_000_000, ("cpu", "nanoseconds")));
    assert!(form.duration_nanos >= SPAN.as_nanos() as i64 && form.time_nanos > 1_700_000_000_000_000_000);
    for sample in &form.sample {
        assert_eq!(sample.value[1], sample.value[0] * 1_000_000_000 / i64::from(HZ));
        assert!(sample.location_id.iter().all(|id| form.location(*id).id == *id));
    }
    let own = std::env::current_exe().unwrap();
    let mapping = form.mapping.iter().find(|mapping| form.text(mapping.filename) == own.to_str().unwrap());
    let mapping = mapping.unwrap();
    assert!(!form.text(mapping.build_id).is_empty() && mapping.has_functions);
    let in_own = form.location.iter().filter(|location| location.mapping_id == mapping.id);
    assert!(in_own.clone().count() > 0);
    in_own.for_each(|at| assert!((mapping.memory_start..mapping.memory_limit).contains(&at.address)));
}

#[test]
fn a_thread_that_begins_while_a_profile_is_taken_is_in_it() {
    let _alone = alone();
    let stop = AtomicBool::new(false);
    let form = thread::scope(|scope| {
        let profile = scope.spawn(|| Profile::take(SPAN).unwrap());
        thread::park_timeout(SPAN / 4);
        let late = thread::Builder::new().name("late".to_owned());
        let late = late.spawn_scoped(scope, || calls_the_one_that_burns(&stop)).unwrap();
        let profile = profile.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        black_box(late.join().unwrap());
        Form::read(&profile.name().file)
    });
    assert!(form.stacks().iter().any(|stack| stack.thread == "late"));
}

#[test]
fn there_is_one_profile_at_a_time_and_the_next_is_as_good() {
    let _alone = alone();
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            loop {
                // Where one of the short ones came first, this is the second of two.
                match Profile::take(SPAN) {
                    Err(ProbeError::Busy) => thread::yield_now(),
                    taken => break taken,
                }
            }
        });
        let second = loop {
            match Profile::take(Duration::ZERO) {
                Err(error) => break error,
                Ok(_) if first.is_finished() => panic!("two at once"),
                Ok(_) => thread::yield_now(),
            }
        };
        assert!(matches!(second, ProbeError::Busy) && second.code() == "TG-PB-002");
        first.join().unwrap().unwrap();
    });
    assert!(!while_burning("again").sample.is_empty());
}

/// Ends a stack in registers that are no frames: most code that is written by hand uses the frame pointer for something else.
#[test]
fn a_frame_pointer_that_is_none_ends_the_walk_and_not_the_process() {
    let _alone = alone();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for bad in [1_usize, 8, 4096, usize::MAX - 7, 0x7fff_ffff_f000] {
            let stop = &stop;
            scope.spawn(move || burns_with_a_bad_frame_pointer(bad, stop));
        }
        let profile = Profile::take(SPAN).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(profile.name().samples > 0);
    });
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "a frame pointer that is none can be had in no other way")]
fn burns_with_a_bad_frame_pointer(bad: usize, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        // SAFETY: the frame pointer is put back, and between nothing uses the stack.
        unsafe {
            std::arch::asm!(
                "mov {kept}, rbp", "mov rbp, {bad}", "2:", "dec {rounds}", "jnz 2b", "mov rbp, {kept}",
                kept = out(reg) _, bad = in(reg) bad, rounds = inout(reg) 10_000_000_u64 => _,
                options(nomem, nostack),
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn burns_with_a_bad_frame_pointer(_: usize, stop: &AtomicBool) {
    black_box(calls_the_one_that_burns(stop));
}
