//! Command line of xtask: parses the arguments, calls one module, turns its answer into an exit status.
//!
//! 0: everything is in order, 1: something was found or failed, 2: the call itself was wrong or could not be carried out.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;
use xtask::services::{self, table::COUNTERPARTS};
use xtask::{
    bench, conformance, coverage, dist, docs, image, pkgcheck, race, stages, tidy, torture, workspace,
};

const HELP: &str = "\
cargo xtask test [--only STAGE]... [--skip STAGE]... [--junit FILE] [-- ARGS]
                                                 every check and every test; ARGS go to `cargo test`
cargo xtask tidy [--json] [--ratchet]            the rules of the source tree; --ratchet lowers the recorded lengths
cargo xtask pkgcheck [--sarif FILE]              requests, calls and locks of the product, read off its syntax
cargo xtask pkgcheck --url URL                   whether a server gives X-Request-ID back
cargo xtask race [--quick] [--webhook URL] [--record --key FILE]
                                                 races in the product: loom, shuttle, Miri, ThreadSanitizer; JSON
cargo xtask torture ledger [--kills N]           kill -9 under load, a hundred times: every acknowledged transfer is there, once
cargo xtask docs                                 what is not documented: settings, metrics, error codes, routes
cargo xtask services [start|stop|status] [--heavy]
                                                 real counterparts for the tests, on free loopback ports
cargo xtask dist [--key FILE]                    what is shipped, checked: the static binary, a .deb, a tarball; with the private
                                                 key in FILE a signed bundle: target/dist/
cargo xtask image [--out DIR] [--binary FILE]    the same as an OCI image layout: target/image
cargo xtask bench mqtt                           the broker under load, beside mosquitto: JSON, one row a line
cargo xtask bench ingest [--only NAME] [--seconds N] [--rate N]
                                                 sinks in trouble, with a real InfluxDB behind them: JSON, one row a line
cargo xtask bench ledger [--json] [--only NAME]  books, beside double entry in SQL on PostgreSQL
cargo xtask bench node [--json]                  memory, the console in Chromium, a crash loop, a CPU profile: JSON, one row a line
cargo xtask conformance mqtt [DIR] [--json] [--only PART] [--binary FILE] [--config FILE]
                                                 the paho suites of the checkout DIR on a node of this build
cargo xtask coverage [--self-test]               the tests again, with a gate on the lines of product code that ran

Stages: fmt, clippy, tidy, pkgcheck, xtask, race, services, build, test (see tools/xtask/README.md)
Example: cargo xtask test --only test -- a_truncated_packet";

fn main() -> ExitCode {
    match dispatch() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn dispatch() -> Result<bool> {
    let mut args = lexopt::Parser::from_env();
    match args.next()? {
        Some(Value(command)) => match command.to_str() {
            Some("test") => test(args),
            Some("tidy") => tidy_tree(args),
            Some("pkgcheck") => packages(args),
            Some("services") => counterparts(args),
            Some("torture") => tortures(args),
            Some("race") => races(args),
            Some("docs") => no_more(args).and_then(|()| docs::run(&workspace::root()?)),
            Some("dist") => distribution(args),
            Some("bench") => compare(args),
            Some("conformance") => conform(args),
            Some("image") => oci_image(args),
            Some("coverage") => lines_covered(args),
            Some("cell") => cell(args),
            _ => bail!("no command {command:?}\n\n{HELP}"),
        },
        Some(Long("help") | Short('h')) => {
            println!("{HELP}");
            Ok(true)
        }
        Some(other) => Err(other.unexpected().into()),
        None => bail!("no command given\n\n{HELP}"),
    }
}

fn test(mut args: lexopt::Parser) -> Result<bool> {
    let mut plan = stages::Plan::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("only") => plan.only.push(stages::Stage::named(&args.value()?.string()?)?),
            Long("junit") => plan.junit = Some(args.value()?.into()),
            Long("skip") => plan.skip.push(stages::Stage::named(&args.value()?.string()?)?),
            Value(first) => {
                plan.pass_through.push(first.string()?);
                for rest in args.raw_args()? {
                    plan.pass_through.push(rest.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    stages::run(&workspace::root()?, &plan)
}

fn tidy_tree(mut args: lexopt::Parser) -> Result<bool> {
    let (mut json, mut lower) = (false, false);
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => json = true,
            Long("ratchet") => lower = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let context = tidy::Context::open(&workspace::root()?)?;
    if lower {
        println!("{}", tidy::ratchet::lower(&context)?);
    }
    let findings = tidy::check(&context)?;
    for finding in &findings {
        println!("{}", if json { finding.json() } else { finding.to_string() });
    }
    eprintln!("tidy: {} findings by {} rules", findings.len(), tidy::RULES.len());
    Ok(findings.is_empty())
}

fn packages(mut args: lexopt::Parser) -> Result<bool> {
    let (mut file, mut url) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("sarif") => file = Some(args.value()?),
            Long("url") => url = Some(args.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(url) = url {
        let faults = pkgcheck::echoes(&url)?;
        faults.iter().for_each(|fault| println!("{fault}"));
        return Ok(faults.is_empty());
    }
    let findings = pkgcheck::check(&tidy::Context::open(&workspace::root()?)?)?;
    findings.iter().for_each(|finding| println!("{finding}"));
    if let Some(file) = file {
        std::fs::write(&file, format!("{:#}\n", pkgcheck::sarif(&findings)))
            .context("cannot write the SARIF file")?;
    }
    eprintln!("pkgcheck: {} findings by {} rules", findings.len(), pkgcheck::RULES.len());
    Ok(findings.is_empty())
}

fn counterparts(mut args: lexopt::Parser) -> Result<bool> {
    let (mut verb, mut heavy) = (None, false);
    while let Some(arg) = args.next()? {
        match arg {
            Long("heavy") => heavy = true,
            Value(word) if verb.is_none() => verb = Some(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let depot = services::Depot::at(&workspace::root()?);
    match verb.as_deref().unwrap_or("start") {
        "start" => {
            let outcome = services::start(&depot, COUNTERPARTS, heavy)?;
            outcome.print();
            Ok(outcome.unavailable.is_empty())
        }
        "stop" => services::stop(&depot),
        "status" => services::status(&depot, COUNTERPARTS),
        other => bail!("services can start, stop and status, not {other:?}"),
    }
}

fn tortures(mut args: lexopt::Parser) -> Result<bool> {
    let (mut subject, mut kills) = (None, torture::KILLS);
    while let Some(arg) = args.next()? {
        match arg {
            Long("kills") => kills = args.value()?.parse()?,
            Value(word) if subject.is_none() => subject = Some(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    match subject.as_deref() {
        Some("ledger") => torture::ledger(&workspace::root()?, kills),
        _ => bail!("torture needs a subject: ledger"),
    }
}

fn races(mut args: lexopt::Parser) -> Result<bool> {
    let (mut order, mut record, mut key) = (race::Order::default(), false, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("quick") => order.quick = true,
            Long("webhook") => order.webhook = Some(args.value()?.string()?),
            Long("record") => record = true,
            Long("key") => key = Some(args.value()?.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    if record != key.is_some() {
        bail!(
            "--record signs what it adds, so it needs --key FILE, an Ed25519 key in PEM, and the other way round"
        );
    }
    order.record = key;
    race::run(&workspace::root()?, &order)
}

fn no_more(mut args: lexopt::Parser) -> Result<()> {
    args.next()?.map_or(Ok(()), |arg| Err(arg.unexpected().into()))
}

fn distribution(mut args: lexopt::Parser) -> Result<bool> {
    let mut key = None;
    while let Some(arg) = args.next()? {
        match arg {
            Long("key") => key = Some(args.value()?),
            other => return Err(other.unexpected().into()),
        }
    }
    dist::run(&workspace::root()?, key.as_deref().map(Path::new))
}

fn compare(mut args: lexopt::Parser) -> Result<bool> {
    let subject = args.next()?.context("a benchmark needs a name: mqtt, ingest, ledger or node")?;
    let root = workspace::root()?;
    match subject {
        Value(name) if name == "mqtt" => json_only(args).and_then(|()| bench::mqtt(&root)),
        Value(name) if name == "ingest" => troubled(&root, args),
        Value(name) if name == "ledger" => bench::ledger::run(&root, &chosen(args)?),
        Value(name) if name == "node" => json_only(args).and_then(|()| bench::node::run(&root)),
        other => bail!("no benchmark {other:?}; there are mqtt, ingest, ledger and node"),
    }
}

/// Rows are JSON whether that is asked for or not.
fn json_only(mut args: lexopt::Parser) -> Result<()> {
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(())
}

/// Scenarios of our own, as the product's command is told.
fn chosen(mut args: lexopt::Parser) -> Result<Vec<String>> {
    let mut passed = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => {}
            Long("only") => passed.extend(["--only".to_owned(), args.value()?.string()?]),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(passed)
}

fn troubled(root: &Path, mut args: lexopt::Parser) -> Result<bool> {
    let (mut only, mut passed) = (Vec::new(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => {}
            Long("only") => only.push(args.value()?.string()?),
            Long(option @ ("seconds" | "rate")) => {
                passed.push(format!("--{option}"));
                passed.push(args.value()?.string()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    bench::ingest::run(root, &only, &passed)
}

fn oci_image(mut args: lexopt::Parser) -> Result<bool> {
    let mut order = image::Order::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("out") => order.out = Some(args.value()?.into()),
            Long("binary") => order.binary = Some(args.value()?.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    image::run(&workspace::root()?, &order)
}

fn conform(mut args: lexopt::Parser) -> Result<bool> {
    match args.next()?.context("conformance needs a protocol: mqtt")? {
        Value(name) if name == "mqtt" => {}
        other => bail!("no conformance {other:?}; there is mqtt"),
    }
    let mut order = conformance::Order::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => order.json = true,
            Long("only") => order.only = Some(args.value()?.string()?),
            Long("binary") => order.binary = Some(args.value()?.into()),
            Long("config") => order.config = Some(args.value()?.into()),
            Value(folder) if order.suite.is_none() => order.suite = Some(folder.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    conformance::run(&workspace::root()?, &order)
}

fn lines_covered(mut args: lexopt::Parser) -> Result<bool> {
    let mut prove = false;
    while let Some(arg) = args.next()? {
        match arg {
            Long("self-test") => prove = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let root = workspace::root()?;
    if prove { coverage::proof::run(&root) } else { coverage::run(&root) }
}

/// Not for people: `dist` starts this tool so, to become the binary it checks.
fn cell(mut args: lexopt::Parser) -> Result<bool> {
    let mut words = args.raw_args()?;
    let root = words.next().context("a cell needs a root")?;
    let program = words.next().context("a cell needs a program")?.string()?;
    match dist::cell::enter(root.as_ref(), &program, words.collect())? {
        Ok(never) => match never {},
        Err(reason) => {
            eprintln!("not permitted here: {reason}");
            std::process::exit(dist::cell::NOT_PERMITTED)
        }
    }
}
