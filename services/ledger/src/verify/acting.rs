//! The trees over administrative acts, counted again beside the books.

use super::fault::Fault;
use super::trust::{Acts, Signed, Trust};
use super::{Acted, Tree};
use tidegate_kernel_audit::{AuditError, Profile, Recount};
use tidegate_kernel_journal::Record;

const OF: &str = "the administrative acts";

/// While records are read.
pub(super) struct Acting {
    stream: u16,
    trees: Vec<(Recount, Option<bool>)>,
    faults: Vec<Fault>,
}

impl Acting {
    pub(super) fn of(acts: &Acts, trust: &Trust) -> Acting {
        let (mut trees, mut faults) = (Vec::new(), Vec::new());
        for profile in Profile::ALL {
            let path = acts.trees.join(profile.name());
            match trust.signed_acts(&path, profile) {
                Ok(Signed { published, claims, is_trusted }) => {
                    trees.push((Recount::beside(&path, profile, published, claims), is_trusted));
                }
                Err(why) => faults.push(unread(profile.name(), why)),
            }
        }
        Acting { stream: acts.stream, trees, faults }
    }

    pub(super) fn take(&mut self, record: &Record) {
        if record.head.stream != self.stream {
            return;
        }
        for (tree, _) in &mut self.trees {
            if let Err(why) = tree.push(record) {
                self.faults.push(unread("files", why));
            }
        }
    }

    pub(super) fn finish(self, next_seq: u64) -> Acted {
        let counted = |(tree, is_trusted): (Recount, _)| Tree { counted: tree.finish(), is_trusted };
        let trees: Vec<_> = self.trees.into_iter().map(counted).collect();
        let roots = trees.iter().flat_map(|tree| Fault::of_roots(OF, &tree.counted, next_seq));
        let faults = self.faults.into_iter().chain(roots).collect();
        Acted { trees, faults }
    }
}

fn unread(tree: &'static str, why: AuditError) -> Fault {
    Fault::Checkpoint { of: OF.to_owned(), tree, why }
}
