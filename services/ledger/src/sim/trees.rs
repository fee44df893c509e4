//! A tree over the facts of a world's book, grown as a node grows one: opened anew in each life, after whatever happened to the one before.
//! Its files lie in a temporary folder; they are made of the journal, so they need no disk that fails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};
use tidegate_kernel_audit::{AuditError, Builder, Entry, Hash, Profile, Signer};
use tidegate_kernel_journal::{Journal, ReadLimit};

const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
/// RFC 8410 §10.3, in the form that has the public key as well: what a world signs proves nothing to anybody outside of it.
const KEY: [[u8; 32]; 2] = [
    *b"\xd4\xee\x72\xdb\xf9\x13\x58\x4a\xd5\xb6\xd8\xf1\xf7\x69\xf8\xad\x3a\xfe\x7c\x28\xcb\xf1\xd4\xfb\xe0\x97\xa8\x8f\x44\x75\x58\x42",
    *b"\x19\xbf\x44\x09\x69\x84\xcd\xfe\x85\x41\xba\xc1\x67\xdc\x3b\x96\xc8\x50\x86\xaa\x30\xb6\xb6\xcb\x0c\x5c\x38\xad\x70\x31\x66\xe1",
];
const HEAD: [u8; 16] = [0x30, 0x53, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const MIDDLE: [u8; 5] = [0xa1, 0x23, 3, 0x21, 0];

static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct Trees {
    folder: PathBuf,
    stream: u16,
}

impl Trees {
    pub(super) fn new(stream: u16) -> Trees {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-sim-{}-{number}", process::id());
        // Thousands of small files with a sync each: into memory, where there is such a folder.
        let folder = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
        Trees { folder: folder.unwrap_or_else(env::temp_dir).join(name), stream }
    }

    /// Adds what is synced, and signs.
    pub(super) fn grow(&self, journal: &Journal) -> Result<Builder, AuditError> {
        let key = [&HEAD[..], &KEY[0], &MIDDLE, &KEY[1]].concat();
        let signer = Signer::ed25519("tidegate/sim", &key)?;
        let (mut builder, _) = Builder::open(&self.folder, journal, &[self.stream], vec![signer])?;
        while builder.step()?.records > 0 {}
        builder.sign()?;
        Ok(builder)
    }

    /// Whether what is signed is the tree over what the journal has, and each of these records is in it.
    pub(super) fn judge(
        &self,
        journal: &Journal,
        acknowledged: &BTreeMap<u64, [u8; 16]>,
        planted: bool,
    ) -> Result<(), String> {
        let text = |error: AuditError| format!("the tree does not grow: {error}");
        let tree = self.grow(journal).map_err(text)?.trees().remove(0);
        let (records, _) = journal.read(self.stream, 0, ALL).map_err(|error| error.to_string())?;
        let mut entries: Vec<Entry> =
            records.iter().map(|record| Entry::of(Profile::Sha256, record)).collect();
        if let Some(entry) = entries.last_mut().filter(|_| planted) {
            entry.payload_hash[0] ^= 1;
        }
        let leaves: Vec<Vec<u8>> =
            entries.iter().map(|entry| [&[0], &entry.to_bytes()[..]].concat()).collect();
        let signed = tree.signed().map_err(text)?.map(|signed| (signed.size, signed.root));
        let wanted = (leaves.len() as u64, root(&leaves));
        // A tree of nothing is not signed.
        if signed.unwrap_or((0, root(&[]))) != wanted {
            return Err("the tree that is signed is not that of the journal's records".to_owned());
        }
        let held: BTreeMap<u64, [u8; 16]> = entries.iter().map(|entry| (entry.seq, entry.id.0)).collect();
        match acknowledged.iter().find(|(seq, id)| held.get(seq) != Some(id)) {
            Some((seq, _)) => Err(format!("acknowledged as record {seq}, which is not in the tree")),
            None => Ok(()),
        }
    }
}

/// RFC 6962 §2.1 over leaves with their prefix, as it stands there.
fn root(leaves: &[Vec<u8>]) -> Hash {
    let hash = |bytes: &[u8]| Profile::Sha256.hash(bytes);
    match leaves {
        [] => hash(b""),
        [leaf] => hash(leaf),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            hash(&[&[1], &root(left)[..], &root(right)[..]].concat())
        }
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        // Never made, or of no use to anybody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
