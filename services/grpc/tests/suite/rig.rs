//! A listener on port 0 with a journal in a temporary folder behind it, and people it knows.

use crate::client::Client;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::{DataFolder, Entry, Id, Journal, Level};
use tidegate_kernel_plug::{
    Allowance, Authenticate, Credential, Knock, Principal, PrincipalKind, Unauthenticated,
};
use tidegate_service_grpc::{
    Config, Declined, Drained, Grpc, Handle, Intake, Offer, Receipt, Refused, Sender, Taken,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Longer than anything here takes; what is waited for that long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The stream of readings.
const READINGS: u16 = 16;
/// A topic the intake itself refuses.
pub(crate) const UNWANTED: &str = "line/unwanted";

/// Stands in for the pipeline.
pub(crate) struct Shelf {
    journal: Journal,
    pub(crate) busy: AtomicBool,
    /// `stream topic payload` of everything taken, and the reasons of everything else.
    pub(crate) taken: Mutex<Vec<String>>,
    pub(crate) refused: Mutex<Vec<&'static str>>,
}

impl Intake for Shelf {
    fn offer(
        &self,
        sender: Sender<'_>,
        offers: &[Offer],
        note: Option<Entry<'_>>,
    ) -> Result<Taken, Declined> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(Declined::Busy);
        }
        let (mut entries, mut refused, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for (at, offer) in offers.iter().enumerate() {
            if offer.topic.as_str() == UNWANTED {
                refused.push(Refused { at, code: "TG-IN-002" });
                continue;
            }
            let id = Id::v7(1_763_800_000_000);
            entries.push(Entry { stream: READINGS, id, payload: &offer.payload, ..Entry::default() });
            lines.push(format!("{} {} {}", sender.stream, offer.topic, offer.payload.escape_ascii()));
        }
        entries.extend(note);
        let ticket = self
            .journal
            .append_all(&entries)
            .map_err(|refusal| Declined::Refused { code: refusal.code() })?;
        self.taken.lock().unwrap().extend(lines);
        self.refused.lock().unwrap().extend(refused.iter().map(|refused| refused.code));
        Ok(Taken { receipt: Receipt { ticket, level: Level::Os }, refused })
    }

    fn refuse(&self, reason: &'static str) {
        self.refused.lock().unwrap().push(reason);
    }

    fn malformed(&self, code: &'static str) {
        self.refused.lock().unwrap().push(code);
    }
}

/// Anybody without a token, `line-7` for line/7, `reader` for nothing, `one` with one call, `slow` with 10 messages a second.
struct People;

impl Authenticate for People {
    fn authenticate(&self, credential: Credential<'_>, _: Knock) -> Result<Arc<Principal>, Unauthenticated> {
        let (scope, allowance) = match credential {
            Credential::Anonymous => return Ok(Arc::new(Principal::anonymous())),
            Credential::Token("line-7") => ("publish:line/7/#", Allowance::default()),
            Credential::Token("reader") => ("subscribe:#", Allowance::default()),
            Credential::Token("one") => {
                ("publish:#", Allowance { connections_max: NonZeroU32::new(1), ..Allowance::default() })
            }
            Credential::Token("slow") => {
                ("publish:#", Allowance { messages_per_s_max: NonZeroU32::new(10), ..Allowance::default() })
            }
            _ => return Err(Unauthenticated::Unknown),
        };
        let Credential::Token(name) = credential else { unreachable!("only tokens come here") };
        let (name, scopes) = (name.to_owned(), vec![scope.parse().unwrap()]);
        Ok(Arc::new(Principal { name, kind: PrincipalKind::Device, roles: Vec::new(), scopes, allowance }))
    }
}

pub(crate) struct Rig {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    pub(crate) folder: DataFolder,
    running: JoinHandle<Drained>,
}

impl Rig {
    pub(crate) async fn new(dir: &TempDir) -> Rig {
        Rig::with(dir, |_| {}).await
    }

    pub(crate) async fn with(dir: &TempDir, set: impl FnOnce(&mut Config)) -> Rig {
        let folder = DataFolder::open(dir.path()).unwrap();
        let journal = folder.queues().clone();
        let shelf = Shelf {
            journal: journal.clone(),
            busy: AtomicBool::new(false),
            taken: Mutex::default(),
            refused: Mutex::default(),
        };
        let shelf = Arc::new(shelf);
        let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        set(&mut config);
        let grpc = Grpc::bind(config, shelf.clone(), Arc::new(People), journal, None).await.unwrap();
        let (handle, address) = (grpc.handle(), grpc.local_addr());
        Rig { shelf, handle, address, folder, running: tokio::spawn(grpc.run()) }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.shelf.taken.lock().unwrap().clone()
    }

    pub(crate) fn refused(&self) -> Vec<&'static str> {
        self.shelf.refused.lock().unwrap().clone()
    }

    /// Looks until it is as wanted.
    pub(crate) async fn when(&self, wanted: impl Fn(&Rig) -> bool) {
        let there = async {
            while !wanted(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, there).await.expect("it comes to pass");
    }

    pub(crate) async fn drain(self) -> Drained {
        let drained =
            timeout(PATIENCE, self.handle.drain(Instant::now() + Duration::from_secs(5))).await.unwrap();
        assert_eq!(timeout(PATIENCE, self.running).await.unwrap().unwrap(), drained);
        self.folder.close();
        drained
    }

    /// Ends without a word: no snapshot is written, nothing is told to go.
    pub(crate) async fn crash(self) {
        self.running.abort();
        let _ = self.running.await;
        self.folder.close();
    }
}
