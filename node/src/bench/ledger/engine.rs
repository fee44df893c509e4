//! `ledger.engine`: deciding, encoding and applying on one core, with a window that is full. No disk.

use super::orders::{self, Orders};
use crate::bench::{Report, Trouble};
use std::hint::black_box;
use tidegate_engine_book::{Command, Order, State};
use tidegate_kernel_lab::{Row, median, thread_cpu};

const ACCOUNTS: u64 = 100_000;
const IDS: usize = 4_000_000;
/// Orders that are looked at together, as many as a request or a batch of the journal brings.
const TOGETHER: usize = 64;
const ROUND: usize = 1_000_000;
const ROUNDS: usize = 7;

pub(super) fn measure(report: &Report) -> Result<(), Trouble> {
    let (mut state, _) = orders::book(IDS, ACCOUNTS);
    let mut source = Orders::among(ACCOUNTS);
    for _ in 0..IDS / ROUND {
        round(&mut state, &mut source)?;
    }
    let seconds = (0..ROUNDS).map(|_| round(&mut state, &mut source)).collect::<Result<_, _>>()?;
    let is_even = state.trial().values().all(|trial| trial.is_even());
    if state.strays() > 0 || !is_even || state.remembered().0 != IDS {
        return Err("the book does not add up".into());
    }
    let seconds: f64 = median(seconds);
    let load = format!(
        "{ACCOUNTS} accounts, {IDS} ids remembered and as many forgotten as come, transfers between random accounts, {TOGETHER} \
         looked at together; decided, encoded, applied; CPU time of one thread, median of {ROUNDS} rounds of {ROUND}"
    );
    report.print(Row {
        scenario: "ledger.engine".to_owned(),
        metric: "rate",
        unit: "transfer/s",
        value: ROUND as f64 / seconds,
        cpu_us_per_op: Some(seconds * 1e6 / ROUND as f64),
        load,
        ..Row::default()
    });
    Ok(())
}

/// The CPU time of a round, without that of making its orders.
fn round(state: &mut State, source: &mut Orders) -> Result<f64, Trouble> {
    let began_ms = source.now_ms();
    let orders: Vec<Order> = (0..ROUND).map(|_| source.next()).collect();
    let (mut facts, mut bytes) = (Vec::new(), Vec::with_capacity(TOGETHER * 128));
    let mut ids = Vec::with_capacity(TOGETHER);
    let cpu_before = thread_cpu();
    for together in orders.chunks(TOGETHER) {
        ids.clear();
        ids.extend(together.iter().map(|order| order.id));
        black_box(state.touch(&ids));
        bytes.clear();
        for order in together {
            facts.clear();
            state.decide(began_ms, &Command::One(order.clone()), &mut facts)?;
            for fact in &facts {
                fact.encode(&mut bytes);
                state.apply(state.seq() + 1, fact);
            }
        }
        black_box(&bytes);
    }
    Ok(thread_cpu().saturating_sub(cpu_before).as_secs_f64())
}
