//! A small run in which all holds, and one fault after the other planted in it: each must turn the checker red.
//!
//! The run has one publisher and two lives. In the first, ids 1 to 7 are sent, 1 to 3 acknowledged, 1 to 5 taken in and 1 to 3
//! delivered, but 3 not committed; then it is killed. In the second, 4, 6 and 7 come with DUP, and 8 to 10 for the first time.
//! Ids 3, 6 and 9 are critical, 5 and 10 have QoS 0.

use super::checker::{Fault, check};
use super::evidence::{Ack, Attempt, Books, BrokerCounts, Evidence, Life, Payload, Publication, Row};
use serde_json::{Value, json};

fn row(seq: u64, id: u64, dup: bool, replay: bool) -> Row {
    let sent = Publication::of(id);
    Row {
        seq,
        id: format!("record {seq}"),
        time: "2026-11-22T10:00:00.123Z".to_owned(),
        class: if sent.critical { "critical" } else { "process" }.to_owned(),
        client: sent.client,
        topic: sent.topic.to_owned(),
        qos: sent.qos,
        dup,
        replay,
        payload: Payload { id, pad: sent.pad },
    }
}

/// Accounts in which everything that was routed was delivered.
fn books(as_of_seq: u64, critical: u64, process: u64, replayed: (u64, u64), crash: (u64, u64)) -> Books {
    let all = critical + process;
    let sink = |class: &str, routed: u64, replayed: u64| {
        json!({
            "sink": "file", "class": class, "routed": routed, "delivered": routed, "absorbed": 0, "coalesced": 0, "shed": 0,
            "dead_lettered": 0, "lag": 0, "in_flight": 0, "difference": 0, "replayed": replayed,
        })
    };
    Books(json!({
        "as_of_seq": as_of_seq,
        "admission": {
            "received": all, "accepted": all, "malformed": 0, "refused": 0, "difference": 0,
            "crashes": crash.0, "lost_at_crash_max": crash.1,
        },
        "routing": { "accepted": all, "routed": all, "unrouted": 0, "difference": 0 },
        "sinks": [sink("critical", critical, replayed.0), sink("process", process, replayed.1)],
    }))
}

fn sound() -> Evidence {
    let attempt = |life, dup| move |id| Attempt { id, dup, life };
    let first = (1..=7).map(attempt(0, false));
    let attempts =
        first.chain([4, 6, 7].map(attempt(1, true))).chain((8..=10).map(attempt(1, false))).collect();
    let ack = |life| move |id| Ack { id, life };
    let acks = (1..=3).map(ack(0)).chain([4, 6, 7, 8, 9].map(ack(1))).collect();
    let lived = (1..=3).map(|id| row(10 + id, id, false, false));
    let replayed = (3..=5).map(|id| row(10 + id, id, false, true));
    let again = [(21, 4), (22, 6), (23, 7)].map(|(seq, id)| row(seq, id, true, false));
    let new = (8..=10).map(|id| row(16 + id, id, false, false));
    Evidence {
        attempts,
        acks,
        rows: lived.chain(replayed).chain(again).chain(new).collect(),
        lives: vec![
            Life { start: books(10, 0, 0, (0, 0), (0, 0)), received_seen: 6, kills: 1 },
            Life { start: books(20, 1, 4, (0, 0), (1, 1019)), received_seen: 11, kills: 0 },
        ],
        end: books(30, 3, 8, (1, 2), (1, 1019)),
        broker: BrokerCounts { at_most_once: 1, at_least_once: 2, at_least_once_dup: 3, acks: 5 },
    }
}

fn faults(plant: impl FnOnce(&mut Evidence)) -> Vec<Fault> {
    let mut evidence = sound();
    plant(&mut evidence);
    check(&evidence)
}

fn place(evidence: &Evidence, seq: u64, replay: bool) -> usize {
    evidence.rows.iter().position(|row| (row.seq, row.replay) == (seq, replay)).unwrap()
}

/// Plants a fault and expects, perhaps among others, this one to be found.
fn expect(fault: &Fault, plant: impl FnOnce(&mut Evidence)) {
    let found = faults(plant);
    assert!(found.contains(fault), "{fault:?} is not in {found:#?}");
}

#[test]
fn a_run_in_which_all_holds_has_no_fault() {
    assert_eq!(faults(|_| {}), []);
}

#[test]
fn a_lost_acknowledgement_is_found() {
    expect(&Fault::LostAck { id: 7 }, |evidence| evidence.rows.retain(|row| row.payload.id != 7));
    expect(&Fault::LostAck { id: 2 }, |evidence| evidence.rows.retain(|row| row.payload.id != 2));
}

#[test]
fn a_publication_that_is_never_acknowledged_is_found() {
    expect(&Fault::NeverAcked { id: 9 }, |evidence| evidence.acks.retain(|ack| ack.id != 9));
}

#[test]
fn a_duplicate_without_a_mark_is_found() {
    let unmarked = Fault::Unmarked { seq: 13, id: 3 };
    expect(&unmarked, |evidence| {
        let at = place(evidence, 13, true);
        evidence.rows[at].replay = false;
    });
    let copied = Fault::Unmarked { seq: 24, id: 8 };
    expect(&copied, |evidence| evidence.rows.push(row(24, 8, false, false)));
    let journaled_twice = Fault::Unmarked { seq: 27, id: 10 };
    expect(&journaled_twice, |evidence| evidence.rows.push(row(27, 10, false, false)));
}

#[test]
fn a_row_that_nobody_sent_is_found() {
    let invented = Fault::Invented { seq: 27 };
    expect(&invented, |evidence| evidence.rows.push(row(27, 11, false, false)));
    expect(&invented, |evidence| evidence.rows.push(row(27, 9, true, false)));
    let changes: [fn(&mut Row); 6] = [
        |row| row.topic.push('x'),
        |row| row.client.push('x'),
        |row| row.payload.pad.push('x'),
        |row| row.class = "process".to_owned(),
        |row| row.qos = 0,
        |row| row.dup = true,
    ];
    for change in changes {
        expect(&Fault::Invented { seq: 25 }, |evidence| {
            let at = place(evidence, 25, false);
            change(&mut evidence.rows[at]);
        });
    }
}

#[test]
fn a_record_that_is_delivered_differently_the_second_time_is_found() {
    expect(&Fault::Altered { seq: 13 }, |evidence| {
        let at = place(evidence, 13, true);
        evidence.rows[at].id.push('x');
    });
}

#[test]
fn a_mark_of_replay_without_a_crash_behind_it_is_found() {
    expect(&Fault::Misplaced { seq: 24, replay: true }, |evidence| {
        let at = place(evidence, 24, false);
        evidence.rows[at].replay = true;
    });
    let found = faults(|evidence| evidence.rows.iter_mut().for_each(|row| row.replay = true));
    let misplaced = found.iter().filter(|fault| matches!(fault, Fault::Misplaced { .. })).count();
    assert!(misplaced >= 6, "all that the last life took in: {found:#?}");
}

#[test]
fn a_row_without_a_mark_behind_rows_of_a_later_life_is_found() {
    expect(&Fault::Misplaced { seq: 11, replay: false }, |evidence| {
        let at = place(evidence, 11, false);
        let row = evidence.rows.remove(at);
        evidence.rows.push(row);
    });
}

#[test]
fn a_gap_or_a_swap_in_what_a_client_sent_is_found() {
    let gap = |life| Fault::NoPrefix { client: "press-0".to_owned(), life };
    expect(&gap(0), |evidence| evidence.rows.retain(|row| row.payload.id != 4 || row.dup));
    expect(&gap(1), |evidence| evidence.rows.retain(|row| row.payload.id != 10));
    expect(&gap(1), |evidence| {
        let (one, other) = (place(evidence, 24, false), place(evidence, 25, false));
        (evidence.rows[one].seq, evidence.rows[other].seq) = (25, 24);
    });
    expect(&gap(0), |evidence| evidence.acks.push(Ack { id: 6, life: 0 }));
}

/// Every number in accounts that the checker answers for, by JSON pointer.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let below = |(key, value): (String, &Value)| pointers(value, &format!("{at}/{key}"));
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| below((key.clone(), value))).collect(),
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(key, value)| below((key.to_string(), value))).collect()
        }
        Value::Number(_) => vec![at.to_owned()],
        _ => Vec::new(),
    }
}

fn off_by(books: &mut Books, pointer: &str, one: i64) {
    let number = books.0.pointer_mut(pointer).unwrap();
    *number = json!(number.as_i64().unwrap() + one);
}

#[test]
fn an_account_that_is_off_by_one_is_found() {
    let end = sound().end;
    // Where the end lies among the journal's numbers is no sum.
    let summed: Vec<_> = pointers(&end.0, "").into_iter().filter(|pointer| pointer != "/as_of_seq").collect();
    assert_eq!(summed.len(), 7 + 4 + 2 * 10);
    for pointer in summed {
        for one in [1, -1] {
            let found = faults(|evidence| off_by(&mut evidence.end, &pointer, one));
            assert!(!found.is_empty(), "{pointer} off by {one} is not found");
        }
    }
}

#[test]
fn an_account_that_a_crash_left_off_by_one_is_found() {
    for pointer in [
        "/admission/received",
        "/admission/accepted",
        "/routing/routed",
        "/sinks/0/routed",
        "/sinks/1/difference",
    ] {
        for one in [1, -1] {
            let found = faults(|evidence| off_by(&mut evidence.lives[1].start, pointer, one));
            assert!(!found.is_empty(), "{pointer} off by {one} is not found");
        }
    }
}

#[test]
fn a_count_of_the_broker_that_is_off_by_one_is_found() {
    let plants: [fn(&mut BrokerCounts); 4] = [
        |counts| counts.at_most_once += 1,
        |counts| counts.at_least_once -= 1,
        |counts| counts.at_least_once_dup += 1,
        |counts| counts.acks -= 1,
    ];
    for plant in plants {
        assert_eq!(faults(|evidence| plant(&mut evidence.broker)).len(), 1);
    }
}

#[test]
fn a_crash_that_took_more_than_was_promised_is_found() {
    let beyond = Fault::Sum {
        what: "life 0: received, and found or lost".to_owned(),
        left: 5 + 1020,
        relation: "<=",
        right: 5 + 1019,
    };
    expect(&beyond, |evidence| evidence.lives[0].received_seen = 5 + 1020);
}

#[test]
fn a_crash_that_is_not_counted_or_counted_twice_is_found() {
    for (crashes, what) in [(0, "life 0: one and crashes"), (2, "life 0: crashes and kills")] {
        let found = faults(|evidence| {
            for books in [&mut evidence.lives[1].start, &mut evidence.end] {
                books.0["admission"]["crashes"] = json!(crashes);
            }
        });
        assert!(matches!(&found[..], [Fault::Sum { what: found, .. }] if found == what), "{found:#?}");
    }
}
