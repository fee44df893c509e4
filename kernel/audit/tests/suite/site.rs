//! A data folder with facts in `books`, keys, and trees over it.

use std::path::PathBuf;
use tempfile::TempDir;
use tidegate_kernel_audit::{AuditError, Builder, Opened, Profile, Signer, Tree};
use tidegate_kernel_journal::{Clock, DataFolder, Entry, Id, Level, ReadLimit, Record, SystemClock};
use tidegate_kernel_sm::sm2;

pub(crate) const STREAMS: [u16; 2] = [10, 11];
const OTHER_STREAM: u16 = 12;
pub(crate) const SM2_SECRET: [u8; 32] = [7; 32];
/// Ed25519 in PKCS#8 (RFC 8410), around 32 bytes of seed.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) folder: DataFolder,
    appended: u64,
}

pub(crate) fn signer(profile: Profile) -> Signer {
    let name = format!("tidegate.example/books/{}", profile.name());
    match profile {
        Profile::Sha256 => Signer::ed25519(&name, &pkcs8()).unwrap(),
        Profile::Sm3 => Signer::sm2(&name, sm2::SigningKey::from_bytes(&SM2_SECRET).unwrap()).unwrap(),
    }
}

pub(crate) fn pkcs8() -> Vec<u8> {
    // ring wants the public key beside the seed, so take its own form of a fixed pair.
    let seed = [9; 32];
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let mut bytes = PKCS8_HEAD.to_vec();
    bytes.extend_from_slice(&seed);
    bytes.extend_from_slice(&[0xa1, 0x23, 3, 0x21, 0]);
    bytes.extend_from_slice(&public);
    (bytes[1], bytes[4]) = (0x53, 1);
    bytes
}

impl Site {
    pub(crate) fn new() -> Site {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(&dir.path().join("data")).unwrap();
        Site { dir, folder, appended: 0 }
    }

    /// Facts on both streams and on one that is in no tree.
    pub(crate) fn append(&mut self, count: u64) {
        for n in self.appended..self.appended + count {
            let payload = format!("fact {n}");
            let stream = [STREAMS[0], STREAMS[1], OTHER_STREAM][n as usize % 3];
            let entry = Entry {
                stream,
                kind: 1,
                version: 1,
                critical: true,
                id: Id::v7(n),
                payload: payload.as_bytes(),
                ..Entry::default()
            };
            let ticket = self.folder.books().append(entry).unwrap();
            // The journal takes only so much that is not synced.
            if n % 1000 == 999 || n + 1 == self.appended + count {
                ticket.wait(Level::Disk).unwrap();
            }
        }
        self.appended += count;
    }

    /// A fact whose id says that it was made so many milliseconds later than now.
    pub(crate) fn append_ahead(&mut self, ms: u64) -> Record {
        let id = Id::v7(SystemClock.wall_ms() + ms);
        let entry = Entry {
            stream: STREAMS[0],
            kind: 1,
            version: 1,
            critical: true,
            id,
            payload: b"ahead",
            ..Entry::default()
        };
        let ticket = self.folder.books().append(entry).unwrap();
        ticket.wait(Level::Disk).unwrap();
        let limit = ReadLimit { records: 1, bytes: 1 };
        self.folder.books().read(STREAMS[0], ticket.seq() - 1, limit).unwrap().0.remove(0)
    }

    pub(crate) fn audit(&self) -> PathBuf {
        self.dir.path().join("audit")
    }

    pub(crate) fn open(&self) -> Result<(Builder, Vec<Opened>), AuditError> {
        let signers = Profile::ALL.map(signer).into();
        Builder::open(&self.audit(), self.folder.books(), &STREAMS, signers)
    }

    /// Opens, catches up, signs.
    pub(crate) fn build(&self) -> Vec<Tree> {
        let (mut builder, _) = self.open().unwrap();
        catch_up(&mut builder);
        builder.sign().unwrap();
        builder.trees()
    }
}

pub(crate) fn catch_up(builder: &mut Builder) {
    while builder.step().unwrap().records > 0 {}
}
