//! What signs the trees: the node's key and, for SM2, one beside the trees. Reads and makes files.

use super::Log;
use super::config::Config;
use crate::failure::Failure;
use crate::identity::{NodeKey, key_file};
use std::path::Path;
use tidegate_kernel_audit::{Profile, Signer, Verifier, Witness};
use tidegate_kernel_sm::sm2;
use zeroize::Zeroizing;

pub(super) const SM2_KEY: &str = "sm2.key";

#[derive(Debug)]
pub(super) struct Keys {
    origin: String,
    node: NodeKey,
    sm2: sm2::SigningKey,
}

impl Keys {
    pub(super) fn open(folder: &Path, config: &Config, node: NodeKey) -> Result<Keys, Failure> {
        let sm2 = key_file::open(folder, SM2_KEY, made, |bytes| {
            sm2::SigningKey::from_bytes(bytes).map_err(|error| error.to_string())
        })?;
        let origin = config.origin.clone();
        let origin = origin.unwrap_or_else(|| format!("tidegate/{}", &node.fingerprint()[..16]));
        Ok(Keys { origin, node, sm2 })
    }

    /// One key signs all trees of a profile; each has a name of its own, which is part of every signature.
    pub(super) fn signer(&self, log: &Log, profile: Profile) -> Signer {
        let name = format!("{}/{}", self.origin, log.tree(profile));
        let signer = match profile {
            Profile::Sha256 => Signer::ed25519(&name, self.node.pkcs8()),
            Profile::Sm3 => Signer::sm2(&name, self.sm2.clone()),
        };
        signer.expect("the key was read and the name judged with the configuration")
    }

    pub(super) fn witness(&self, folder: &Path, logs: Vec<Verifier>) -> Witness {
        let (name, key) = (format!("{}/witness", self.origin), self.node.pkcs8());
        Witness::new(folder, &name, key, logs).expect("the key was read at the start")
    }

    pub(super) fn fingerprint(&self) -> String {
        self.node.fingerprint()
    }
}

fn made() -> Zeroizing<Vec<u8>> {
    let key = sm2::SigningKey::generate().expect("Linux gives random bytes since 3.17");
    Zeroizing::new(key.to_bytes().to_vec())
}
