//! Each rule of pkgcheck against a planted violation, what is no violation beside it, and servers that do or do not echo.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};

use xtask::pkgcheck;
use xtask::tidy::Context;

use crate::fixture::Fixture;

/// Places and rules of what is found in a file of a connector.
fn found_in(path: &str, text: &str) -> Vec<String> {
    let tree = Fixture::clean().with(path, text);
    let context = Context::open(&tree.root).expect("the tree can be read");
    let findings = pkgcheck::check(&context).expect("the rules read only");
    findings.iter().map(|finding| format!("{}:{}", finding.rule, finding.line)).collect()
}

fn found(text: &str) -> Vec<String> {
    found_in("connectors/file/src/lib.rs", text)
}

fn in_async(body: &str) -> Vec<String> {
    found(&format!("async fn f(m: &M) {{\n{body}\n}}\n"))
}

#[test]
fn a_clean_tree_has_no_findings() {
    assert!(found("fn f() {}\n").is_empty());
}

#[test]
fn a_router_or_server_past_the_routes_is_found() {
    for text in [
        "use axum::{Json, Router};\n",
        "fn f() { let r = axum::Router::new(); }\n",
        "async fn f() { axum::serve(l, r).await }\n",
        "use hyper::server::conn::http1;\n",
        "use tokio::net::TcpListener;\n",
    ] {
        assert_eq!(found(text), ["routes:1"], "{text}");
        assert!(found_in("kernel/flow/tests/it.rs", text).is_empty());
    }
    assert!(found("use axum::{Json, extract::State};\n").is_empty());
}

#[test]
fn the_listener_of_another_protocol_is_at_its_place_alone() {
    let text = "use tokio::net::TcpListener;\n";
    assert!(found_in("services/broker/src/broker.rs", text).is_empty());
    assert_eq!(found_in("services/broker/src/other.rs", text), ["routes:1"]);
    assert_eq!(found_in("services/broker/src/broker.rs", "use axum::Router;\n"), ["routes:1"]);
}

#[test]
fn a_call_past_the_one_way_out_is_found() {
    for text in [
        "async fn f() { TcpStream::connect(a).await; }\n",
        "fn f() { std::net::UdpSocket::bind(a); }\n",
        "async fn f() { tokio::net::lookup_host(a).await; }\n",
        "use hyper_util::client::legacy::Client;\n",
        "fn f() { reqwest::get(a); }\n",
    ] {
        assert_eq!(found(text), ["outbound:1"], "{text}");
    }
    assert!(found("fn f() { dialer.connect(a); }\n// TcpStream::connect\n").is_empty());
}

#[test]
fn a_function_that_knows_its_request_and_does_not_say_so_is_found() {
    let call = |with: &str| {
        found(&format!("fn f(id: &RequestId) {{\n    client.send(Request::post(\"/\", body){with});\n}}\n"))
    };
    assert_eq!(call(""), ["outbound:1"]);
    assert!(call(".with(\"x-request-id\", id.as_str())").is_empty());
    assert!(found("fn f() { client.send(Request::post(\"/\", body)); }\n").is_empty());
}

#[test]
fn a_guard_that_is_held_over_an_await_is_found() {
    for body in [
        "let guard = m.lock().unwrap();\nwork().await;",
        "let mut guard = m.lock().await;\nguard.go().await;",
        "let guard = m.state.read().unwrap_or_else(PoisonError::into_inner);\nif guard.ok {\nwork().await;\n}",
        "let guard: Guard<'_> = m.write()?;\nloop { work().await; }",
        "let guard = m.lock().unwrap();\ntokio::select! { _ = a => {} }",
        "if let Some(one) = m.lock().unwrap().pop() {\none.go().await;\n}",
        "match m.lock().unwrap().state {\n_ => work().await,\n}",
        "while let Some(one) = m.lock().unwrap().pop() {\none.go().await;\n}",
        "for one in m.lock().unwrap().iter() {\none.go().await;\n}",
    ] {
        assert_eq!(in_async(body), ["guards:2"], "{body}");
    }
    let own = "fn table(&self) -> MutexGuard<'_, T> { self.0.lock().unwrap() }\nasync fn f(&self) {\nlet t = self.table();\nwork().await;\n}\n";
    assert_eq!(found(&format!("impl M {{\n{own}}}\n")), ["guards:4"]);
}

#[test]
fn a_guard_that_ends_before_the_await_is_fine() {
    for body in [
        "let one = m.lock().unwrap().clone();\nwork(one).await;",
        "let guard = m.lock().unwrap();\ndrop(guard);\nwork().await;",
        "{\nlet guard = m.lock().unwrap();\n}\nwork().await;",
        "let guard = m.lock().unwrap();\nspawn(async move { work().await });",
        "let bytes = file.read(buffer);\nwork().await;",
        "work().await;\nlet guard = m.lock().unwrap();",
    ] {
        assert!(in_async(body).is_empty(), "{body}");
    }
    let test =
        "#[cfg(test)]\nmod tests {\nasync fn f() {\nlet guard = m.lock().unwrap();\nwork().await;\n}\n}\n";
    assert!(found(test).is_empty());
}

#[test]
fn an_exception_needs_a_reason_and_is_for_one_rule() {
    let with = |comment: &str| in_async(&format!("{comment}\nlet guard = m.lock().await;\nwork().await;"));
    assert!(with("// pkgcheck: guards: one at a time is what it is for").is_empty());
    assert_eq!(with("// pkgcheck: guards: "), ["guards:3"]);
    assert_eq!(with("// pkgcheck: outbound: one at a time is what it is for"), ["guards:3"]);
}

#[test]
fn benchmarks_of_the_node_are_not_looked_at() {
    assert!(found_in("node/src/bench/load.rs", "use axum::Router;\n").is_empty());
    assert_eq!(found_in("node/src/other.rs", "use axum::Router;\n"), ["routes:1"]);
}

#[test]
fn findings_are_sarif_with_rule_file_and_line() {
    let tree = Fixture::clean().with("connectors/file/src/lib.rs", "\nuse axum::Router;\n");
    let context = Context::open(&tree.root).expect("the tree can be read");
    let log = pkgcheck::sarif(&pkgcheck::check(&context).expect("the rules read only"));
    let result = &log["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((&log["version"], &result["ruleId"]), (&"2.1.0".into(), &"routes".into()));
    assert_eq!(place["artifactLocation"]["uri"], "connectors/file/src/lib.rs");
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(
        log["runs"][0]["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(pkgcheck::RULES.len())
    );
}

/// A server for two requests; `answer` makes the header of the id that came.
fn server(answer: fn(Option<&str>) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.expect("a client comes");
            let lines = BufReader::new(stream.try_clone().expect("a socket can be shared")).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let id = head.iter().find_map(|line| line.strip_prefix("X-Request-ID: "));
            write!(stream, "HTTP/1.1 404 Not Found\r\n{}content-length: 0\r\n\r\n", answer(id))
                .expect("the client reads");
        }
    });
    address
}

#[test]
fn a_server_that_echoes_is_told_from_one_that_does_not() {
    let faults =
        |answer| pkgcheck::echoes(&format!("http://{}/x", server(answer))).expect("it answers").len();
    assert_eq!(faults(|id| format!("x-request-id: {}\r\n", id.unwrap_or("made"))), 0);
    assert_eq!(faults(|id| id.map(|id| format!("X-Request-Id: {id}\r\n")).unwrap_or_default()), 1);
    assert_eq!(faults(|_| "x-request-id: mine\r\n".to_owned()), 1);
    assert_eq!(faults(|_| String::new()), 2);
    assert!(
        pkgcheck::echoes("https://127.0.0.1/").is_err() && pkgcheck::echoes("http://127.0.0.1:1/").is_err()
    );
}
