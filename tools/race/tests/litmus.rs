//! What threads of one process may see of each other's stores (Miri, seed after seed). Miri alone of our tools tells SeqCst from release and
//! acquire.

use std as model;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

#[path = "account/mod.rs"]
mod account;
#[allow(dead_code, unused_imports)]
mod board {
    include!(concat!(env!("OUT_DIR"), "/litmus_board.rs"));
}
#[allow(dead_code, unused_imports)]
mod watermark {
    include!(concat!(env!("OUT_DIR"), "/litmus_watermark.rs"));
}

use account::reading;
use board::Board;
use watermark::{Unknown, Watermark};

/// Worlds of one seed.
const ROUNDS: usize = 4;

/// IRIW, independent reads of independent writes: book A publishes; a first reader sees that, and book B as it was. Then B publishes; a second
/// reader sees that. Now the second one has to see A's as well, or the two disagree on which was first.
#[test]
fn readers_agree_on_the_order_in_which_two_books_published() {
    (0..ROUNDS).for_each(|_| {
        let boards = [(); 2].map(|()| Board::new(1));
        boards.iter().for_each(|board| board.publish(0, reading(1)));
        let [a, b] = &boards;
        // Tells one thread to go on, and nothing of what another one did: relaxed accesses order nothing.
        let turn = Turn(AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| a.publish(0, reading(2)));
            scope.spawn(|| {
                turn.wait_for(1);
                b.publish(0, reading(2));
            });
            let first = scope.spawn(|| {
                until_published(a);
                let seen = b.read(0).expect("it was published");
                turn.is(1);
                seen.as_of_seq
            });
            let second = scope.spawn(|| {
                until_published(b);
                a.read(0).expect("it was published").as_of_seq
            });
            let seen = (first.join().expect("it ends"), second.join().expect("it ends"));
            assert_eq!(seen, (1, 2), "the readers do not agree on one order");
        });
    });
}

fn until_published(board: &Board) {
    while board.read(0) != Some(reading(2)) {
        thread::yield_now();
    }
}

struct Turn(AtomicU32);

impl Turn {
    fn wait_for(&self, turn: u32) {
        while self.0.load(Ordering::Relaxed) != turn {
            thread::yield_now();
        }
    }

    fn is(&self, turn: u32) {
        self.0.store(turn, Ordering::Relaxed);
    }
}

/// Store buffering: each of two books publishes and then looks at the other one; they cannot both have been first.
#[test]
fn of_two_who_publish_and_then_look_at_each_other_one_sees_it() {
    (0..ROUNDS).for_each(|_| {
        let boards = [(); 2].map(|()| Board::new(1));
        boards.iter().for_each(|board| board.publish(0, reading(1)));
        let [a, b] = &boards;
        let look = |own: &Board, other: &Board| {
            own.publish(0, reading(2));
            other.read(0).expect("it was published").as_of_seq
        };
        let seen = thread::scope(|scope| {
            let other = scope.spawn(|| look(b, a));
            (look(a, b), other.join().expect("it ends"))
        });
        assert!(seen != (1, 1), "neither saw what the other one had published before");
    });
}

#[test]
fn a_waiter_is_woken_and_not_told_unknown_of_what_was_reached() {
    (0..ROUNDS).for_each(|_| {
        let mark = Watermark::default();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| mark.wait(1));
            mark.raise(1);
            mark.stop();
            assert_eq!((waiter.join().expect("it ends"), mark.wait(2)), (Ok(()), Err(Unknown)));
        });
    });
}
