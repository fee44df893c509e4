//! Trees over the book `main`, grown as a node grows them: opened anew each time, over whatever the ledger has. Every gear's suite takes this file.

use std::path::Path;
use tempfile::TempDir;
use tidegate_kernel_audit::{AuditError, Builder, Checkpoint, Profile, Signer, Tree, consistency_holds};
use tidegate_kernel_sm::sm2;
use tidegate_service_ledger::Ledger;
use tokio::task::block_in_place;

/// A folder with trees, of a node that may have ended.
pub(crate) struct Grown(TempDir);

impl Grown {
    pub(crate) fn new() -> Grown {
        Grown(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn builder(&self, ledger: &Ledger) -> Result<Builder, AuditError> {
        let signers = Profile::ALL.map(|profile| signer("main", profile)).into();
        let source = ledger.leaves("main").expect("the book is open");
        block_in_place(|| Builder::over(self.path(), source, signers)).map(|(builder, _)| builder)
    }

    /// Adds all there is, and signs; what is signed then, in the order of [`Profile::ALL`].
    pub(crate) fn grow(&self, ledger: &Ledger) -> Result<Vec<Checkpoint>, AuditError> {
        let mut builder = self.builder(ledger)?;
        block_in_place(|| {
            while builder.step()?.records > 0 {}
            builder.sign().map(drop)
        })?;
        Ok(self.trees().iter().map(|tree| tree.signed().unwrap().unwrap()).collect())
    }

    pub(crate) fn trees(&self) -> Vec<Tree> {
        let tree = |profile: Profile| {
            Tree::new(&self.path().join(profile.name()), signer("main", profile).verifier())
        };
        Profile::ALL.map(tree).into()
    }

    /// That both trees grew out of what was signed before.
    pub(crate) fn grew_out_of(&self, old: &[Checkpoint]) {
        for (tree, old) in self.trees().iter().zip(old) {
            let new = tree.signed().unwrap().unwrap();
            let path = tree.prove_growth(old.size, new.size).unwrap();
            let (from, to) = ((old.size, old.root), (new.size, new.root));
            assert!(consistency_holds(tree.profile(), from, to, &path), "{old:?} {new:?}");
        }
    }
}

pub(crate) fn signer(book: &str, profile: Profile) -> Signer {
    let name = format!("example.com/gate-7/ledger/{book}/{}", profile.name());
    match profile {
        Profile::Sha256 => Signer::ed25519(&name, &pkcs8()).unwrap(),
        Profile::Sm3 => Signer::sm2(&name, sm2::SigningKey::from_bytes(&[7; 32]).unwrap()).unwrap(),
    }
}

/// Ed25519 in PKCS#8 (RFC 8410), around 32 bytes of seed, and the public key that goes with it, as ring wants it.
fn pkcs8() -> Vec<u8> {
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let seed = [9; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let head = [0x30, 0x53, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    [&head[..], &seed, &[0xa1, 0x23, 3, 0x21, 0], pair.public_key().as_ref()].concat()
}
