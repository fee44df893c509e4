//! `ledger.http`: a node as a child of this process, connections that each post one request of a hundred transfers after another.

use super::orders;
use crate::bench::child::Node;
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;
use tidegate_kernel_journal::{Clock, Id as Made, SystemClock};
use tidegate_kernel_lab::{Load, Row, drive, median};

const CONNECTIONS: usize = 16;
const BATCH: u64 = 100;
const ACCOUNTS: u64 = 1000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONFIG: &str =
    "[http]\nrequests_per_s_max = 1000000\nrequests_burst_max = 1000000\n[ledger.books.bench]\n";

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let (path, file) = (scratch.inner("ledger"), scratch.inner("ledger.toml"));
    fs::write(&file, CONFIG)?;
    let node = Node::start_with(&path, &[OsStr::new("--config"), file.as_os_str()])?;
    let mut first = Connection::open(node.http)?;
    for number in 0..ACCOUNTS {
        let body = format!(r#"{{"name":"{}","currency":"CNY","min":{}}}"#, orders::name(number), i64::MIN);
        first.post("/v1/ledger/bench/accounts", &body)?;
    }
    let idle = (0..CONNECTIONS).map(|_| Connection::open(node.http)).collect::<Result<Vec<_>, _>>()?;
    let idle = Mutex::new(idle);
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let load = Load { threads: CONNECTIONS, duration: ROUND };
        rounds.push(drive(load, || one_post(&idle))?);
    }
    // The first one is for warming up.
    let rounds = &rounds[1..];
    let over =
        |figure: &dyn Fn(&tidegate_kernel_lab::Round) -> f64| median(rounds.iter().map(figure).collect());
    report.print(Row {
        scenario: "ledger.http".to_owned(),
        metric: "rate",
        unit: "transfer/s",
        value: BATCH as f64 * over(&tidegate_kernel_lab::Round::per_second),
        p50_us: Some(over(&|round| round.latencies.quantile_us(0.5))),
        p99_us: Some(over(&|round| round.latencies.quantile_us(0.99))),
        load: format!(
            "{CONNECTIONS} connections, one request of {BATCH} transfers after another, level disk, {ACCOUNTS} accounts, the acts written \
             down; the load on the same processors; median of {ROUNDS} rounds of {} ms",
            ROUND.as_millis()
        ),
        ..Row::default()
    });
    drop(node);
    Ok(scratch.clear("ledger")?)
}

/// Whoever comes takes a connection that nobody uses; there are as many as threads.
fn one_post(idle: &Mutex<Vec<Connection>>) -> Result<(), Trouble> {
    let taken = idle.lock().map_err(|_| "another connection failed")?.pop();
    let mut connection = taken.ok_or("there is a connection for each thread")?;
    connection.post("/v1/ledger/bench/transfers", &batch())?;
    idle.lock().map_err(|_| "another connection failed")?.push(connection);
    Ok(())
}

fn batch() -> String {
    let (mut body, now_ms) = (r#"{"orders":["#.to_owned(), SystemClock.wall_ms());
    for nth in 0..BATCH {
        let id = Made::v7(now_ms);
        let debit = u64::from(id.0[15]) * 3 + nth;
        let (debit, credit) = (orders::name(debit % ACCOUNTS), orders::name((debit + 1 + nth) % ACCOUNTS));
        let comma = if nth == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"id":"{id}","kind":"transfer","debit":"{debit}","credit":"{credit}","amount":1}}"#
        );
    }
    body + "]}"
}

/// One kept open.
struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection, Trouble> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream), address })
    }

    /// Anything but 200 is an error.
    fn post(&mut self, path: &str, body: &str) -> Result<(), Trouble> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if status.is_empty() {
                status = line.trim().to_owned();
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        if status != "HTTP/1.1 200 OK" {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(())
    }
}
