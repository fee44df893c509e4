//! `start.ready` and `start.rss`: this very binary as a child, `up` on an empty folder.

use super::child::{Node, memory_of};
use super::scratch::Scratch;
use super::{Report, Trouble};
use std::thread;
use std::time::Duration;
use tidegate_kernel_lab::{Row, median};

const STARTS: usize = 11;
/// Nothing is asked of the child for so long before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let mut millis = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let node = Node::start(&scratch.inner("start"))?;
        millis.push(node.ready_after.as_secs_f64() * 1000.0);
        drop(node);
        scratch.clear("start")?;
    }
    let load =
        format!("tidegate up on an empty folder, from its start to GET /readyz 200; median of {STARTS}");
    let row = Row { scenario: "start.ready".to_owned(), metric: "time", unit: "ms", load, ..Row::default() };
    report.print(Row { value: median(millis), ..row });
    report.print(memory(scratch)?);
    Ok(())
}

fn memory(scratch: &Scratch) -> Result<Row, Trouble> {
    let node = Node::start(&scratch.inner("start"))?;
    thread::park_timeout(IDLE);
    let value = memory_of(node.pid(), "VmRSS")? as f64 / f64::from(1 << 20);
    drop(node);
    scratch.clear("start")?;
    let load = format!("VmRSS of tidegate up on an empty folder, {} s after it was ready", IDLE.as_secs());
    Ok(Row { scenario: "start.rss".to_owned(), metric: "memory", unit: "MiB", value, load, ..Row::default() })
}
