//! `tidegate up`: opens the data folder, wires the broker to the pipeline and the pipeline to its sink, runs, drains.
//!
//! The data plane has a runtime of its own; sinks, which read the disk and may block, have another one, and devices that are asked a
//! third: a thread that nobody else keeps from asking in time.

mod listening;
mod management;
mod opening;
mod running;

use crate::audit::{Audit, Trees};
use crate::banner::{self, Banner};
use crate::cli::Up;
use crate::commands::Commands;
use crate::config::Origins;
use crate::failure::Failure;
use crate::history::{self, Past};
use crate::http::{Http, HttpError};
use crate::identity::{Identity, IdentityError};
use crate::lan::{Greeting, Lan};
use crate::logs::{self, Log};
use crate::opcua;
use crate::open_files;
use crate::parent::Parent;
use crate::plant;
use crate::reload::Reloader;
use crate::rules;
use crate::settings::Settings;
use crate::signals::{Hangups, Stops};
use crate::supervisor::Supervisor;
use crate::tls::Tls;
use crate::traces::Traces;
use crate::trust;
use crate::vitals::Vitals;
use crate::writing::{Desk, WriteTopics};
use listening::{Listeners, Wired};
use opening::{open_folder, open_parts, past};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_connector_file::FileSink;
use tidegate_driver_opcua::Trust;
use tidegate_kernel_journal::DataFolder;
use tidegate_kernel_plug::config::Values;
use tidegate_kernel_plug::{Capability, Live, drain_all, listed};
use tidegate_service_ingest::{Ingest, OpenError, SinkConfig};
use tidegate_service_ledger::Ledger;
use tidegate_service_notice::Notices;
use tidegate_service_probe::Probe;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::{Instrument, Span};

/// The status of a drain that left something behind.
const LEFT_BEHIND: u8 = 3;
/// Threads for sinks: one of them may block on a file while another one moves on.
const EXPORTER_THREADS: usize = 2;
/// Threads for devices. With more of them an answer wakes another one that looks for work and finds none.
const DEVICE_THREADS: usize = 1;
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
    let runtimes = Runtimes::start()?;
    let parent = hear_parent(options, &runtimes.data_plane)?;
    let folder = startup.in_scope(|| open_folder(&settings))?;
    let opened = startup.in_scope(|| open_parts(&settings, &folder));
    let outcome = opened.and_then(|(ingest, trees)| {
        let drain_timeout = Arc::new(Live::new(settings.drain_timeout));
        let pipeline = pipeline(&settings, &ingest, &folder, &runtimes.exporters)?;
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
            supervisor: Arc::default(),
            devices: runtimes.devices.handle().clone(),
        };
        runtimes.data_plane.block_on(site.run(&runtimes.exporters, startup))
    });
    folder.close();
    runtimes.shut_down();
    outcome
}

/// The threads of a node that run tasks.
struct Runtimes {
    data_plane: Runtime,
    exporters: Runtime,
    devices: Runtime,
}

impl Runtimes {
    fn start() -> Result<Runtimes, Failure> {
        Ok(Runtimes {
            data_plane: runtime("data-plane", None)?,
            exporters: runtime("exporter", Some(EXPORTER_THREADS))?,
            devices: runtime("devices", Some(DEVICE_THREADS))?,
        })
    }

    fn shut_down(self) {
        [self.devices, self.exporters, self.data_plane]
            .into_iter()
            .for_each(|runtime| runtime.shutdown_timeout(SHUTDOWN_WAIT));
    }
}

fn pipeline(
    settings: &Settings,
    ingest: &Arc<Ingest>,
    folder: &DataFolder,
    exporters: &Runtime,
) -> Result<rules::Pipeline, Failure> {
    let trust = Arc::new(Trust::at(settings.data.join(trust::FOLDER)));
    let plant = Arc::new(plant::of(settings, ingest, trust.clone())?);
    let audit = Audit::new(folder.books().clone());
    let desk = Arc::new(Desk::new(ingest.clone(), plant.clone(), audit));
    let (ingest, exporters) = (ingest.clone(), exporters.handle().clone());
    let topics = WriteTopics::below(settings.plant.write_topic.clone());
    let commands = Arc::new(Commands::new(desk.clone(), topics));
    Ok(rules::Pipeline { ingest, plant, desk, trust, commands, exporters })
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

pub(crate) fn runtime(name: &str, threads: Option<usize>) -> Result<Runtime, Failure> {
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
    supervisor: Arc<Supervisor>,
    /// Where devices are asked.
    devices: Handle,
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

    fn start_file(&self, exporters: &Handle) -> Result<(), OpenError> {
        let Some(file) = self.settings.file.clone() else { return Ok(()) };
        let delivery =
            SinkConfig { batch_age_ms: FILE_BATCH_AGE_MS, ..SinkConfig::of(&self.settings.ingest) };
        self.ingest.start_sink_with("file", delivery, exporters, move || FileSink::new(&file))
    }

    /// Listens, starts the sinks, sets everything running and says so.
    async fn start(&self, exporters: &Runtime) -> Result<(Stops, Wired), Failure> {
        let stops = Stops::listen().map_err(|error| unstarted("could not listen for signals", &error))?;
        let hangups = Hangups::listen().map_err(|error| unstarted("could not listen for signals", &error))?;
        let listeners = self.listen().instrument(tracing::info_span!("listen")).await?;
        if let Some(door) = &listeners.door {
            self.pipeline.commands.join(door.broker.handle());
        }
        match self.settings.only.ingest {
            true => self.start_pipeline(&listeners, exporters.handle())?,
            false => self.pipeline.guard(&self.settings.rules),
        }
        if self.settings.only.notice {
            self.start_notices(exporters.handle())?;
        }
        self.start_traces()?;
        self.start_trees(listeners.ledger.as_ref(), exporters)?;
        self.watch(&listeners.management, exporters)?;
        let lan = self.greeting(&listeners);
        let code = lan.as_ref().filter(|_| io::stdout().is_terminal()).and_then(Greeting::code);
        let door = listeners.door.as_ref();
        let (mqtt, admin) = (door.map(|door| door.broker.local_addr()), listeners.management.plain.address());
        let banner = Banner {
            mqtt,
            mqtts: door.and_then(|door| Some(door.mqtts.as_ref()?.address())),
            http: listeners.http.as_ref().map(|http| (http.scheme(), http.address())),
            pipeline: listeners.ways.as_ref().map(|ways| banner::Pipeline {
                grpc: ways.grpc.local_addr(),
                over_tls: self.tls.is_some(),
                opcua: listeners.opcua.as_ref().map(|server| server.local_addr()),
                file: self.settings.file.as_deref(),
            }),
            admin,
            admin_tls: listeners.management.over_tls.as_ref().map(Http::address),
            lan: lan.clone(),
            code,
            data: self.folder.path(),
            config: self.reloader.standing().file,
        };
        let text = banner.to_string();
        if let Some(server) = &listeners.opcua {
            self.run_opcua(server, exporters.handle());
        }
        let capabilities = self.set_running(listeners);
        let hangups = hangups.each(self.reloader.clone(), self.audit.clone());
        tokio::spawn(listed("node", "reloads", hangups));
        if !self.parent.tell(mqtt, admin, lan).await {
            self.log.format.say(&text);
        }
        Ok((stops, capabilities))
    }

    /// What readings go through: the sinks, the rules, the page, the history.
    fn start_pipeline(&self, listeners: &Listeners, exporters: &Handle) -> Result<(), Failure> {
        let started = self.start_file(exporters).and_then(|()| self.pipeline.start(&self.settings.rules));
        started.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        self.settings.sinks.start(&self.ingest, exporters)?;
        if let Some(board) = &listeners.board {
            board.start(exporters)?;
        }
        let (past, delivery) = (self.past.as_ref(), SinkConfig::of(&self.settings.ingest));
        if let Some(server) = &listeners.opcua {
            opcua::start(server, past, &self.ingest, delivery, exporters)?;
        }
        match past {
            Some(past) => history::feed(&past.history, &self.ingest, delivery, exporters),
            None => Ok(()),
        }
    }

    fn start_trees(&self, ledger: Option<&Arc<Ledger>>, exporters: &Runtime) -> Result<(), Failure> {
        let started = self.trees.start(ledger);
        started.map_err(|error| unstarted("could not start the threads of the audit trees", &error))?;
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

    fn start_notices(&self, exporters: &Handle) -> Result<(), Failure> {
        self.settings.notices.start(&self.notices, &self.settings.sinks.dialer()?, exporters)?;
        if self.settings.notices.has_channels() {
            self.follow_alarms(exporters);
        }
        Ok(())
    }

    /// What neighbours are told, where there are any.
    fn greeting(&self, listeners: &Listeners) -> Option<Greeting> {
        let port = listeners.management.over_tls.as_ref()?.address().port();
        self.lan.as_ref().map(|lan| lan.greeting(port))
    }

    async fn until_stopped(&self, mut stops: Stops, capabilities: &Wired) -> ExitCode {
        stops.next().await;
        tokio::spawn(stops.end_at_next());
        let timeout = *self.drain_timeout.get();
        tracing::info!(timeout_s = timeout.as_secs(), "told to stop: draining");
        let began = Instant::now();
        let each: Vec<&dyn Capability> = capabilities.iter().map(|capability| &**capability).collect();
        if !self.settings.only.ingest {
            // Opened like everything on the data folder, and idle: says to the next start that this was no crash.
            self.ingest.drain(began).await;
        }
        let report = drain_all(&each, began + timeout).await;
        self.log.format.say(&banner::farewell(&report, began.elapsed()));
        if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(LEFT_BEHIND) }
    }
}
