//! `tidegate up`: opens the data folder, wires the broker to the pipeline and the pipeline to its sink, runs, drains.
//!
//! The data plane has a runtime of its own; sinks, which read the disk and may block, have another one.

mod management;
mod opening;

use crate::admin::View;
use crate::alarms;
use crate::audit::{self, Audit, Trees};
use crate::banner::{self, Banner};
use crate::broker::Mqtt;
use crate::cli::Up;
use crate::config::Origins;
use crate::failure::Failure;
use crate::history::{self, Past};
use crate::http::{self, Http, HttpError};
use crate::identity::{Identity, IdentityError};
use crate::intake::Readings;
use crate::lan::{Greeting, Lan};
use crate::logs::{self, Log};
use crate::mqtts::Mqtts;
use crate::open_files;
use crate::page::Board;
use crate::parent::Parent;
use crate::reload::Reloader;
use crate::rules;
use crate::settings::Settings;
use crate::signals::{Hangups, Stops};
use crate::storage::Storage;
use crate::tls::Tls;
use crate::traces::Traces;
use crate::vitals::Vitals;
use management::Management;
use opening::{open_folder, open_parts, past};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_connector_file::FileSink;
use tidegate_connector_mqtt::{Link, Links};
use tidegate_kernel_journal::{Clock, DataFolder, SystemClock};
use tidegate_kernel_plug::config::Values;
use tidegate_kernel_plug::{Capability, HttpCounts, Live, drain_all, listed};
use tidegate_service_broker::{Broker, Ports};
use tidegate_service_grpc::{Grpc, Handshake};
use tidegate_service_ingest::{Ingest, OpenError, SinkConfig, http as inputs};
use tidegate_service_ledger::{Ledger, http as books};
use tidegate_service_notice::Notices;
use tidegate_service_probe::Probe;
use tokio::runtime::{Builder, Runtime};
use tracing::{Instrument, Span};

/// The status of a drain that left something behind.
const LEFT_BEHIND: u8 = 3;
/// Threads for sinks: one of them may block on a file while another one moves on.
const EXPORTER_THREADS: usize = 2;
/// Readings wait so long for others that go into the file with them: each delivery is a sync, and 4,000 of them a second are half
/// a processor's work.
const FILE_BATCH_AGE_MS: u64 = 2;
/// Files open beside connections: journals, sinks, listeners.
const OWN_FILES: u64 = 64;
/// How long runtimes may take to put their threads down when all is done.
const SHUTDOWN_WAIT: Duration = Duration::from_millis(500);

/// Runs a node until it is told to stop.
pub(crate) fn up(options: &Up) -> Result<ExitCode, Failure> {
    let vitals = Vitals::begin();
    let origins = Origins::of(options);
    let log = logs::start(origins.log_format())?;
    let lan = options.lan.then(|| origins.data().and_then(|data| Lan::open(&data))).transpose()?;
    let origins = origins.with(lan.as_ref().map(Lan::overrides).unwrap_or_default());
    let (values, settings) = origins.settings()?;
    let vitals = vitals.allowing(&settings);
    let traces = settings.traces.as_ref().map(|config| Traces::of(config, &log.spans));
    let startup = tracing::info_span!("startup");
    note_open_files(open_files::raise(), settings.mqtt.connections_max);
    let identity = Arc::new(Identity::open(&settings.identity).map_err(|errors| unidentified(&errors))?);
    let tls = settings.tls.clone().map(Tls::new).map(Arc::new);
    let (data_plane, exporters) =
        (runtime("data-plane", None)?, runtime("exporter", Some(EXPORTER_THREADS))?);
    let parent = hear_parent(options, &data_plane)?;
    let folder = startup.in_scope(|| open_folder(&settings))?;
    let opened = startup.in_scope(|| open_parts(&settings, &folder));
    let outcome = opened.and_then(|(ingest, trees)| {
        let drain_timeout = Arc::new(Live::new(settings.drain_timeout));
        let pipeline = pipeline(&ingest, &exporters);
        let holders = Holders {
            pipeline: pipeline.clone(),
            identity: identity.clone(),
            tls: tls.clone(),
            drain_timeout: drain_timeout.clone(),
        };
        let reloader = Arc::new(holders.reloader(origins, values));
        let past = past(&settings, &folder)?;
        let notices = settings.notices.open(folder.queues().clone(), settings.zone.clone());
        let probe = Probe::new(settings.probe.clone(), settings.data.join("probe"));
        let site = Site {
            settings,
            folder: &folder,
            ingest,
            pipeline,
            identity,
            tls,
            notices: Arc::new(notices),
            probe: Arc::new(probe),
            vitals,
            reloader,
            drain_timeout,
            past,
            audit: Audit::new(folder.books().clone()),
            trees: Arc::new(trees),
            lan,
            parent,
            log,
            traces,
        };
        data_plane.block_on(site.run(&exporters, startup))
    });
    folder.close();
    exporters.shutdown_timeout(SHUTDOWN_WAIT);
    data_plane.shutdown_timeout(SHUTDOWN_WAIT);
    outcome
}

fn pipeline(ingest: &Arc<Ingest>, exporters: &Runtime) -> rules::Pipeline {
    let (ingest, exporters) = (ingest.clone(), exporters.handle().clone());
    rules::Pipeline { ingest, commands: Arc::default(), exporters }
}

fn hear_parent(options: &Up, runtime: &Runtime) -> Result<Parent, Failure> {
    let _within = runtime.enter();
    Parent::of(options).map_err(|error| unstarted("could not hear the parent", &error))
}

/// A device that cannot be accepted looks as if the network were at fault, so this is said beforehand.
fn note_open_files(limit: Option<u64>, connections_max: usize) {
    let needed = connections_max as u64 + OWN_FILES;
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "fewer files may be open than connections are allowed; raise LimitNOFILE"
        );
    }
}

/// The first of what is wrong; the others are in the log.
fn unidentified(errors: &[IdentityError]) -> Failure {
    errors.iter().for_each(|error| tracing::error!(code = error.code(), hint = error.hint(), "{error}"));
    let first = errors.first().expect("nothing is refused without a reason");
    Failure::new(first.code(), first, first.hint())
}

fn unlistening(error: &HttpError) -> Failure {
    Failure::new(error.code(), error, error.hint())
}

fn runtime(name: &str, threads: Option<usize>) -> Result<Runtime, Failure> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder
        .thread_name(name)
        .enable_all()
        .build()
        .map_err(|error| unstarted("could not start threads", &error))
}

fn unstarted(attempt: &str, error: &io::Error) -> Failure {
    Failure::message(
        "TG-ND-006",
        format!("{attempt}: {error}"),
        "look at the limits and permissions of the process",
    )
}

/// Whoever holds a setting that may change while the node runs.
struct Holders {
    pipeline: rules::Pipeline,
    identity: Arc<Identity>,
    /// Nothing where TLS is not spoken.
    tls: Option<Arc<Tls>>,
    drain_timeout: Arc<Live<Duration>>,
}

impl Holders {
    /// What a reload changes.
    fn reloader(self, origins: Origins, values: Values) -> Reloader {
        let take_up = move |settings: &Settings| {
            self.pipeline.take_up(settings);
            self.drain_timeout.set(settings.drain_timeout);
            self.identity.replace(&settings.identity).expect("judged with the rest of the file");
            if let (Some(tls), Some(certificate)) = (&self.tls, &settings.tls) {
                tls.replace(certificate.clone());
            }
        };
        Reloader::new(origins, values, Box::new(take_up))
    }
}

/// All capabilities, in the order of what is wired to what.
type Wired = Arc<[Arc<dyn Capability>]>;

/// What listens, and what is wired to it.
struct Listeners {
    broker: Broker,
    mqtt: Arc<Mqtt>,
    mqtts: Option<Arc<Mqtts>>,
    http: Arc<Http>,
    grpc: Grpc,
    links: Arc<Links>,
    management: Management,
    board: Option<Arc<Board>>,
    capabilities: Wired,
}

/// What a run needs.
struct Site<'a> {
    settings: Settings,
    folder: &'a DataFolder,
    ingest: Arc<Ingest>,
    pipeline: rules::Pipeline,
    identity: Arc<Identity>,
    tls: Option<Arc<Tls>>,
    notices: Arc<Notices>,
    probe: Arc<Probe>,
    vitals: Vitals,
    reloader: Arc<Reloader>,
    drain_timeout: Arc<Live<Duration>>,
    /// Nothing where no device has a model at the start: only their readings have tags.
    past: Option<Past>,
    audit: Audit,
    trees: Arc<Trees>,
    lan: Option<Lan>,
    parent: Parent,
    log: Log,
    /// Nothing where there is no collector.
    traces: Option<Arc<Traces>>,
}

impl Site<'_> {
    async fn run(self, exporters: &Runtime, startup: Span) -> Result<ExitCode, Failure> {
        match self.start(exporters).instrument(startup).await {
            Ok((stops, capabilities)) => Ok(self.until_stopped(stops, &capabilities).await),
            Err(failure) => {
                // Says to the next start that this was no crash.
                self.ingest.drain(Instant::now()).await;
                Err(failure)
            }
        }
    }

    fn start_file(&self, exporters: &Runtime) -> Result<(), OpenError> {
        let Some(file) = self.settings.file.clone() else { return Ok(()) };
        let delivery =
            SinkConfig { batch_age_ms: FILE_BATCH_AGE_MS, ..SinkConfig::of(&self.settings.ingest) };
        self.ingest.start_sink_with("file", delivery, exporters.handle(), move || FileSink::new(&file))
    }

    /// Listens, starts the sink, sets everything running and says so.
    async fn start(&self, exporters: &Runtime) -> Result<(Stops, Wired), Failure> {
        let stops = Stops::listen().map_err(|error| unstarted("could not listen for signals", &error))?;
        let hangups = Hangups::listen().map_err(|error| unstarted("could not listen for signals", &error))?;
        let listeners = self.listen().instrument(tracing::info_span!("listen")).await?;
        self.pipeline.commands.join(listeners.broker.handle());
        let started = self.start_file(exporters).and_then(|()| self.pipeline.start(&self.settings.rules));
        started.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        self.settings.sinks.start(&self.ingest, exporters.handle())?;
        self.start_traces()?;
        if let Some(board) = &listeners.board {
            board.start(exporters.handle())?;
        }
        self.settings.notices.start(&self.notices, &self.settings.sinks.dialer()?, exporters.handle())?;
        if self.settings.notices.has_channels() {
            alarms::follow(&self.ingest, self.notices.outbox().clone(), exporters.handle());
        }
        if let Some(past) = &self.past {
            history::feed(&past.history, &self.ingest, exporters.handle())?;
        }
        self.start_trees(exporters)?;
        self.watch(&listeners.management, exporters)?;
        let lan = self.greeting(&listeners);
        let code = lan.as_ref().filter(|_| io::stdout().is_terminal()).and_then(Greeting::code);
        let (mqtt, admin) = (listeners.broker.local_addr(), listeners.management.plain.address());
        let banner = Banner {
            mqtt,
            mqtts: listeners.mqtts.as_ref().map(|mqtts| mqtts.address()),
            http: (listeners.http.scheme(), listeners.http.address()),
            grpc: (listeners.http.scheme() == "https", listeners.grpc.local_addr()),
            admin,
            admin_tls: listeners.management.over_tls.as_ref().map(Http::address),
            lan: lan.clone(),
            code,
            data: self.folder.path(),
            file: self.settings.file.as_deref(),
            config: self.reloader.standing().file,
        };
        let text = banner.to_string();
        let capabilities = self.spawn(listeners);
        let hangups = hangups.each(self.reloader.clone(), self.audit.clone());
        tokio::spawn(listed("node", "reloads", hangups));
        if !self.parent.tell(mqtt, admin, lan).await {
            self.log.format.say(&text);
        }
        Ok((stops, capabilities))
    }

    fn start_trees(&self, exporters: &Runtime) -> Result<(), Failure> {
        let started = self.trees.start();
        started.map_err(|error| unstarted("could not start the thread of the audit trees", &error))?;
        if let Some(leaving) = self.trees.leaving() {
            leaving.start(&self.trees, self.notices.outbox().clone(), exporters.handle());
        }
        Ok(())
    }

    fn start_traces(&self) -> Result<(), Failure> {
        let Some(traces) = &self.traces else { return Ok(()) };
        let started = traces.start(self.settings.sinks.dialer()?, &self.trees.fingerprint());
        started.map_err(|error| unstarted("could not start threads", &error))
    }

    async fn listen(&self) -> Result<Listeners, Failure> {
        let counts = Arc::new(HttpCounts::default());
        let shared = self.shared(&counts);
        let config = self.settings.mqtt.clone();
        let readings = Arc::new(Readings(self.ingest.clone()));
        let journal = Some(self.folder.queues().clone());
        let ports = Ports { intake: readings.clone(), authenticate: self.identity.clone(), journal };
        let bound = Broker::bind(config, ports).await;
        let broker = bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        let witness = self.trees.witness(&self.settings.audit.logs).map(audit::witness_routes);
        let ledger = self.ledger()?;
        let books =
            ledger.clone().map(|ledger| books::routes(ledger, self.settings.ledger.shared.orders_max));
        let routes = inputs::routes(self.ingest.clone(), self.settings.inputs.clone());
        let routes = routes.and(witness.unwrap_or_default()).and(books.unwrap_or_default());
        let bound = Http::bind("http", &self.settings.http, routes, &shared, self.tls.clone()).await;
        let http = Arc::new(bound.map_err(|error| unlistening(&error))?);
        let mqtts = match self.tls.clone() {
            Some(tls) => Some(Arc::new(Mqtts::bind(self.settings.mqtts, tls, broker.handle()).await?)),
            None => None,
        };
        let grpc = self.bind_grpc(readings).await?;
        let links = self.links()?;
        let mqtt = Arc::new(Mqtt::new(&broker));
        let (board, storage) = (self.board(), Arc::new(Storage::of(self.folder)));
        let intake: [Arc<dyn Capability>; 4] =
            [mqtt.clone(), http.clone(), Arc::new(grpc.handle()), links.clone()];
        let capabilities = self.wired(mqtts.clone(), intake, ledger, storage.clone(), board.clone());
        let view = View {
            capabilities: capabilities.clone(),
            ingest: self.ingest.clone(),
            identity: self.identity.clone(),
            counts,
            vitals: self.vitals,
            reloader: self.reloader.clone(),
            notices: self.notices.clone(),
            storage,
            mqtt: mqtt.clone(),
        };
        let management = self.manage(view, board.as_deref(), &shared).await?;
        Ok(Listeners { broker, mqtt, mqtts, http, grpc, links, management, board, capabilities })
    }

    /// The books, where any is named.
    fn ledger(&self) -> Result<Option<Arc<Ledger>>, Failure> {
        if self.settings.ledger.books.is_empty() {
            return Ok(None);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let opened = Ledger::open(self.folder.books(), &clock, &self.settings.ledger);
        let ledger = opened.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        Ok(Some(Arc::new(ledger)))
    }

    /// The page of latest numbers, where topics are chosen for it.
    fn board(&self) -> Option<Arc<Board>> {
        let config = self.settings.sinks.page()?;
        Some(Arc::new(Board::new(config, self.ingest.clone(), self.folder.queues().clone())))
    }

    /// What every HTTP listener is given.
    fn shared(&self, counts: &Arc<HttpCounts>) -> http::Shared {
        http::Shared {
            authenticate: self.identity.clone(),
            counts: counts.clone(),
            stays: Arc::default(),
            witness: Some(Arc::new(self.audit.clone())),
        }
    }

    /// What neighbours are told, where there are any.
    fn greeting(&self, listeners: &Listeners) -> Option<Greeting> {
        let port = listeners.management.over_tls.as_ref()?.address().port();
        self.lan.as_ref().map(|lan| lan.greeting(port))
    }

    /// Brokers elsewhere. Whether they can be reached is no reason not to start.
    fn links(&self) -> Result<Arc<Links>, Failure> {
        let link = |config: &tidegate_connector_mqtt::Config| {
            Link::new(config.clone(), self.ingest.clone()).map(Arc::new)
        };
        let links = self.settings.external.iter().map(link).collect::<Result<_, _>>();
        links.map(Links).map(Arc::new).map_err(|error| Failure::new(error.code(), &error, error.hint()))
    }

    async fn bind_grpc(&self, readings: Arc<Readings>) -> Result<Grpc, Failure> {
        let (config, journal) = (self.settings.grpc.clone(), self.folder.queues().clone());
        let handshake = self.tls.clone().map(|tls| -> Arc<dyn Handshake> { tls });
        let bound = Grpc::bind(config, readings, self.identity.clone(), journal, handshake).await;
        bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))
    }

    /// In the order of draining: what accepts for the broker goes before it.
    fn wired(
        &self,
        mqtts: Option<Arc<Mqtts>>,
        intake: [Arc<dyn Capability>; 4],
        ledger: Option<Arc<Ledger>>,
        storage: Arc<Storage>,
        board: Option<Arc<Board>>,
    ) -> Wired {
        let rest: [Arc<dyn Capability>; 5] =
            [self.ingest.clone(), self.notices.clone(), self.trees.clone(), storage, self.probe.clone()];
        let mqtts = mqtts.map(|mqtts| -> Arc<dyn Capability> { mqtts });
        let keeper = self.past.as_ref().map(|past| -> Arc<dyn Capability> { past.keeper.clone() });
        let board = board.map(|board| -> Arc<dyn Capability> { board });
        let traces = self.traces.clone().map(|traces| -> Arc<dyn Capability> { traces });
        let ledger = ledger.map(|ledger| -> Arc<dyn Capability> { ledger });
        let before = mqtts.into_iter().chain(intake).chain(ledger).chain(rest);
        before.chain(keeper).chain(board).chain(traces).collect()
    }

    /// Sets everything running: devices, pipeline, management. Management serves to the end of the process.
    fn spawn(&self, listeners: Listeners) -> Wired {
        let Listeners { broker, mqtt, mqtts, http, grpc, links, management, capabilities, .. } = listeners;
        let ingest = self.ingest.clone();
        tokio::spawn(listed("ingest", "register", async move { ingest.keep_register().await }));
        let notices = self.notices.clone();
        tokio::spawn(listed("notice", "retired", async move { notices.keep_retired().await }));
        if let Some(Past { keeper, .. }) = self.past.clone() {
            tokio::spawn(listed("history", "snapshots", async move { keeper.keep().await }));
        }
        tokio::spawn(listed("broker", "listener", async move { mqtt.serve(broker).await }));
        if let Some(mqtts) = mqtts {
            tokio::spawn(listed("mqtts", "listener", async move { mqtts.serve().await }));
        }
        tokio::spawn(listed("http", "listener", async move { http.serve().await }));
        tokio::spawn(listed("grpc", "listener", grpc.run()));
        for link in &links.0 {
            let link = link.clone();
            let name = format!("link {}", link.name());
            tokio::spawn(listed("external", name, async move { link.run().await }));
        }
        management.spawn();
        capabilities
    }

    async fn until_stopped(&self, mut stops: Stops, capabilities: &Wired) -> ExitCode {
        stops.next().await;
        tokio::spawn(stops.end_at_next());
        let timeout = *self.drain_timeout.get();
        tracing::info!(timeout_s = timeout.as_secs(), "told to stop: draining");
        let began = Instant::now();
        let each: Vec<&dyn Capability> = capabilities.iter().map(|capability| &**capability).collect();
        let report = drain_all(&each, began + timeout).await;
        self.log.format.say(&banner::farewell(&report, began.elapsed()));
        if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(LEFT_BEHIND) }
    }
}
