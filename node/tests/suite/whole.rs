//! All of it at once: five kinds of publishers put readings in, and they come out of InfluxDB, Prometheus and a file, while both
//! servers stop and start again, the configuration is taken up anew, and the node is killed. Nothing that was acknowledged is
//! missing, and every account closes.

mod books;
mod publishers;
mod sinks;

use crate::counterpart::counterpart;
use crate::process::{Node, Ports, command_with, run};
use crate::servers::{Influxd, Prometheus};
use publishers::{Curl, Devices, Grpc, Mosquitto, Paho};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The programs of others that this needs.
struct Programs {
    mosquitto_pub: PathBuf,
    paho: PathBuf,
    grpc: PathBuf,
    curl: PathBuf,
    influxd: PathBuf,
    prometheus: PathBuf,
}

impl Programs {
    /// Nothing where one of them is missing; then the test has announced that.
    fn find(test: &str) -> Option<Programs> {
        let test = format!("whole::{test}");
        let find = |variable, name| counterpart(variable, &test, name);
        Some(Programs {
            mosquitto_pub: find("TIDEGATE_TEST_MOSQUITTO_PUB", "mosquitto_pub")?,
            paho: find("TIDEGATE_TEST_PAHO_PYTHON", "a Python with paho-mqtt")?,
            grpc: find("TIDEGATE_TEST_GRPC_PYTHON", "a Python with grpcio and grpcio-tools")?,
            curl: find("TIDEGATE_TEST_CURL", "curl")?,
            influxd: find("TIDEGATE_TEST_INFLUXD", "influxd")?,
            prometheus: find("TIDEGATE_TEST_PROMETHEUS", "prometheus")?,
        })
    }
}

/// The node between its publishers and its sinks.
struct Site {
    node: Node,
    ports: Ports,
    dir: TempDir,
    influxd: Influxd,
    prometheus: Prometheus,
}

/// Topics of devices with a model; the rest are numbers as they are.
const MODEL: &str = "[ingest.templates.sensor.tags.n]\ntype = \"integer\"\n";

impl Site {
    fn start(programs: &Programs) -> Site {
        let (dir, ports) = (TempDir::new().unwrap(), Ports::to_keep());
        let influxd = Influxd::start(&programs.influxd, &programs.curl, &dir.path().join("influx"));
        let page = ports.admin;
        let prometheus =
            Prometheus::start(&programs.prometheus, &programs.curl, &dir.path().join("prometheus"), page);
        let (influx_port, prometheus_port) = (influxd.server.port, prometheus.server.port);
        let lines: String = (0..20)
            .map(|line| {
                format!("[ingest.devices.line-{line}]\ntopic = \"f/{line}/+/t\"\ntemplate = \"sensor\"\n")
            })
            .collect();
        let text = format!(
            "[ingest]\ncritical = [\"f/0/#\"]\nbreaker_open = \"200 ms\"\nretry_cap = \"500 ms\"\n\
             [ingest.influx.plant]\nurl = \"http://127.0.0.1:{influx_port}\"\ndatabase = \"plant\"\nmeasurement = \"readings\"\n\
             [ingest.influx.plant.delivery]\nbacklog_rows_min = 500\n\
             [ingest.remote_write.cloud]\nurl = \"http://127.0.0.1:{prometheus_port}/api/v1/write\"\nlabel = \"site\"\nvalue = \"hall\"\n\
             [ingest.page]\ntopics = [\"curl/#\", \"paho/#\"]\n{MODEL}{lines}"
        );
        fs::write(dir.path().join("site.toml"), text).unwrap();
        let node = Site::run(&dir, ports);
        Site { node, ports, dir, influxd, prometheus }
    }

    fn run(dir: &TempDir, ports: Ports) -> Node {
        let data = dir.path().join("data");
        let mut command = command_with(&data, ports);
        command.arg("--config").arg(dir.path().join("site.toml"));
        Node::start_with(command, &data)
    }

    /// How many readings the journal has.
    fn accepted(&self) -> u64 {
        self.node.accounts()["admission"]["accepted"].as_u64().unwrap()
    }

    /// Until so many more readings have come in.
    fn goes_on(&self, many: u64) {
        let goal = self.accepted() + many;
        self.node.accounts_when(|accounts| accounts["admission"]["accepted"].as_u64().unwrap() >= goal);
    }

    fn breaker_is(&self, sink: &str, state: &str) {
        self.node.accounts_when(|accounts| {
            let states = accounts["sink_states"].as_array().unwrap();
            states.iter().any(|report| report["sink"] == sink && report["breaker"] == state)
        });
    }

    /// A sink's server stops, readings come in meanwhile, and it starts again.
    fn outage_of_influxd(&mut self) {
        self.influxd.server.stop();
        self.breaker_is("plant", "open");
        self.goes_on(1000);
        self.influxd.server.start();
        self.breaker_is("plant", "closed");
    }

    fn outage_of_prometheus(&mut self) {
        self.prometheus.server.stop();
        self.breaker_is("cloud", "open");
        self.goes_on(1000);
        self.prometheus.server.start();
        self.breaker_is("cloud", "closed");
    }

    /// A sound change is taken up; one with a fault changes nothing, also of what is sound in it.
    fn reloads(&self) {
        let (file, admin) = (self.dir.path().join("site.toml"), self.node.admin().to_string());
        let reload = || run(&["config", "reload", "--admin", &admin]);
        let sound = fs::read_to_string(&file).unwrap().replace("[\"f/0/#\"]", "[\"f/0/#\", \"f/1/#\"]");
        fs::write(&file, &sound).unwrap();
        let applied = reload();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let ill = sound.replace("[\"f/0/#\", \"f/1/#\"]", "[\"f/#\"]").replace("200 ms", "200");
        fs::write(&file, ill).unwrap();
        assert_eq!(reload().status.code(), Some(1));
        fs::write(&file, sound).unwrap();
        let standing = self.node.admin_get("/readyz").json()["config"].clone();
        assert_eq!(
            (&standing["generation"], &standing["last_reload"]["outcome"]),
            (&2.into(), &"refused".into())
        );
    }

    /// SIGKILL in the middle of everything.
    fn dies_and_comes_back(self) -> Site {
        let Site { node, ports, dir, influxd, prometheus } = self;
        node.kill();
        let node = Site::run(&dir, ports);
        Site { node, ports, dir, influxd, prometheus }
    }

    /// The accounts once no sink has anything left.
    fn drained(&self) -> Value {
        self.node.accounts_when(|accounts| {
            let sinks = accounts["sinks"].as_array().unwrap();
            sinks.iter().all(|sink| sink["lag"] == 0 && sink["in_flight"] == 0)
        })
    }
}

#[test]
fn what_five_kinds_of_publishers_were_told_is_safe_comes_out_of_every_sink_whatever_happens_meanwhile() {
    let test =
        "what_five_kinds_of_publishers_were_told_is_safe_comes_out_of_every_sink_whatever_happens_meanwhile";
    let Some(programs) = Programs::find(test) else { return };
    let mut site = Site::start(&programs);
    let devices = Devices::start(site.ports.mqtt, site.dir.path());
    let mosquitto = Mosquitto::start(&programs.mosquitto_pub, site.ports.mqtt);
    let curl = Curl::start(&programs.curl, site.ports.http);
    let mut paho = Paho::start(&programs.paho, site.ports.mqtt);
    paho.publish();
    site.goes_on(1000);
    site.outage_of_influxd();
    site.reloads();
    let mut grpc = Grpc::start(&programs.grpc, site.ports.grpc);
    grpc.is_on_its_way();
    paho.publish();
    let mut site = site.dies_and_comes_back();
    site.goes_on(1000);
    site.outage_of_prometheus();
    paho.publish();
    let told = [devices.ends(), mosquitto.ends(), curl.ends(), paho.ends(), grpc.ends()];
    let accounts = site.drained();
    books::close(&accounts, &told, &site.node.rows());
    let records = books::records(&site.node.rows());
    sinks::influxd_has(&site.influxd, &records, &accounts);
    sinks::prometheus_has(&site.prometheus, &records, &accounts);
    sinks::prometheus_scraped(&site.prometheus, &records);
    assert_eq!(site.node.terminate().status, Some(0));
}
