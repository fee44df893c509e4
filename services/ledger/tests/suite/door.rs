//! A ledger behind a real gate on a real socket, for tests that ask over HTTP.

use crate::asks::id;
use crate::desk::Desk;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_plug::{
    Authenticate, Credential, Gate, HttpCounts, Knock, Principal, RequestLimits, Role, Unauthenticated, Visit,
};
use tidegate_service_ledger::Memos;
use tidegate_service_ledger::http::routes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const SUBJECTS_MAX: usize = 16;

/// Whoever shows a role as token has it.
struct Names;

impl Authenticate for Names {
    fn authenticate(&self, credential: Credential<'_>, _: Knock) -> Result<Arc<Principal>, Unauthenticated> {
        let role = match credential {
            Credential::Token("operator") => Role::Operator,
            Credential::Token("auditor") => Role::Auditor,
            Credential::Token("admin") => Role::Admin,
            _ => return Err(Unauthenticated::Unknown),
        };
        let name = role.name().to_owned();
        Ok(Arc::new(Principal { name, roles: vec![role], ..Principal::anonymous() }))
    }
}

pub(crate) struct Door {
    pub(crate) desk: Desk,
    pub(crate) memos: Arc<Memos>,
    address: SocketAddr,
}

/// With accounts `source`, which may go below zero, `a`, `b`, and `dollars`.
pub(crate) async fn door() -> Door {
    let door = serve(Desk::open()).await;
    for (name, currency, min) in
        [("source", "CNY", i64::MIN), ("a", "CNY", 0), ("b", "CNY", 0), ("dollars", "USD", 0)]
    {
        let body = json!({"name": name, "currency": currency, "min": min});
        assert_eq!(door.post("/v1/ledger/main/accounts", body).await.0, 200);
    }
    door
}

async fn serve(desk: Desk) -> Door {
    let gate = Gate::new("test", Arc::new(Names), RequestLimits::default(), Arc::new(HttpCounts::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let knocking = move |mut request: Request, next: Next| async move {
        request.extensions_mut().insert(Knock { peer: address, listener: address });
        request.extensions_mut().insert(Arc::new(Visit::new(Arc::default())));
        next.run(request).await
    };
    let memos = Arc::new(Memos::open(desk.dir.path(), SUBJECTS_MAX).unwrap());
    let routes = routes(desk.ledger.clone(), memos.clone(), 3);
    let router = routes.behind(Arc::new(gate)).layer(from_fn(knocking));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Door { desk, memos, address }
}

impl Door {
    /// As another process would.
    pub(crate) async fn reopen(self) -> Door {
        serve(self.desk.reopen()).await
    }

    /// The status and the body of the answer.
    pub(crate) async fn ask(&self, token: &str, method: &str, target: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: here\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, target: &str, body: Value) -> (u16, Value) {
        self.ask("operator", "POST", target, &body.to_string()).await
    }

    pub(crate) async fn orders(&self, orders: Value) -> (u16, Value) {
        self.post("/v1/ledger/main/transfers", json!({"orders": orders})).await
    }

    pub(crate) async fn get(&self, token: &str, target: &str) -> (u16, Value) {
        self.ask(token, "GET", target, "").await
    }
}

pub(crate) fn transfer(debit: &str, credit: &str, amount: i64) -> Value {
    json!({"id": id().to_string(), "kind": "transfer", "debit": debit, "credit": credit, "amount": amount})
}

pub(crate) fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}
