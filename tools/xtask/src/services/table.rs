//! The counterparts as data: a new one is a row here and nothing else. A row exists only while a test uses it.

/// Where a counterpart comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Debian packages: installed as root, unpacked under the depot otherwise.
    Apt,
    /// Into the depot's virtual environment; `packages` are requirements (`name==version`).
    Pypi,
    /// Into the depot's npm prefix; `packages` are `name@version`.
    Npm,
    /// Into the depot's prefix of `cargo install`; `packages` are `name@version`.
    Cargo,
    /// Java archives into a folder of the depot, with all they need; `packages` are `group:artifact:version`.
    Maven,
}

#[derive(Debug)]
pub struct Counterpart {
    pub name: &'static str,
    pub source: Source,
    pub packages: &'static [&'static str],
    /// Takes more than a minute or 100 MB to install: only with `--heavy`, and used from then on.
    pub heavy: bool,
    pub role: Role,
}

#[derive(Debug)]
pub enum Role {
    /// Programs for tests to run.
    Tool { programs: &'static [Program] },
    /// A server; its address is exported as `env`.
    Daemon { spec: Spec, env: &'static str },
}

#[derive(Debug)]
pub struct Program {
    pub name: &'static str,
    /// The variable that tells tests where the program is.
    pub env: &'static str,
}

/// How a daemon runs in the foreground. `{port}` and `{data}` are filled in, in arguments and files alike.
#[derive(Debug)]
pub struct Spec {
    pub program: &'static str,
    pub args: &'static [&'static str],
    /// Files written below `{data}` before the start.
    pub files: &'static [(&'static str, &'static str)],
    pub probe: Probe,
    /// A distribution's unit that its package would start by itself; stopped and disabled when we install it.
    pub unit: Option<&'static str>,
}

/// What shows that a daemon serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Its port accepts a connection.
    Connect,
}

/// Queues are deeper than mosquitto's default of 1000, so that a broker used as a counterpart never drops.
const MOSQUITTO_CONF: &str = "\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 100000
";

pub const COUNTERPARTS: &[Counterpart] = &[
    Counterpart {
        name: "mosquitto-clients",
        source: Source::Apt,
        packages: &["mosquitto-clients"],
        heavy: false,
        role: Role::Tool {
            programs: &[
                Program { name: "mosquitto_pub", env: "TIDEGATE_TEST_MOSQUITTO_PUB" },
                Program { name: "mosquitto_sub", env: "TIDEGATE_TEST_MOSQUITTO_SUB" },
            ],
        },
    },
    Counterpart {
        name: "mosquitto",
        source: Source::Apt,
        packages: &["mosquitto"],
        heavy: false,
        role: Role::Daemon {
            spec: Spec {
                program: "mosquitto",
                args: &["-c", "{data}/mosquitto.conf"],
                files: &[("mosquitto.conf", MOSQUITTO_CONF)],
                probe: Probe::Connect,
                unit: Some("mosquitto"),
            },
            env: "TIDEGATE_TEST_MOSQUITTO_ADDR",
        },
    },
    // Tests start these two themselves: an outage is one of the things they are for.
    Counterpart {
        name: "influxdb",
        source: Source::Apt,
        packages: &["influxdb"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "influxd", env: "TIDEGATE_TEST_INFLUXD" }] },
    },
    Counterpart {
        name: "prometheus",
        source: Source::Apt,
        packages: &["prometheus"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "prometheus", env: "TIDEGATE_TEST_PROMETHEUS" }] },
    },
    Counterpart {
        name: "curl",
        source: Source::Apt,
        packages: &["curl"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "curl", env: "TIDEGATE_TEST_CURL" }] },
    },
    Counterpart {
        name: "paho-mqtt",
        source: Source::Pypi,
        packages: &["paho-mqtt==2.2.0"],
        heavy: false,
        // The interpreter that can `import paho.mqtt.client`.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_PAHO_PYTHON" }] },
    },
    Counterpart {
        name: "pymodbus",
        source: Source::Pypi,
        packages: &["pymodbus==3.16.1", "pyserial==3.5"],
        heavy: false,
        // The interpreter that can `import pymodbus`, over TCP and serial lines; tests start and kill the devices by themselves.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_PYMODBUS_PYTHON" }] },
    },
    // Servers and clients of OPC UA that are not ours.
    Counterpart {
        name: "asyncua",
        source: Source::Pypi,
        packages: &["asyncua==2.1.0"],
        heavy: false,
        // The interpreter that can `import asyncua`; tests start, silence and kill the servers by themselves.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_ASYNCUA_PYTHON" }] },
    },
    Counterpart {
        name: "mbpoll",
        source: Source::Apt,
        packages: &["mbpoll"],
        heavy: false,
        // A client of Modbus that reads what ours wrote.
        role: Role::Tool { programs: &[Program { name: "mbpoll", env: "TIDEGATE_TEST_MBPOLL" }] },
    },
    Counterpart {
        name: "mosquitto-server",
        source: Source::Apt,
        packages: &["mosquitto"],
        heavy: false,
        // A broker that a test starts, stops and starts again by itself.
        role: Role::Tool { programs: &[Program { name: "mosquitto", env: "TIDEGATE_TEST_MOSQUITTO" }] },
    },
    // Not heavy by the clock; it is the only way to know what the console looks like to those who use it.
    Counterpart {
        name: "chromium",
        source: Source::Apt,
        packages: &["chromium", "chromium-driver"],
        heavy: false,
        role: Role::Tool {
            programs: &[
                Program { name: "chromium", env: "TIDEGATE_TEST_CHROMIUM" },
                Program { name: "chromedriver", env: "TIDEGATE_TEST_CHROMEDRIVER" },
            ],
        },
    },
    Counterpart {
        name: "grpcio",
        source: Source::Pypi,
        packages: &["grpcio==1.85.1", "grpcio-tools==1.85.1"],
        heavy: false,
        // The interpreter that can `import grpc` and `import grpc_tools`.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_GRPC_PYTHON" }] },
    },
    // Two readings of the SM standards that are not ours: Debian's has no SM4-GCM, PyPI's brings an OpenSSL that has.
    Counterpart {
        name: "openssl",
        source: Source::Apt,
        packages: &["openssl"],
        heavy: false,
        role: Role::Tool { programs: &[Program { name: "openssl", env: "TIDEGATE_TEST_OPENSSL" }] },
    },
    Counterpart {
        name: "cryptography",
        source: Source::Pypi,
        packages: &["cryptography==50.0.2"],
        heavy: false,
        // The interpreter that can `import cryptography`.
        role: Role::Tool {
            programs: &[Program { name: "python", env: "TIDEGATE_TEST_CRYPTOGRAPHY_PYTHON" }],
        },
    },
    // The contract of OTLP as its owners generate it.
    Counterpart {
        name: "opentelemetry-proto",
        source: Source::Pypi,
        packages: &["opentelemetry-proto==1.45.2"],
        heavy: false,
        // The interpreter that can `import opentelemetry.proto`.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_OTLP_PYTHON" }] },
    },
    // A station and a client of S7 that are not ours.
    Counterpart {
        name: "python-snap7",
        source: Source::Pypi,
        packages: &["python-snap7==3.3.0"],
        heavy: false,
        // The interpreter that can `import snap7`.
        role: Role::Tool { programs: &[Program { name: "python", env: "TIDEGATE_TEST_SNAP7_PYTHON" }] },
    },
    // Tests start, kill and start again both a server and its UPS, in folders of their own.
    Counterpart {
        name: "nut",
        source: Source::Apt,
        packages: &["nut-server", "nut-client"],
        heavy: false,
        role: Role::Tool {
            programs: &[
                Program { name: "upsd", env: "TIDEGATE_TEST_UPSD" },
                Program { name: "dummy-ups", env: "TIDEGATE_TEST_DUMMY_UPS" },
                Program { name: "upsc", env: "TIDEGATE_TEST_UPSC" },
            ],
        },
    },
    // Tests start clusters of their own, as a user without rights: an outage is one of the things they are for.
    Counterpart {
        name: "postgresql",
        source: Source::Apt,
        packages: &["postgresql"],
        heavy: false,
        role: Role::Tool {
            programs: &[
                Program { name: "postgres", env: "TIDEGATE_TEST_POSTGRES" },
                Program { name: "initdb", env: "TIDEGATE_TEST_INITDB" },
            ],
        },
    },
    // Runs a main class of the archives: `kafka.Kafka` is the broker, which tests start and kill themselves.
    Counterpart {
        name: "kafka",
        source: Source::Maven,
        // The last one writes the broker's log, which is how a test knows that it serves.
        packages: &[
            "org.apache.kafka:kafka_2.13:4.1.2",
            "org.apache.kafka:kafka-tools:4.1.2",
            "org.slf4j:slf4j-simple:1.7.36",
        ],
        heavy: true,
        role: Role::Tool { programs: &[Program { name: "kafka", env: "TIDEGATE_TEST_KAFKA" }] },
    },
];
