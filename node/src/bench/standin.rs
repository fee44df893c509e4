//! A stand-in for InfluxDB as a process of its own: takes lines over HTTP, notes which came when, goes away, comes back and stands
//! still as it is told. With a real one behind it, lines go there first, and count once they are taken.
//!
//! Orders come on standard input, a line each; the answer to each is a line on standard output. Times are those of the system's
//! monotonic clock, which both processes read.

mod book;
mod handle;

pub(super) use book::{CRITICAL_DEVICES, DEVICES, Quantiles, Told};
pub(super) use handle::StandIn;

use super::Trouble;
use super::load::{read_quoted, runtime};
use crate::banner::say;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::post;
use book::Book;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::future::pending;
use std::io::{self, BufRead};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, Request, Resolver};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// A delivery of the largest batch that can be configured is shorter.
const BODY_BYTES_MAX: usize = 256 << 20;
/// Orders that wait; each is answered before the next one is given.
const ORDERS_MAX: usize = 16;

/// What a stand-in is told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Order {
    /// Numbers are due from here on, on the monotonic clock.
    Epoch(Duration),
    /// From this number on it is another window.
    Window(u64),
    /// Nobody listens, and every connection is closed.
    Down,
    Up,
    /// Nothing is answered.
    Stall,
    Go,
    Report,
}

/// Runs until standard input ends. `behind` is an InfluxDB that gets every line.
pub(super) fn serve(behind: Option<SocketAddr>) -> Result<(), Trouble> {
    let dialer = Dialer::new(Resolver::system(), None)?;
    let client = |address: SocketAddr| -> Result<Client, Trouble> {
        Ok(Client::new(dialer, format!("http://{address}").parse()?, HttpLimits::default()))
    };
    let behind = behind.map(client).transpose()?;
    let desk = Desk {
        book: Mutex::new(Book::new()),
        epoch: watch::Sender::default(),
        stalls: watch::Sender::new(false),
        behind,
    };
    let (sender, orders) = mpsc::channel(ORDERS_MAX);
    thread::spawn(move || hear(&sender));
    runtime()?.block_on(Stand::open(desk)?.run(orders))
}

/// Reads orders until there are no more.
fn hear(orders: &mpsc::Sender<Order>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(order) if orders.blocking_send(order).is_ok() => {}
            _ => return,
        }
    }
}

/// The system's monotonic clock, which is the same for every process.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// What requests share.
#[derive(Debug)]
struct Desk {
    book: Mutex<Book>,
    epoch: watch::Sender<Duration>,
    stalls: watch::Sender<bool>,
    behind: Option<Client>,
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        monotonic().saturating_sub(*self.epoch.borrow())
    }

    async fn write(&self, query: &str, body: Bytes) -> StatusCode {
        // The sender is in here, so this ends only by an order.
        let _ = self.stalls.subscribe().wait_for(|stalls| !stalls).await;
        if let Some(client) = &self.behind {
            match client.send(Request::post(format!("/write?{query}"), body.clone())).await {
                Ok(answer) if answer.is_success() => {}
                Ok(answer) => return StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY),
                Err(_) => return StatusCode::BAD_GATEWAY,
            }
        }
        let (now, mut book) = (self.now(), self.book());
        for (number, due) in body.split(|byte| *byte == b'\n').filter_map(read_quoted) {
            book.take(number, Duration::from_nanos(due), now);
        }
        StatusCode::NO_CONTENT
    }
}

/// The listener and its connections.
struct Stand {
    address: SocketAddr,
    listener: Option<TcpListener>,
    connections: JoinSet<()>,
    desk: Arc<Desk>,
    router: Router,
}

async fn write(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery, body: Bytes) -> StatusCode {
    desk.write(&query.unwrap_or_default(), body).await
}

impl Stand {
    fn open(desk: Desk) -> Result<Stand, Trouble> {
        let desk = Arc::new(desk);
        let router = Router::new()
            .route("/write", post(write))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(desk.clone());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Stand { address, listener: None, connections: JoinSet::new(), desk, router })
    }

    /// Says first where it listens.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Result<(), Trouble> {
        self.listen().await?;
        say(&format!("{}\n", self.address));
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => say(&format!("{}\n", self.obey(order).await?)),
                    None => return Ok(()),
                },
                accepted = accept(self.listener.as_ref()) => self.admit(accepted?),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// On the same address as before, if there was one.
    async fn listen(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.address = listener.local_addr()?;
        self.listener = Some(listener);
        Ok(())
    }

    fn admit(&mut self, stream: TcpStream) {
        // An answer is one write; the kernel need not wait for more.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        self.connections.spawn(async move { drop(connection.await) });
    }

    async fn obey(&mut self, order: Order) -> Result<String, Trouble> {
        match order {
            Order::Epoch(epoch) => drop(self.desk.epoch.send_replace(epoch)),
            Order::Window(from) => self.desk.book().open_window(from, self.desk.now()),
            Order::Down => {
                self.listener = None;
                self.connections.shutdown().await;
            }
            Order::Up => self.listen().await?,
            Order::Stall | Order::Go => {
                self.desk.stalls.send_replace(matches!(order, Order::Stall));
            }
            Order::Report => return Ok(serde_json::to_string(&self.desk.book().told())?),
        }
        Ok("ok".to_owned())
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => pending().await,
    }
}
