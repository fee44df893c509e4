//! A PLC that speaks Modbus TCP. The exchange is the library's; what an answer says is decided here. Every unit is the same one.

use crate::sim::floor::image::Image;
use crate::sim::floor::serving::{ACCEPT_PAUSE, Seat, Station};
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response};

/// As many as one request may ask for.
const REGISTERS_MAX: u16 = 125;
const COILS_MAX: u16 = 2000;

/// For ever.
pub(super) async fn serve(listener: TcpListener, station: Arc<Station>) {
    let server = Server::new(listener);
    let connected = |stream: TcpStream, _: SocketAddr| ready(Ok(connection(&station, stream)));
    loop {
        // It comes back when a connection could not be accepted; one that broke is its client's matter.
        let _ = server.serve(&connected, drop).await;
        sleep(ACCEPT_PAUSE).await;
    }
}

/// Nothing where all seats are taken.
fn connection(station: &Arc<Station>, stream: TcpStream) -> Option<(Unit, Line)> {
    let seat = station.seat(&stream)?;
    let line = Line { stream, closes_each: station.closes_each(), has_answered: false };
    Some((Unit { station: station.clone(), _seat: seat }, line))
}

struct Unit {
    station: Arc<Station>,
    _seat: Seat,
}

impl Service for Unit {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        ready(answer(&mut self.station.asked(), &request))
    }
}

fn answer(image: &mut Image, request: &Request<'_>) -> Result<Response, ExceptionCode> {
    let missing = ExceptionCode::IllegalDataAddress;
    match *request {
        Request::ReadCoils(from, many) => flags(image, from, many).map(Response::ReadCoils),
        Request::ReadDiscreteInputs(from, many) => flags(image, from, many).map(Response::ReadDiscreteInputs),
        Request::ReadHoldingRegisters(from, many) => {
            words(image, from, many).map(Response::ReadHoldingRegisters)
        }
        Request::ReadInputRegisters(from, many) => words(image, from, many).map(Response::ReadInputRegisters),
        Request::WriteSingleCoil(at, flag) => {
            image.write_bits(0, at.into(), &[flag]).ok_or(missing)?;
            Ok(Response::WriteSingleCoil(at, flag))
        }
        Request::WriteMultipleCoils(from, ref flags) => {
            image.write_bits(0, from.into(), flags).ok_or(missing)?;
            Ok(Response::WriteMultipleCoils(from, flags.len() as u16))
        }
        Request::WriteSingleRegister(at, word) => {
            image.write(0, 2 * usize::from(at), &word.to_be_bytes()).ok_or(missing)?;
            Ok(Response::WriteSingleRegister(at, word))
        }
        Request::WriteMultipleRegisters(from, ref words) => {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            image.write(0, 2 * usize::from(from), &bytes).ok_or(missing)?;
            Ok(Response::WriteMultipleRegisters(from, words.len() as u16))
        }
        _ => Err(ExceptionCode::IllegalFunction),
    }
}

fn words(image: &mut Image, from: u16, many: u16) -> Result<Vec<u16>, ExceptionCode> {
    check(many, REGISTERS_MAX)?;
    let bytes = image.read(0, 2 * usize::from(from), 2 * usize::from(many));
    let (pairs, _) = bytes.ok_or(ExceptionCode::IllegalDataAddress)?.as_chunks();
    Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
}

fn flags(image: &mut Image, from: u16, many: u16) -> Result<Vec<bool>, ExceptionCode> {
    check(many, COILS_MAX)?;
    image.bits(0, from.into(), many.into()).ok_or(ExceptionCode::IllegalDataAddress)
}

fn check(many: u16, many_max: u16) -> Result<(), ExceptionCode> {
    if (1..=many_max).contains(&many) { Ok(()) } else { Err(ExceptionCode::IllegalDataValue) }
}

/// A connection that, with `closes_each`, hears nothing more once something was answered: then it is closed.
struct Line {
    stream: TcpStream,
    closes_each: bool,
    has_answered: bool,
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.closes_each && self.has_answered {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.has_answered = true;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
