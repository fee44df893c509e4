//! The demonstration while it runs: starts the children in order, starts the node again when it ends, and ends them in order.

use crate::banner::say;
use crate::cli::{Protocol, Up};
use crate::demo::banner::Banner;
use crate::demo::cable;
use crate::demo::centre::Centre;
use crate::demo::child::{Child, Launch};
use crate::demo::clerk::{self, News};
use crate::demo::desk::Desk;
use crate::demo::folder::Folder;
use crate::demo::layout::{self, Sinks};
use crate::demo::link::Listening;
use crate::demo::ports::Ports;
use crate::demo::unstarted;
use crate::failure::Failure;
use crate::signals::Stops;
use crate::sim;
use crate::sim::floor::{Floor, Manner, machines};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// So many PLCs, the protocols in turn, and what decides what they do.
const PLCS: usize = 6;
const SEED: u64 = 1;
/// How long the node may drain at the end, and how long any child may take to end.
const DRAIN_S: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(10);
/// Starts in a row that end before the node serves; then something is wrong with it.
const FAILED_STARTS_MAX: u32 = 5;

/// Everything that is set before the play begins.
pub(super) struct Stage {
    desk: Arc<Desk>,
    folder: Folder,
    moved: Vec<(u16, u16)>,
    centre: Centre,
    edge: Launch,
    plant: Launch,
    /// Served by the parent itself, as long as there is a stage.
    floor: Floor,
}

/// The node that is shown, as it runs.
struct Edge {
    child: Child,
    news: mpsc::Receiver<News>,
    began: Instant,
    serves: bool,
}

/// The plant and whoever listens to what it counts.
struct Plant {
    child: Child,
    counting: JoinHandle<()>,
}

impl Stage {
    pub(super) async fn set(options: &Up, folder: Folder) -> Result<Stage, Failure> {
        let (desk, mut ports) = (Arc::new(Desk::new()), Ports::default());
        let listeners = Listeners::choose(options, &mut ports)?;
        let launch = |name, file: &str, arguments| Launch { name, arguments, log: folder.logs().join(file) };
        layout::write_centre(&folder.centre())?;
        let centre = Centre::start(launch("the centre", "centre.log", centre(&folder))).await?;
        let webhook = desk.receiver.listen().await?;
        let lay = |target| cable::lay(target, desk.cable.subscribe());
        let webhook = lay(webhook).await.map_err(|error| unstarted(&error))?;
        let mqtt = lay(centre.mqtt).await.map_err(|error| unstarted(&error))?;
        let floor = plcs().await.map_err(|error| unstarted(&error))?;
        layout::write_edge(&folder.edge(), Sinks { webhook, mqtt }, &floor.plcs)?;
        Ok(Stage {
            edge: launch("the node", "edge.log", listeners.arguments(options, &folder)),
            plant: launch("the plant", "plant.log", plant(listeners.mqtt)),
            floor,
            desk,
            moved: ports.moved,
            centre,
            folder,
        })
    }

    /// Runs until it is told to stop, or until something ends that should not.
    pub(super) async fn play(mut self, mut stops: Stops) -> Result<ExitCode, Failure> {
        let mut edge = self.start_edge()?;
        let mut plant = None;
        let mut failed_starts = 0;
        loop {
            tokio::select! {
                () = stops.next() => break,
                status = self.centre.child.wait() => return Err(self.centre.launch.ended(status)),
                status = plant_ended(&mut plant) => return Err(self.plant.ended(status)),
                status = edge.child.wait() => {
                    failed_starts = if edge.serves { 0 } else { failed_starts + 1 };
                    if plant.is_none() || failed_starts == FAILED_STARTS_MAX {
                        return Err(self.edge.ended(status));
                    }
                    self.desk.note_restart();
                    edge = self.start_edge()?;
                }
                Some(news) = edge.news.recv() => match news {
                    News::Kill => edge.child.kill(),
                    News::Listening(listening) => {
                        edge.serves = true;
                        match plant {
                            None => plant = Some(self.begin(*listening)?),
                            Some(_) => self.tell_return(edge.began.elapsed()),
                        }
                    }
                },
            }
        }
        tokio::spawn(stops.end_at_next());
        Ok(self.end(plant, edge).await)
    }

    fn start_edge(&self) -> Result<Edge, Failure> {
        let (line, news) = clerk::line(self.desk.clone()).map_err(|error| unstarted(&error))?;
        let began = Instant::now();
        Ok(Edge { child: self.edge.start_on(line)?, news, began, serves: false })
    }

    /// The node serves for the first time: the plant starts, and people are told.
    fn begin(&self, listening: Listening) -> Result<Plant, Failure> {
        let (child, words) = self.plant.start_heard()?;
        let counting = tokio::spawn(count(words, self.desk.clone()));
        let banner = Banner {
            listening,
            plcs: self.floor.plcs.len(),
            centre: self.centre.admin,
            folder: &self.folder,
            moved: &self.moved,
        };
        banner.say();
        Ok(Plant { child, counting })
    }

    fn tell_return(&self, after: Duration) {
        let times = self.desk.status().restarts;
        say(&format!("the node is back after {:.2} s (restart {times})\n", after.as_secs_f64()));
    }

    /// The plant first, so that nothing new comes; then the node, which delivers what it can; the centre last, which takes it.
    async fn end(self, plant: Option<Plant>, edge: Edge) -> ExitCode {
        if let Some(Plant { child, counting }) = plant {
            child.end(PATIENCE).await;
            let _ = counting.await;
        }
        let status = edge.child.end(PATIENCE).await;
        say(&self.edge.farewell());
        self.centre.child.end(PATIENCE).await;
        let counts = self.desk.status();
        say(&format!(
            "the plant measured {} readings, of which {} were acknowledged; behind the cable {} arrived, {} of them twice\n",
            counts.plant.produced, counts.plant.acked, counts.webhook.readings, counts.webhook.again,
        ));
        status.and_then(|status| u8::try_from(status).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

/// On ports that the system gives, as the centre.
async fn plcs() -> std::io::Result<Floor> {
    let plcs = machines(&Protocol::ALL, std::iter::repeat_n(Manner::Answers, PLCS), SEED);
    Floor::open(plcs, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
}

/// Never, as long as there is no plant.
async fn plant_ended(plant: &mut Option<Plant>) -> std::io::Result<std::process::ExitStatus> {
    match plant {
        Some(plant) => plant.child.wait().await,
        None => std::future::pending().await,
    }
}

async fn count(words: ChildStdout, desk: Arc<Desk>) {
    let mut lines = BufReader::new(words).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(counts) = serde_json::from_str::<sim::Counts>(&line) {
            desk.note_plant(counts);
        }
    }
}

/// Where the node listens, the same after every restart.
struct Listeners {
    mqtt: SocketAddr,
    each: Vec<(&'static str, SocketAddr)>,
}

impl Listeners {
    fn choose(options: &Up, ports: &mut Ports) -> Result<Listeners, Failure> {
        let local = Ipv4Addr::LOCALHOST;
        // What speaks TLS then.
        let wide = if options.lan { Ipv4Addr::UNSPECIFIED } else { local };
        let mut choose =
            |given: Option<SocketAddr>, ip, usual| given.map_or_else(|| ports.choose(ip, usual), Ok);
        let mqtt = choose(options.mqtt, local, 1883)?;
        let mut each = vec![
            ("--mqtt", mqtt),
            ("--admin", choose(options.admin, local, 7300)?),
            ("--grpc", choose(options.grpc, wide, 7310)?),
            ("--http", choose(options.http, wide, 7301)?),
        ];
        if options.lan {
            each.push(("--admin-tls", choose(options.admin_tls, wide, 7343)?));
            each.push(("--mqtts", choose(options.mqtts, wide, 8883)?));
        }
        Ok(Listeners { mqtt, each })
    }

    fn arguments(&self, options: &Up, folder: &Folder) -> Vec<String> {
        let drain_s = options.drain_timeout.unwrap_or(DRAIN_S);
        let mut arguments = node(&folder.edge());
        arguments.extend(["--demo-line".to_owned(), "--drain-timeout".to_owned(), drain_s.to_string()]);
        arguments.extend(options.lan.then(|| "--lan".to_owned()));
        arguments.extend(
            self.each.iter().flat_map(|(option, address)| [(*option).to_owned(), address.to_string()]),
        );
        arguments
    }
}

fn node(data: &std::path::Path) -> Vec<String> {
    vec!["up".to_owned(), "--data".to_owned(), data.display().to_string()]
}

/// On ports that the system gives: it is not started again, and others are told of them.
fn centre(folder: &Folder) -> Vec<String> {
    let listeners = ["--mqtt", "--admin", "--http", "--grpc"].map(|option| [option, "127.0.0.1:0"]);
    let rest = listeners.as_flattened().iter().chain(&["--end-with-stdin"]).map(|text| (*text).to_owned());
    node(&folder.centre()).into_iter().chain(rest).collect()
}

fn plant(broker: SocketAddr) -> Vec<String> {
    ["sim", "plant", "--broker", &broker.to_string(), "--end-with-stdin"].map(str::to_owned).to_vec()
}
