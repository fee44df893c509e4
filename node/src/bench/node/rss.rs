//! `node.rss`: the memory of a node at rest that has all of it: a model, rules, history, sinks, channels, books, traces, and somebody who
//! looks at the console and searches the documentation.

use crate::bench::child::{Node, bytes, memory_of};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use tidegate_kernel_lab::Row;

/// Nothing is asked of the node for so long before its memory is read; its rounds and its scrubber have come by then.
const IDLE: Duration = Duration::from_secs(12);
/// Where nobody listens: what is sent there waits.
const NOWHERE: &str = "http://127.0.0.1:9";
const PAGES: [&str; 6] =
    ["/", "/api/v1/node", "/api/v1/ingest/accounts", "/api/v1/config", "/docs/start", "/docs/search?q=alarm"];
const BYTES_OF_MB: f64 = 1e6;

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let file = scratch.inner("rss.toml");
    fs::write(&file, config())?;
    let node = Node::start_with(&scratch.inner("rss"), &["--config".as_ref(), file.as_ref()])?;
    PAGES.iter().try_for_each(|page| look(node.admin(), page))?;
    let _console = console(node.admin())?;
    thread::park_timeout(IDLE);
    let [value, peak] = ["VmRSS", "VmHWM"].map(|key| memory_of(node.pid(), key));
    report.print(Row {
        scenario: "node.rss".to_owned(),
        metric: "memory",
        unit: "MB",
        value: value? as f64 / BYTES_OF_MB,
        rss_peak_bytes: Some(peak?),
        load: format!(
            "VmRSS of tidegate up with a model, a rule, history, the file and a webhook, a channel for notices, a book and traces, a \
             console that listens to the events, {} s after the last request",
            IDLE.as_secs()
        ),
        ..Row::default()
    });
    drop(node);
    Ok(scratch.clear("rss")?)
}

fn config() -> String {
    format!(
        "[ingest.templates.press.tags]\ntemp = {{ unit = \"C\" }}\n\
         [ingest.devices.press-7]\ntopic = \"press/7\"\ntemplate = \"press\"\n\
         [ingest.rules.hot]\nwhen = \"press-7.temp > 80\"\nalarm = \"press-7 is too hot\"\nseverity = \"high\"\n\
         [ingest.webhook.mes]\nurl = \"{NOWHERE}\"\n\
         [notice.channels.ops]\ntype = \"webhook\"\nurl = \"{NOWHERE}\"\n\
         [traces]\nendpoint = \"{NOWHERE}\"\n\
         [ledger.books.main]\n"
    )
}

fn look(address: SocketAddr, page: &str) -> Result<(), Trouble> {
    match bytes(address, page)?.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(format!("the node has no {page}").into()),
    }
}

/// A stream of events that is left open, as the console does.
fn console(address: SocketAddr) -> Result<TcpStream, Trouble> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    Ok(stream)
}
