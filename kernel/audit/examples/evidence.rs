//! Keeps reports as leaves of a signed tree in a folder of files, for `cargo xtask race --record`; no node and no journal on the disk.
//!
//! ```text
//! evidence add DIR KEY REPORT   below DIR/ID, where ID is the key's: reports/N.json, and a tree over all of them
//! evidence check DIR            every log below DIR: signature, root and reports fit to each other
//! ```
//!
//! KEY is a private Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it; only its public half is kept in the folder. The
//! entries are those that the reports would have in a journal of their own, so each run makes that journal in memory again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidegate_kernel_audit::{Builder, Checkpoint, Hash, Profile, Signer, Verifier};
use tidegate_kernel_journal::{Clock, Entry, Id, Journal, Level, Options, ReadLimit, SimDisk, Threads};

const STREAM: u16 = 10;
const PROFILE: Profile = Profile::Sha256;
/// Ed25519 in PKCS#8 with its public half behind it (RFC 5958), around the two.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x53, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const PKCS8_MIDDLE: [u8; 5] = [0xa1, 0x23, 3, 0x21, 0];
const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["add", folder, key, report] => add(Path::new(folder), Path::new(key), Path::new(report)),
        ["check", folder] => check_all(Path::new(folder)),
        _ => Err("evidence add DIR KEY REPORT | evidence check DIR".into()),
    }
}

fn add(folder: &Path, key: &Path, report: &Path) -> Outcome<()> {
    let pkcs8 = pkcs8(&fs::read_to_string(key)?)?;
    let name = format!("tidegate/evidence/{}", hex(&PROFILE.hash(&pkcs8[53..])[..8]));
    let signer = Signer::ed25519(&name, &pkcs8)?;
    let log = Log(folder.join(name.rsplit('/').next().unwrap_or_default()));
    let mut reports = log.reports()?;
    if !reports.is_empty() {
        log.check()?;
    }
    reports.push(fs::read(report)?);
    let (journal, _threads) = journal_of(&reports)?;
    fs::create_dir_all(log.0.join("reports"))?;
    fs::write(log.report(reports.len()), &reports[reports.len() - 1])?;
    fs::write(log.0.join("key"), format!("{}\n", signer.verifier()))?;
    let (mut builder, _) = Builder::open(&log.0, &journal, &[STREAM], vec![signer])?;
    while builder.step()?.records > 0 {}
    builder.sign()?;
    println!("recorded as {}", log.report(reports.len()).display());
    Ok(())
}

fn check_all(folder: &Path) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let log = Log(entry?.path());
        if log.0.is_dir() {
            println!("{}: {} reports, as signed", log.0.display(), log.check()?);
        }
    }
    Ok(())
}

struct Log(PathBuf);

impl Log {
    fn report(&self, number: usize) -> PathBuf {
        self.0.join(format!("reports/{number:06}.json"))
    }

    fn reports(&self) -> Outcome<Vec<Vec<u8>>> {
        let paths = (1..).map(|number| self.report(number)).take_while(|path| path.exists());
        Ok(paths.map(fs::read).collect::<Result<_, _>>()?)
    }

    /// How many reports there are, if the signed root is theirs.
    fn check(&self) -> Outcome<usize> {
        let key: Verifier = fs::read_to_string(self.0.join("key"))?.parse()?;
        let signed = fs::read_to_string(self.0.join("sha256/checkpoint"))?;
        let signed =
            Checkpoint::open(&signed, &key).map_err(|error| format!("{}: {error}", self.0.display()))?;
        let reports = self.reports()?;
        let (journal, _threads) = journal_of(&reports)?;
        let (records, _) = journal.read(STREAM, 0, ALL)?;
        let entry = |record| tidegate_kernel_audit::Entry::of(PROFILE, record).to_bytes();
        let leaves: Vec<Hash> = records.iter().map(|record| PROFILE.leaf(&entry(record))).collect();
        if (signed.size, signed.root) != (leaves.len() as u64, root(&leaves)) {
            return Err(format!("{}: the reports are not those that were signed", self.0.display()).into());
        }
        Ok(reports.len())
    }
}

/// RFC 6962 §2.1, as it stands there.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => PROFILE.empty(),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            PROFILE.node(&root(&leaves[..half]), &root(&leaves[half..]))
        }
    }
}

/// A journal in memory with each report as a record, at the time that the report says it is of.
fn journal_of(reports: &[Vec<u8>]) -> Outcome<(Journal, Threads)> {
    let clock = Arc::new(Then(AtomicU64::new(0)));
    let (journal, threads) = Journal::start(Arc::new(SimDisk::default()), clock.clone(), Options::books())?;
    for report in reports {
        let words: serde_json::Value = serde_json::from_slice(report)?;
        clock.0.store(words["ended_ms"].as_u64().ok_or("a report without its time")?, Ordering::Relaxed);
        let id = Id(*PROFILE.hash(report).first_chunk().ok_or("a hash is longer")?);
        let entry = Entry {
            stream: STREAM,
            kind: 1,
            version: 1,
            critical: true,
            id,
            payload: report,
            ..Entry::default()
        };
        journal.append(entry)?.wait(Level::Disk)?;
    }
    Ok((journal, threads))
}

#[derive(Debug)]
struct Then(AtomicU64);

impl Clock for Then {
    fn wall_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn boot_ms(&self) -> u64 {
        self.wall_ms()
    }
}

/// OpenSSL leaves out the public half, which signing wants to have beside it.
fn pkcs8(pem: &str) -> Outcome<Vec<u8>> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(text.trim())?;
    let is_key = der.len() >= 48 && der.get(7..16) == Some(&PKCS8_HEAD[7..16]);
    let seed: [u8; 32] =
        der.get(16..48).filter(|_| is_key).ok_or("no private Ed25519 key in PEM")?.try_into()?;
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| "no Ed25519 key")?;
    let public = ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    Ok([&PKCS8_HEAD[..], &seed, &PKCS8_MIDDLE, &public].concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
