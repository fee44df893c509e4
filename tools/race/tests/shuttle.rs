//! Schedules of more threads than loom can take, by chance and by depth of a bug (shuttle). It takes every access for SeqCst, so it finds
//! wrong steps and never a wrong order of memory.

use shuttle as model;
use shuttle::sync::Arc;
use shuttle::thread;
use shuttle::{check_pct, check_random};

#[path = "account/mod.rs"]
mod account;
#[allow(dead_code, unused_imports)]
mod board {
    include!(concat!(env!("OUT_DIR"), "/shuttle_board.rs"));
}
#[allow(dead_code, unused_imports)]
mod watermark {
    include!(concat!(env!("OUT_DIR"), "/shuttle_watermark.rs"));
}

use account::reading;
use board::Board;
use watermark::{Unknown, Watermark};

/// Where a bug needs so many switches at the right places, PCT finds it.
const DEPTH: usize = 3;
const SCHEDULES: usize = 2_000;

/// Half of the schedules by chance, half by PCT.
fn explore(check: fn()) {
    let asked = std::env::var("RACE_SCHEDULES").ok().and_then(|text| text.parse().ok());
    let half = asked.unwrap_or(SCHEDULES) / 2;
    check_random(check, half);
    check_pct(check, half, DEPTH);
    println!("iterations {}", 2 * half);
}

#[test]
fn readers_of_two_accounts_see_whole_balances_and_time_never_runs_backwards() {
    explore(|| {
        let board = Arc::new(Board::new(2));
        (0..2).for_each(|account| board.publish(account, reading(1)));
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                let board = board.clone();
                thread::spawn(move || look_twice(&board, reader % 2))
            })
            .collect();
        for number in 2..=3 {
            (0..2).for_each(|account| board.publish(account, reading(number)));
        }
        readers.into_iter().for_each(|reader| reader.join().expect("the reader ends"));
    });
}

fn look_twice(board: &Board, account: u32) {
    let mut last = 0;
    for _ in 0..2 {
        let seen = board.read(account).expect("it was published");
        assert_eq!(seen, reading(seen.as_of_seq));
        assert!(seen.as_of_seq >= last);
        last = seen.as_of_seq;
    }
}

#[test]
fn of_many_waiters_each_is_woken_and_none_is_told_unknown_of_what_was_reached() {
    explore(|| {
        let mark = Arc::new(Watermark::default());
        let waiters: Vec<_> = [1, 2, 2, 3]
            .into_iter()
            .map(|wanted| {
                let mark = mark.clone();
                thread::spawn(move || (wanted, mark.wait(wanted)))
            })
            .collect();
        (1..=2).for_each(|number| mark.raise(number));
        mark.stop();
        for waiter in waiters {
            let (wanted, outcome) = waiter.join().expect("the waiter ends");
            assert_eq!(outcome, if wanted <= 2 { Ok(()) } else { Err(Unknown) });
        }
    });
}
