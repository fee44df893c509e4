//! Policies, who asks, and what is refused.

use crate::asyncua::{Server, certificate, python};
use crate::desk::{Desk, secured, values};
use crate::shared::counterpart::free_port;
use crate::shared::rig::{FAST, LIMIT};
use serde_json::json;
use std::fs;
use tidegate_driver_opcua::Session;
use tidegate_service_plant::{Driver, Login, Value};

/// What stands at the first variable.
async fn temp(desk: &Desk, session: &mut Session, text: &str) -> Vec<Value> {
    let plan = desk.driver.plan(session, &desk.addresses(&["ns=2;s=Line.Temp"]), FAST);
    values(&desk.driver.read(session, &desk.place(text), &plan, LIMIT).await.unwrap())
}

fn password(password: &str) -> Option<Login> {
    Some(Login::Password { user: "gateway".to_owned(), password: password.to_owned() })
}

#[tokio::test]
async fn every_policy_and_mode_is_spoken() {
    let Some(python) = python("security::every_policy_and_mode_is_spoken") else { return };
    let desk = Desk::new();
    let mut server = Server::start(&python, free_port(), &secured(&desk, "server", [-1, 30]));
    let text = format!("{}?security=Basic256Sha256", server.url());
    assert_eq!(desk.connect(&text, None).await.unwrap_err().code, "TG-UA-011");
    desk.accept_rejected();
    let mut policies = vec!["None".to_owned()];
    for policy in ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] {
        policies.extend(["Sign", "SignAndEncrypt"].map(|mode| format!("{policy}&mode={mode}")));
    }
    for policy in &policies {
        let text = format!("{}?security={policy}", server.url());
        let mut session = desk.connect(&text, None).await.unwrap();
        assert_eq!(temp(&desk, &mut session, &text).await, [Value::Real(21.5)], "{policy}");
        desk.driver.close(session).await;
    }
    assert_eq!(server.sessions(), [7, 7, 0]);
}

#[tokio::test]
async fn a_policy_that_is_not_offered_is_named_with_those_that_are() {
    let Some(python) = python("security::a_policy_that_is_not_offered_is_named_with_those_that_are") else {
        return;
    };
    let server = Server::start(&python, free_port(), &json!({}));
    let text = format!("{}?security=Aes256_Sha256_RsaPss&mode=Sign", server.url());
    let trouble = Desk::new().connect(&text, None).await.unwrap_err();
    assert_eq!(trouble.code, "TG-UA-010");
    assert!(trouble.message.ends_with("but None None"), "{trouble}");
}

#[tokio::test]
async fn a_user_with_a_password_is_let_in_and_with_another_one_is_not() {
    let test = "security::a_user_with_a_password_is_let_in_and_with_another_one_is_not";
    let Some(python) = python(test) else { return };
    let desk = Desk::new();
    let mut options = secured(&desk, "server", [-1, 30]);
    options["tokens"] = json!(["password"]);
    options["users"] = json!({ "gateway": "open sesame" });
    let server = Server::start(&python, free_port(), &options);
    let text = |policy: &str| format!("{}?security={policy}", server.url());
    let signed = text("Basic256Sha256&mode=Sign");
    desk.connect(&signed, password("open sesame")).await.unwrap_err();
    desk.accept_rejected();
    for policy in ["Basic256Sha256&mode=Sign", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss&mode=Sign"] {
        let mut session = desk.connect(&text(policy), password("open sesame")).await.unwrap();
        assert_eq!(temp(&desk, &mut session, &text(policy)).await, [Value::Real(21.5)], "{policy}");
        desk.driver.close(session).await;
    }
    for (policy, login) in [
        ("Basic256Sha256", password("open barley")),
        ("Basic256Sha256", None),
        ("None", password("open sesame")),
    ] {
        let trouble = desk.connect(&text(policy), login).await.unwrap_err();
        assert_eq!(trouble.code, "TG-UA-016", "{trouble}");
        assert!(!trouble.message.contains("sesame") && !trouble.message.contains("barley"));
    }
}

#[tokio::test]
async fn a_user_with_a_certificate_is_let_in_and_with_another_one_is_not() {
    let test = "security::a_user_with_a_certificate_is_let_in_and_with_another_one_is_not";
    let Some(python) = python(test) else { return };
    let desk = Desk::new();
    let folder = desk.folder.path();
    for name in ["user", "stranger"] {
        certificate(&python, folder, name, [-1, 30]);
    }
    let mut options = secured(&desk, "server", [-1, 30]);
    options["tokens"] = json!(["certificate"]);
    options["user_certificates"] = json!([folder.join("user.der")]);
    let server = Server::start(&python, free_port(), &options);
    let text = format!("{}?security=Basic256Sha256", server.url());
    let login = |name: &str| {
        let read = |suffix: &str| fs::read_to_string(folder.join(format!("{name}.{suffix}"))).unwrap();
        Some(Login::Certificate { certificate: read("crt"), key: read("pem") })
    };
    desk.connect(&text, login("user")).await.unwrap_err();
    desk.accept_rejected();
    let mut session = desk.connect(&text, login("user")).await.unwrap();
    assert_eq!(temp(&desk, &mut session, &text).await, [Value::Real(21.5)]);
    let trouble = desk.connect(&text, login("stranger")).await.unwrap_err();
    assert_eq!(trouble.code, "TG-UA-016", "{trouble}");
    let Some(Login::Certificate { certificate, .. }) = login("user") else { panic!("none") };
    let halved = Some(Login::Certificate { certificate, key: "no key".to_owned() });
    assert_eq!(desk.connect(&text, halved).await.unwrap_err().code, "TG-UA-016");
}
