//! All trees of the node, as a capability: those over administrative acts, and those over each book.
//!
//! Each pair has its own thread, so one that stands still or reads much holds up no other.

use super::Log;
use super::config::Config;
use super::keys::Keys;
use super::leaving::Leaving;
use super::log::FOLDER;
use super::pair::{Pair, Standing};
use crate::failure::Failure;
use crate::identity::NodeKey;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tidegate_kernel_audit::{Tree, Verifier, Witness, WitnessKey};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tidegate_service_ledger::Ledger;

/// Checkpoints of others that were signed here.
pub(super) const WITNESSED: &str = "witnessed";

/// The trees, while the node runs.
#[derive(Debug)]
pub(crate) struct Trees {
    path: PathBuf,
    keys: Arc<Keys>,
    /// That over acts first.
    pairs: Vec<Arc<Pair>>,
    /// Nothing where checkpoints stay here.
    leaving: Option<Arc<Leaving>>,
}

impl Trees {
    /// Makes folders and keys where there are none. Blocks for the disk.
    pub(crate) fn open(
        data: &Path,
        books: &Journal,
        config: &Config,
        node: NodeKey,
        logs: Vec<Log>,
    ) -> Result<Trees, Failure> {
        let path = data.join(FOLDER);
        super::pair::make(data, &path)?;
        let keys = Arc::new(Keys::open(&path, config, node)?);
        let pair = |log| Pair::open(data, books, log, keys.clone(), config.checkpoint_every).map(Arc::new);
        let pairs = logs.into_iter().map(pair).collect::<Result<_, _>>()?;
        Ok(Trees { keys, pairs, leaving: None, path })
    }

    /// Lets checkpoints leave the node, where a destination is named.
    pub(crate) fn leaving_by(self, leaving: Option<Leaving>) -> Trees {
        Trees { leaving: leaving.map(Arc::new), ..self }
    }

    /// The trees over a book, or over acts; nothing where it is not this node's.
    pub(super) fn pair(&self, book: Option<&str>) -> Option<&Arc<Pair>> {
        self.pairs.iter().find(|pair| pair.log.book() == book)
    }

    /// All of them, with what they are called behind the origin.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, &Tree)> {
        self.pairs.iter().flat_map(|pair| pair.trees())
    }

    /// Reads the disk.
    pub(super) fn standings(&self) -> Vec<Standing> {
        self.pairs.iter().map(|pair| pair.standing()).collect()
    }

    /// This node as a witness of others; nothing where it is asked for none.
    pub(crate) fn witness(&self, logs: &[Verifier]) -> Option<Arc<Witness>> {
        (!logs.is_empty()).then(|| Arc::new(self.as_witness(logs.to_vec())))
    }

    pub(crate) fn witness_key(&self) -> WitnessKey {
        self.as_witness(Vec::new()).key()
    }

    fn as_witness(&self, logs: Vec<Verifier>) -> Witness {
        self.keys.witness(&self.path.join(WITNESSED), logs)
    }

    pub(crate) fn leaving(&self) -> Option<Arc<Leaving>> {
        self.leaving.clone()
    }

    /// Of the node's key.
    pub(crate) fn fingerprint(&self) -> String {
        self.keys.fingerprint()
    }

    /// Sets the threads running, over books as the ledger has them; without one, as the journal has them.
    pub(crate) fn start(&self, ledger: Option<&Arc<Ledger>>) -> io::Result<()> {
        self.pairs.iter().try_for_each(|pair| pair.start(ledger))
    }
}

impl Capability for Trees {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        let own = MEASURES.iter().map(|measure| measure.family(&self.pairs));
        own.chain(self.leaving.iter().flat_map(|leaving| leaving.metrics())).collect()
    }

    fn readiness(&self) -> Readiness {
        let trouble = self.pairs.iter().find_map(|pair| pair.trouble());
        match trouble.or_else(|| self.leaving.as_ref()?.trouble()) {
            None => Readiness::Ready,
            Some(trouble) => Readiness::Unready(trouble),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            // All are told first, and then waited for.
            let told: Vec<_> = self
                .pairs
                .iter()
                .filter_map(|pair| pair.thread().take())
                .map(|(stop, thread)| {
                    drop(stop);
                    tokio::task::spawn_blocking(move || thread.join())
                })
                .collect();
            for ended in told {
                // Whether it came in time or not, what is left says it.
                drop(tokio::time::timeout_at(deadline.into(), ended).await);
            }
            self.pairs.iter().filter_map(|pair| left(pair)).collect()
        })
    }
}

fn left(pair: &Pair) -> Option<Leftover> {
    let what = "records not in the trees yet; the next start takes them up";
    Some(Leftover { part: format!("trees of {}", pair.log.name()), count: pair.left()?, what })
}

/// One family with a series for each log.
struct Measure {
    name: &'static str,
    help: &'static str,
    of: fn(&Pair) -> u64,
}

impl Measure {
    fn family(&self, pairs: &[Arc<Pair>]) -> Family {
        let make = if self.name.ends_with("_total") { Family::counter } else { Family::gauge };
        let mut family = make(self.name, self.help);
        for pair in pairs {
            family.push(&[("log", &pair.log.name())], (self.of)(pair));
        }
        family
    }
}

const MEASURES: &[Measure] = &[
    Measure {
        name: "tidegate_audit_entries",
        help: "Entries in each of the two trees of a log: acts and outcomes, or facts of a book.",
        of: |pair| pair.lag().size,
    },
    Measure {
        name: "tidegate_audit_lag_records",
        help: "Records of books, or facts of a book in a database, that the trees of a log have not looked at yet.",
        of: |pair| pair.lag().records,
    },
    Measure {
        name: "tidegate_audit_checkpoints_total",
        help: "Times that what was new was signed, since the start.",
        of: |pair| pair.state().checkpoints,
    },
    Measure {
        name: "tidegate_audit_rebuilt_trees_total",
        help: "Trees whose files were damaged and made again, since the start.",
        of: |pair| pair.state().rebuilt,
    },
    Measure {
        name: "tidegate_audit_compared_entries_total",
        help: "Entries compared with what a database has of them, since the start; from the first one again behind the last.",
        of: |pair| pair.state().compared,
    },
    Measure {
        name: "tidegate_audit_failures_total",
        help: "Times that trees could not be grown or signed, since the start.",
        of: |pair| pair.state().failures,
    },
];
