//! The certificate of `up --lan`: self-signed, ECDSA on P-256, with its key in the same file, which is replaced as a whole.

use crate::failure::Failure;
use crate::lan::{keep, unkept};
use crate::tls::{Moment, not_after};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;
/// Telephones take no server's certificate that holds for longer.
const VALID_DAYS: u64 = 825;
/// A certificate that ends within these is made anew at a start.
const RENEWAL_DAYS: u64 = 30;

/// A certificate that is there.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) file: PathBuf,
    /// SHA-256 of its DER, in pairs of hex digits.
    pub(super) fingerprint: String,
}

impl Certified {
    /// Takes the one in `file` unless it ends soon.
    pub(super) fn open(file: &Path, host: &str, addresses: &[IpAddr]) -> Result<Certified, Failure> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Certified::open_at(now_s, file, host, addresses)
    }

    fn open_at(now_s: u64, file: &Path, host: &str, addresses: &[IpAddr]) -> Result<Certified, Failure> {
        if !file.exists() {
            return Certified::make(now_s, file, host, addresses);
        }
        let found =
            CertificateDer::from_pem_file(file).map_err(|error| unusable(file, &error.to_string()))?;
        let end = not_after(&found).ok_or_else(|| unusable(file, "it does not say when it ends"))?;
        if end < Moment::of_unix_s(now_s + RENEWAL_DAYS * DAY_S) {
            tracing::warn!(code = "TG-LN-002", %end, "the certificate of --lan ends soon: a new one takes its place, and whoever trusted the old one is asked again");
            return Certified::make(now_s, file, host, addresses);
        }
        Ok(Certified { file: file.to_owned(), fingerprint: fingerprint(&found) })
    }

    fn make(now_s: u64, file: &Path, host: &str, addresses: &[IpAddr]) -> Result<Certified, Failure> {
        let unmade = |error: rcgen::Error| unusable(file, &error.to_string());
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate =
            params(now_s, host, addresses).and_then(|params| params.self_signed(&key)).map_err(unmade)?;
        let pem = certificate.pem() + &key.serialize_pem();
        keep(file, &pem).map_err(|error| unkept(file, &error))?;
        Ok(Certified { file: file.to_owned(), fingerprint: fingerprint(certificate.der()) })
    }
}

fn params(now_s: u64, host: &str, addresses: &[IpAddr]) -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned).into_iter();
    let host_names = is_dns_name(host).then(|| host.to_owned());
    let names: Vec<String> = names.chain(host_names).chain(addresses.iter().map(IpAddr::to_string)).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, format!("tidegate {host}"));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let date = |unix_s| {
        let (year, month, day) = Moment::of_unix_s(unix_s).date();
        date_time_ymd(year, month, day)
    };
    // A day back, for neighbours whose clocks are behind.
    params.not_before = date(now_s.saturating_sub(DAY_S));
    params.not_after = date(now_s + (VALID_DAYS - 1) * DAY_S);
    Ok(params)
}

/// What may stand in a certificate as a name of a host.
fn is_dns_name(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !host.is_empty() && host.bytes().all(is_letter) && host != "localhost"
}

fn fingerprint(der: &CertificateDer<'_>) -> String {
    let pairs: Vec<String> = digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn unusable(file: &Path, what: &str) -> Failure {
    let message = format!("the certificate of --lan in {} cannot be used: {what}", file.display());
    Failure::message("TG-LN-003", message, "remove the file, and the next start makes another one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NOW_S: u64 = 1_795_341_600;

    fn open(now_s: u64, file: &Path) -> Certified {
        let addresses = [IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20))];
        Certified::open_at(now_s, file, "gate-3", &addresses).unwrap()
    }

    #[test]
    fn it_holds_825_days_and_is_made_anew_in_the_last_thirty() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("certificate.pem");
        let first = open(NOW_S, &file);
        let end = not_after(&CertificateDer::from_pem_file(&file).unwrap()).unwrap();
        assert_eq!(end.date(), Moment::of_unix_s(NOW_S + 824 * DAY_S).date());
        assert_eq!(open(NOW_S + 790 * DAY_S, &file).fingerprint, first.fingerprint);
        assert_ne!(open(NOW_S + 800 * DAY_S, &file).fingerprint, first.fingerprint);
    }

    #[test]
    fn a_file_that_is_none_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("certificate.pem");
        std::fs::write(&file, "nothing").unwrap();
        let refused = Certified::open_at(NOW_S, &file, "gate-3", &[]).unwrap_err();
        assert!(refused.to_string().starts_with("error[TG-LN-003]"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "nothing");
    }

    #[test]
    fn a_host_name_that_no_certificate_may_have_is_left_out() {
        let names = ["gate-3", "gate-3.port.example", "", "a b", "闸机", "localhost"].map(is_dns_name);
        assert_eq!(names, [true, true, false, false, false, false]);
    }
}
