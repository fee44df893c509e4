//! Names to addresses: an address as it is, the hosts file, then name servers, over UDP and, where the answer is cut, TCP.
//!
//! Each query has a socket and a random id of its own, so an answer that was not asked for has two numbers to guess.

use crate::dns::{self, Family, Reply};
use crate::error::OutboundError;
use crate::system::System;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_id::{NoRandomness, random};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one server has for one query, and how often the list of servers is gone through.
const QUERY_WAIT: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;

/// Looks names up. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resolver {
    system: Arc<System>,
    random: fn() -> Result<[u8; 2], NoRandomness>,
}

impl Resolver {
    /// As the files of the system say, read now.
    pub fn system() -> Resolver {
        Resolver::over(System::read())
    }

    /// With these name servers, and the system's hosts file.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Resolver {
        Resolver::over(System { servers, search: Vec::new(), ..System::read() })
    }

    fn over(system: System) -> Resolver {
        Resolver { system: Arc::new(system), random }
    }

    /// The addresses of a host, those of version 4 first; at least one.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, OutboundError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = host.to_ascii_lowercase();
        let listed: Vec<_> = self
            .system
            .hosts
            .iter()
            .filter(|(known, _)| *known == name)
            .map(|(_, address)| *address)
            .collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
        let mut answered = false;
        for candidate in self.candidates(&name) {
            let (v4, v6) =
                tokio::join!(self.query(&candidate, Family::V4), self.query(&candidate, Family::V6));
            let (v4, v6) = (v4?, v6?);
            answered |= v4.is_some() || v6.is_some();
            let found: Vec<_> = v4.into_iter().chain(v6).flatten().collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let name = host.to_owned();
        Err(if answered { OutboundError::NoAddress { name } } else { OutboundError::NoNameServer { name } })
    }

    /// A name without a dot may be in one of the domains to search.
    fn candidates(&self, name: &str) -> Vec<String> {
        let searched = self.system.search.iter().filter(|_| !name.contains('.'));
        searched.map(|domain| format!("{name}.{domain}")).chain([name.to_owned()]).collect()
    }

    /// Nothing if no server answers. Nobody is asked under an id that can be guessed.
    async fn query(&self, name: &str, family: Family) -> Result<Option<Vec<IpAddr>>, NoRandomness> {
        for server in self.system.servers.repeat(ROUNDS) {
            let id = u16::from_ne_bytes((self.random)()?);
            let Some(question) = dns::question(id, name, family) else { break };
            let asked = timeout(QUERY_WAIT, ask(server, &question, family)).await;
            if let Ok(Ok(Reply::Addresses(found))) = asked {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

async fn ask(server: SocketAddr, question: &[u8], family: Family) -> io::Result<Reply> {
    match ask_udp(server, question, family).await? {
        Reply::Cut => ask_tcp(server, question, family).await,
        reply => Ok(reply),
    }
}

async fn ask_udp(server: SocketAddr, question: &[u8], family: Family) -> io::Result<Reply> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; dns::UDP_BYTES_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = dns::reply(question, &buffer[..length], family) {
            return Ok(reply);
        }
    }
}

async fn ask_tcp(server: SocketAddr, question: &[u8], family: Family) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(question);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(dns::reply(question, &message, family).unwrap_or(Reply::Failed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[tokio::test]
    async fn without_randomness_no_server_is_asked() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let resolver = Resolver {
            random: || Err(NoRandomness(Errno::PERM)),
            ..Resolver::with_servers(vec![server.local_addr().unwrap()])
        };
        let refused = resolver.addresses("site.example").await.unwrap_err();
        assert!(matches!(refused, OutboundError::NoRandomness(_)), "{refused}");
        assert_eq!(server.try_recv(&mut [0; 512]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
