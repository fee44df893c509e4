//! The two files a Unix system says names with: `resolv.conf` and `hosts`. Their text in, what it says out; reads them when asked.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// As many as the C library takes.
const SERVERS_MAX: usize = 3;
const SEARCH_MAX: usize = 6;
/// Lines of the hosts file that are kept.
const HOSTS_MAX: usize = 1000;
const DNS_PORT: u16 = 53;

/// What the system says. Nothing where the files are missing, as in an empty root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct System {
    pub(crate) servers: Vec<SocketAddr>,
    /// Domains that a name without a dot may be in.
    pub(crate) search: Vec<String>,
    pub(crate) hosts: Vec<(String, IpAddr)>,
}

impl System {
    pub(crate) fn read() -> System {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        System::parse(&text("/etc/resolv.conf"), &text("/etc/hosts"))
    }

    pub(crate) fn parse(resolv_conf: &str, hosts: &str) -> System {
        let mut system = System::default();
        for words in lines(resolv_conf) {
            match words.as_slice() {
                ["nameserver", address, ..] if system.servers.len() < SERVERS_MAX => {
                    system.servers.extend(address.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT)));
                }
                ["search" | "domain", domains @ ..] => {
                    system.search =
                        domains.iter().take(SEARCH_MAX).map(|domain| (*domain).to_owned()).collect();
                }
                _ => {}
            }
        }
        for words in lines(hosts) {
            let Some((Ok(address), names)) = words.split_first().map(|(first, names)| (first.parse(), names))
            else {
                continue;
            };
            let room = HOSTS_MAX.saturating_sub(system.hosts.len());
            system.hosts.extend(names.iter().take(room).map(|name| (name.to_ascii_lowercase(), address)));
        }
        system
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default().split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_domains_and_hosts_are_read_and_the_rest_is_passed_over() {
        let system = System::parse(
            "# made by hand\nsearch plant.example lan\nnameserver 10.0.0.1\nnameserver ::1 ; local\nnameserver x\noptions ndots:5\n",
            "127.0.0.1 localhost Influx # here\n\nnonsense line\n::1 localhost\n",
        );
        assert_eq!(system.servers, ["10.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
        assert_eq!(system.search, ["plant.example", "lan"]);
        assert_eq!(system.hosts[1], ("influx".to_owned(), "127.0.0.1".parse().unwrap()));
        assert_eq!((system.hosts.len(), System::parse("", "")), (3, System::default()));
    }
}
