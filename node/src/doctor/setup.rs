//! The node as it is configured: whether it can start, and what of it is better otherwise.

use crate::doctor::case::{Case, Setup};
use crate::doctor::finding::Finding;
use crate::doctor::host::Host;
use crate::doctor::process;
use crate::tls::{Moment, not_after};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};

const DAY_S: u64 = 86_400;
const CERTIFICATE_DAYS_MIN: u64 = 30;
/// Of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";

pub(super) fn look(case: &Case<'_>, found: &mut Vec<Finding>) {
    match &case.setup {
        Err(fault) => case.note(found, "TG-DR-014", fault.clone()),
        Ok(setup) => {
            ports(case, setup, found);
            certificate(case, setup, found);
            folder(case, setup, found);
            smells(case, setup, found);
        }
    }
}

fn ports(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    // Then they are taken by itself.
    if process::node(case.host, setup).is_some() {
        return;
    }
    let taken = listening(case.host);
    for door in &setup.doors {
        let clashes = |other: &SocketAddr| {
            let is_wide = other.ip().is_unspecified() || door.address.ip().is_unspecified();
            other.port() == door.address.port() && (is_wide || other.ip() == door.address.ip())
        };
        if let Some(other) = taken.iter().find(|other| clashes(other)) {
            case.note(found, "TG-DR-015", format!("{} = {}; /proc/net/tcp: {other}", door.key, door.address));
        }
    }
}

fn listening(host: &dyn Host) -> Vec<SocketAddr> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| host.system(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(local_address).collect()
}

/// The address of a line whose socket listens (proc(5), `/proc/net/tcp`).
fn local_address(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace().skip(1);
    let (ip, port) = fields.next()?.split_once(':')?;
    if fields.nth(1)? != LISTENING {
        return None;
    }
    // Each group of four bytes is in the order of the machine.
    let words =
        ip.as_bytes().chunks(8).map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok());
    let bytes: Vec<u8> =
        words.collect::<Option<Vec<u32>>>()?.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let ip = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(SocketAddr::new(ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

fn certificate(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    let kept = setup.data.join("lan/certificate.pem");
    for file in setup.cert.iter().chain([&kept]) {
        let text = case.host.read(file);
        let der = text.and_then(|text| CertificateDer::from_pem_slice(text.as_bytes()).ok());
        let Some(end) = der.and_then(|der| not_after(&der)) else { continue };
        let now_s = case.host.now_s();
        let evidence = format!("{}: {end}", file.display());
        if end < Moment::of_unix_s(now_s) {
            case.note(found, "TG-DR-016", evidence);
        } else if end < Moment::of_unix_s(now_s + CERTIFICATE_DAYS_MIN * DAY_S) {
            case.note(found, "TG-DR-017", evidence);
        }
    }
}

fn folder(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    let (uid, place) = (case.host.uid(), setup.data.display());
    if let Some(meta) = case.host.meta(&setup.data).filter(|meta| meta.uid != uid && uid != 0) {
        case.note(found, "TG-DR-018", format!("{place}: uid {}; this process: uid {uid}", meta.uid));
    }
}

fn smells(case: &Case<'_>, setup: &Setup, found: &mut Vec<Finding>) {
    if setup.drain_s == 0 {
        case.note(found, "TG-DR-019", "node.drain_timeout = 0");
    }
    if setup.telemetry.iter().any(|filter| filter == "#") {
        case.note(found, "TG-DR-020", "ingest.telemetry = [\"#\"]");
    }
}
