//! Whether a server gives back the id that a request brought, and makes one for a request that brought none. Black box: one URL, two
//! requests, nothing else.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const WAIT: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What is wrong, if anything; an error where the server could not be asked.
pub fn echoes(url: &str) -> Result<Vec<String>> {
    let brought = format!("pkgcheck-{}", std::process::id());
    let mut faults = Vec::new();
    match ask(url, Some(&brought))? {
        None => faults.push(format!("{url} answers without X-Request-ID to a request that brought one")),
        Some(found) if found != brought => {
            faults
                .push(format!("{url} answers with X-Request-ID {found} to a request that brought {brought}"));
        }
        Some(_) => {}
    }
    if ask(url, None)?.is_none_or(|made| made.is_empty()) {
        faults.push(format!("{url} makes no X-Request-ID for a request that brought none"));
    }
    Ok(faults)
}

/// The id in the answer's head.
fn ask(url: &str, id: Option<&str>) -> Result<Option<String>> {
    let rest = url.strip_prefix("http://").context("only http:// URLs can be asked")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let address = with_port.to_socket_addrs().with_context(|| format!("no address of {authority}"))?.next();
    let address = address.with_context(|| format!("no address of {authority}"))?;
    let mut stream =
        TcpStream::connect_timeout(&address, WAIT).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(WAIT))?;
    let header = id.map(|id| format!("X-Request-ID: {id}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\n{header}Connection: close\r\n\r\n")?;
    let head = head(&mut stream).with_context(|| format!("{url} gives no answer"))?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
    Ok(found.map(|(_, value)| value.trim().to_owned()))
}

fn head(stream: &mut TcpStream) -> Result<String> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            read.truncate(end);
            let head = String::from_utf8_lossy(&read).into_owned();
            return if head.starts_with("HTTP/1.") { Ok(head) } else { bail!("it is no HTTP/1") };
        }
        if read.len() > HEAD_BYTES_MAX {
            bail!("its head has more than {HEAD_BYTES_MAX} bytes");
        }
        match stream.read(&mut buffer)? {
            0 => bail!("it closed the connection amid its head"),
            many => read.extend_from_slice(&buffer[..many]),
        }
    }
}
