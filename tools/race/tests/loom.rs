//! Every order in which few threads can take their steps, and every value that a load may then see (loom). Loom takes SeqCst accesses for
//! acquire and release, so it says nothing of one order for all boards; that is Miri's part.

use loom as model;
use loom::sync::Arc;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering};

#[path = "account/mod.rs"]
mod account;
#[allow(dead_code, unused_imports)]
mod board {
    include!(concat!(env!("OUT_DIR"), "/loom_board.rs"));
}
#[allow(dead_code, unused_imports)]
mod watermark {
    include!(concat!(env!("OUT_DIR"), "/loom_watermark.rs"));
}

use account::reading;
use board::Board;
use watermark::{Unknown, Watermark};

/// Explores, and says in how many executions.
fn explore(check: impl Fn() + Send + Sync + 'static) {
    let executions = StdArc::new(AtomicU64::new(0));
    let count = executions.clone();
    loom::model(move || {
        count.fetch_add(1, Ordering::Relaxed);
        check();
    });
    println!("iterations {}", executions.load(Ordering::Relaxed));
}

#[test]
fn a_reader_never_sees_half_of_one_balance_and_half_of_another() {
    explore(|| {
        let board = Arc::new(Board::new(1));
        board.publish(0, reading(1));
        let writer = {
            let board = board.clone();
            loom::thread::spawn(move || board.publish(0, reading(2)))
        };
        let seen = [(); 2].map(|()| board.read(0).expect("it was published"));
        assert_eq!(seen, seen.map(|seen| reading(seen.as_of_seq)));
        assert!(seen[0].as_of_seq <= seen[1].as_of_seq);
        writer.join().expect("the writer ends");
        assert_eq!(board.read(0), Some(reading(2)));
    });
}

#[test]
fn whoever_waits_for_a_number_is_woken_when_it_is_reached() {
    explore(|| {
        let mark = Arc::new(Watermark::default());
        let waiter = {
            let mark = mark.clone();
            loom::thread::spawn(move || mark.wait(1))
        };
        mark.raise(1);
        assert_eq!(waiter.join().expect("the waiter ends"), Ok(()));
    });
}

#[test]
fn what_was_reached_before_the_stop_is_never_called_unknown() {
    explore(|| {
        let mark = Arc::new(Watermark::default());
        let waiter = {
            let mark = mark.clone();
            loom::thread::spawn(move || mark.wait(1))
        };
        mark.raise(1);
        mark.stop();
        assert_eq!(waiter.join().expect("the waiter ends"), Ok(()));
        assert_eq!(mark.wait(2), Err(Unknown));
    });
}

/// A litmus that tells SeqCst from release and acquire with two threads alone (store buffering), on boards that publish by the latter. In the
/// planted form alone, for loom knows no more than these two of SeqCst, so on the boards as they are it would raise a false alarm.
#[cfg(feature = "planted")]
mod litmus {
    use super::account::Balance;
    use super::explore;
    use loom::sync::Arc;

    #[allow(dead_code, unused_imports)]
    mod board {
        include!(concat!(env!("OUT_DIR"), "/loom_litmus.rs"));
    }
    use board::{Board, Reading};

    fn publish(board: &Board, as_of_seq: u64) {
        board.publish(0, Reading { as_of_seq, balance: Balance::default() });
    }

    fn read(board: &Board) -> u64 {
        board.read(0).expect("it was published").as_of_seq
    }

    #[test]
    fn of_two_who_publish_and_then_look_at_each_other_one_sees_it() {
        explore(|| {
            let [a, b] = [(); 2].map(|()| Arc::new(Board::new(1)));
            [&a, &b].into_iter().for_each(|board| publish(board, 1));
            let other = {
                let (a, b) = (a.clone(), b.clone());
                loom::thread::spawn(move || {
                    publish(&b, 2);
                    read(&a)
                })
            };
            publish(&a, 2);
            let seen = (read(&b), other.join().expect("it ends"));
            assert!(seen != (1, 1), "neither saw what the other one had published before");
        });
    }
}
