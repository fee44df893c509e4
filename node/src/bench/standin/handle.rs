//! The other end of a stand-in: starts the process, gives it orders and reads its answers. Dropping it ends the process.

use super::{Order, Told, monotonic};
use crate::bench::Trouble;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// A stand-in that runs.
pub(crate) struct StandIn {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl StandIn {
    /// Starts one; `behind` is an InfluxDB that gets every line.
    pub(crate) fn start(behind: Option<SocketAddr>) -> Result<StandIn, Trouble> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "stand-in"]);
        if let Some(behind) = behind {
            command.args(["--influx", &behind.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().ok_or("the stand-in has no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("the stand-in has no standard output")?);
        let mut address = String::new();
        answers.read_line(&mut address)?;
        Ok(StandIn { child, orders, answers, address: address.trim().parse()? })
    }

    /// Numbers are due from `epoch` on.
    pub(crate) fn begin(&mut self, epoch: Instant) -> Result<(), Trouble> {
        let epoch = monotonic() + epoch.saturating_duration_since(Instant::now()) - epoch.elapsed();
        self.tell(Order::Epoch(epoch)).map(drop)
    }

    /// From this number on it is another window.
    pub(crate) fn open_window(&mut self, from: u64) -> Result<(), Trouble> {
        self.tell(Order::Window(from)).map(drop)
    }

    pub(crate) fn set_up(&mut self, up: bool) -> Result<(), Trouble> {
        self.tell(if up { Order::Up } else { Order::Down }).map(drop)
    }

    pub(crate) fn set_stalls(&mut self, stalls: bool) -> Result<(), Trouble> {
        self.tell(if stalls { Order::Stall } else { Order::Go }).map(drop)
    }

    pub(crate) fn report(&mut self) -> Result<Told, Trouble> {
        Ok(serde_json::from_str(&self.tell(Order::Report)?)?)
    }

    /// Asks until so many numbers were seen, or none came for so long.
    pub(crate) fn settled(&mut self, goal: u64, patience: Duration) -> Result<Told, Trouble> {
        const GLANCE: Duration = Duration::from_millis(10);
        let (mut seen, mut last) = (0, Instant::now());
        loop {
            let told = self.report()?;
            if told.seen >= goal || last.elapsed() > patience {
                return Ok(told);
            }
            if told.seen > seen {
                (seen, last) = (told.seen, Instant::now());
            }
            std::thread::park_timeout(GLANCE);
        }
    }

    fn tell(&mut self, order: Order) -> Result<String, Trouble> {
        let mut line = serde_json::to_string(&order)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes())?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer)? {
            0 => Err("the stand-in ended".into()),
            _ => Ok(answer.trim_end().to_owned()),
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
