//! A ledger on a folder of its own and a database, for tests.

use crate::cable::Cable;
use crate::server::{PASSWORD, PATIENCE, Server};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_gear_postgres::{Config as Database, Postgres};
use tidegate_kernel_journal::{Clock, DataFolder, OpenError as FolderError, SystemClock};
use tidegate_kernel_outbound::{Dialer, Endpoint, Resolver};
use tidegate_kernel_plug::{Capability, Readiness, exposition};
use tidegate_service_ledger::{BookConfig, Config, Ledger, OpenError, Port, Shared};
use tokio::time::{sleep, timeout};

pub(crate) const GEAR: &str = "postgres";

pub(crate) struct Desk {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) book: Arc<dyn Port>,
    pub(crate) site: Site,
    /// Where it was started for this desk alone.
    pub(crate) server: Option<Server>,
}

/// A data folder, and how its database is reached.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    folder: Option<DataFolder>,
    pub(crate) database: Database,
    pub(crate) shared: Shared,
}

/// How a server is reached.
pub(crate) fn database(address: SocketAddr) -> Database {
    let (host, port) = (address.ip().to_string(), address.port());
    Database {
        endpoint: Endpoint { tls: false, host, port, path: "/postgres".to_owned() },
        user: "tidegate".to_owned(),
        password: Some(PASSWORD.to_owned()),
        connections_max: 2,
        timeout: Duration::from_secs(2),
        lease: Duration::from_secs(3),
    }
}

impl Site {
    pub(crate) fn new(database: Database) -> Site {
        let dir = TempDir::new().unwrap();
        let folder = Some(DataFolder::open(dir.path()).unwrap());
        let shared = Shared { scrub: Duration::from_millis(100), ..Shared::default() };
        Site { dir, folder, database, shared }
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        self.folder.as_ref().unwrap()
    }

    pub(crate) fn try_ledger(&self) -> Result<Arc<Ledger>, OpenError> {
        let dialer = Dialer::new(Resolver::system(), None).unwrap();
        self.ledger_over(dialer)
    }

    pub(crate) fn ledger_over(&self, dialer: Dialer) -> Result<Arc<Ledger>, OpenError> {
        let journal = self.folder().books();
        let gear = Postgres::new(journal.clone(), dialer, self.database.clone());
        let main = BookConfig { name: "main".to_owned(), limit: Default::default() };
        let config = Config { shared: self.shared, books: vec![main] };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ledger::on(journal, Arc::new(gear), &clock, &config).map(Arc::new)
    }

    /// Closes the folder and opens it again, as another process would.
    pub(crate) fn reopen(&mut self) {
        self.folder.take().unwrap().close();
        self.folder = Some(unlocked(self.dir.path()));
    }
}

/// A database that another test starts has the lock of each folder, too, until it is a program of its own.
fn unlocked(path: &Path) -> DataFolder {
    let began = Instant::now();
    loop {
        match DataFolder::open(path) {
            Err(FolderError::Locked { .. }) if began.elapsed() < PATIENCE => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

impl Desk {
    /// For the suite that every gear takes.
    pub(crate) async fn ready(test: &str) -> Option<Desk> {
        let server = Server::start(&format!("postgres::conformance::{test}")).await?;
        Some(Desk::at(server).await)
    }

    pub(crate) async fn at(server: Server) -> Desk {
        let desk = Desk::over(Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))))).await;
        Desk { server: Some(server), ..desk }.with_accounts().await
    }

    /// Through a cable that a test cuts, for a book whose answers are waited for a short time.
    pub(crate) async fn behind(server: &Server) -> (Desk, Cable) {
        let cable = Cable::to(server.port).await;
        let mut site = Site::new(database(cable.address));
        site.shared.timeout = Duration::from_millis(500);
        (Desk::over(site).await.with_accounts().await, cable)
    }

    pub(crate) async fn over(site: Site) -> Desk {
        let ledger = site.try_ledger().unwrap();
        let book = opened(&ledger).await;
        Desk { ledger, book, site, server: None }
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.server.as_mut().unwrap()
    }

    /// The process ends and another one begins.
    pub(crate) async fn reopen(self) -> Desk {
        let Desk { ledger, book, mut site, server } = self;
        drop((ledger, book));
        site.reopen();
        Desk { server, ..Desk::over(site).await }
    }

    pub(crate) async fn until_ready(&self) {
        until("the books are ready", || self.ledger.readiness() == Readiness::Ready).await;
    }

    /// Why it is not ready, once it is not.
    pub(crate) async fn trouble(&self) -> String {
        trouble(&self.ledger).await
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = exposition(&self.ledger.metrics());
        let line = page.lines().find(|line| line.starts_with(&format!("{name}{{book=\"main\"}}")));
        line.unwrap_or_else(|| panic!("{name} is not in {page}")).rsplit(' ').next().unwrap().parse().unwrap()
    }
}

pub(crate) async fn opened(ledger: &Ledger) -> Arc<dyn Port> {
    until("the book is open", || ledger.book("main").is_ok()).await;
    ledger.book("main").unwrap()
}

pub(crate) async fn trouble(ledger: &Ledger) -> String {
    let why = || match ledger.readiness() {
        Readiness::Unready(why) if why.contains("TG-") || why.contains("reached") => Some(why),
        _ => None,
    };
    until("there is trouble", || why().is_some()).await;
    why().unwrap_or_default()
}

/// What another task or another program does can only be asked for again.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
