//! `tidegate up --lan`: what a node needs to be reached by its neighbours, made once and kept in the data folder.
//!
//! A certificate with its key and the SHA-256 of a token lie in `DATA/lan/`; the token itself is shown when it is made and kept
//! nowhere. Reads the addresses of the machine, its name and the wall clock.

mod certificate;
mod greeting;
mod token;

pub(crate) use greeting::Greeting;

use crate::failure::Failure;
use crate::lan::certificate::Certified;
use crate::lan::token::Token;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use tidegate_kernel_journal::require_usable;
use tidegate_kernel_plug::config::Override;

const FOLDER: &str = "lan";
const OPTION: &str = "--lan";
/// What is bound to all addresses, each unless the command line names another address.
const LISTENERS: [(&str, u16); 4] =
    [("management.tls_listen", 7343), ("http.listen", 7301), ("mqtts.listen", 8883), ("grpc.listen", 7310)];

/// What there is for neighbours.
#[derive(Debug)]
pub(crate) struct Lan {
    certified: Certified,
    token: Token,
    addresses: Vec<IpAddr>,
}

impl Lan {
    /// Takes what is there, and makes what is not, the data folder as well.
    pub(crate) fn open(data: &Path) -> Result<Lan, Failure> {
        // Made before the data folder is opened, and not in one that is not going to be.
        require_usable(data).map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        let folder = data.join(FOLDER);
        make(&folder).map_err(|error| unkept(&folder, &error))?;
        let addresses = addresses();
        let certified = Certified::open(&folder.join("certificate.pem"), &host_name(), &addresses)?;
        let token = Token::open(&folder.join("token.sha256"))?;
        Ok(Lan { certified, token, addresses })
    }

    /// What follows for the settings: everything that others reach speaks TLS and asks who is there.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let pem = self.certified.file.display().to_string();
        let one = |path, text| Override { path, option: OPTION, texts: vec![text] };
        let listeners = LISTENERS
            .map(|(path, port)| one(path, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).to_string()));
        let secured = [
            one("tls.cert", pem.clone()),
            one("tls.key", pem),
            one("identity.lan_sha256", self.token.sha256.clone()),
        ];
        listeners.into_iter().chain(secured).collect()
    }

    /// What a neighbour is told, with the management listener at this port.
    pub(crate) fn greeting(&self, port: u16) -> Greeting {
        let first = self.addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Greeting {
            url: format!("https://{}/", SocketAddr::from((first, port))),
            fingerprint: self.certified.fingerprint.clone(),
            token: self.token.fresh.clone(),
            token_file: self.token.file.clone(),
        }
    }
}

/// Its owner's alone, for there is a key in it.
fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Written whole or not at all, readable by the owner alone, and there after a power cut.
fn keep(file: &Path, text: &str) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let _ = fs::remove_file(&fresh);
    crate::config::write_new(&fresh, text)?;
    fs::rename(&fresh, file)?;
    fs::File::open(file.parent().expect("a file is in a folder"))?.sync_all()
}

fn unkept(path: &Path, error: &io::Error) -> Failure {
    let message = format!("could not keep what --lan needs in {}: {error}", path.display());
    Failure::message("TG-LN-001", message, "look at the folder, its owner and the room on its disk")
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where others reach this machine: IPv4 first, for that is what people type. Nothing of loopback or of one link alone.
fn addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine could not be read");
        Vec::new()
    });
    let mut found: Vec<IpAddr> =
        found.iter().filter(|found| !found.is_link_local()).map(|found| found.ip()).collect();
    found.retain(|address| !address.is_loopback() && address.is_ipv4());
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_has_the_same_certificate_and_token_and_shows_the_token_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Lan::open(dir.path()).unwrap(), Lan::open(dir.path()).unwrap());
        assert_eq!(first.certified.fingerprint, second.certified.fingerprint);
        assert_eq!(first.token.sha256, second.token.sha256);
        let shown = [&first, &second].map(|lan| lan.greeting(1).token.is_some());
        assert_eq!(shown, [true, false]);
        let kept: String = ["certificate.pem", "token.sha256"]
            .iter()
            .map(|name| fs::read_to_string(dir.path().join("lan").join(name)).unwrap())
            .collect();
        assert!(!kept.contains(first.token.fresh.as_ref().unwrap()), "the token is kept");
    }

    #[test]
    fn what_others_reach_is_bound_to_all_addresses_with_a_certificate_and_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let lan = Lan::open(dir.path()).unwrap();
        let paths: Vec<_> = lan.overrides().iter().map(|given| given.path).collect();
        let expected = [
            "management.tls_listen",
            "http.listen",
            "mqtts.listen",
            "grpc.listen",
            "tls.cert",
            "tls.key",
            "identity.lan_sha256",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused_with_a_code() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("lan"), "a file").unwrap();
        assert!(Lan::open(dir.path()).unwrap_err().to_string().starts_with("error[TG-LN-001]"));
    }
}
