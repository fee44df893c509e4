//! Whom the server lets in: certificates that somebody accepted, names with their secrets.

use crate::client::{Client, certificate, python};
use crate::rig::Rig;
use serde_json::{Value as Json, json};
use tidegate_connector_opcua::Config;
use tidegate_driver_opcua::Standing;

fn options(rig: &Rig, (policy, mode): (&str, &str), secret: &str) -> Json {
    let file = |suffix: &str| rig.folder.path().join(format!("scada.{suffix}"));
    json!({
        "certificate": [file("der"), file("pem")], "policy": policy, "mode": mode,
        "user": "scada", "password": secret,
    })
}

const USUAL: (&str, &str) = ("Basic256Sha256", "SignAndEncrypt");

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_each_policy_is_let_in_once_its_certificate_is_accepted_and_not_when_it_is_rejected() {
    let test = "security::a_client_of_each_policy_is_let_in_once_its_certificate_is_accepted_and_not_when_it_is_rejected";
    let Some(python) = python(test) else { return };
    let rig = Rig::start(Config::default(), false).await;
    rig.put_real("press-7", "temp", 21.5);
    certificate(&python, rig.folder.path(), "scada", [-1, 30]);
    let right = |how| options(&rig, how, "open sesame");
    assert_eq!(Client::refused(&python, &rig.url(), &right(USUAL)).await, "BadCertificateUntrusted");
    let known = rig.trust.list().unwrap();
    assert_eq!((known.len(), known[0].standing), (1, Standing::Rejected));
    rig.trust.accept(&known[0].thumbprint).unwrap().unwrap();
    for policy in ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] {
        for mode in ["Sign", "SignAndEncrypt"] {
            let mut client = Client::connect(&python, &rig.url(), &right((policy, mode))).await;
            assert_eq!(client.read("press-7/temp").await["value"], 21.5, "{policy} {mode}");
        }
    }
    rig.trust.reject(&known[0].thumbprint).unwrap().unwrap();
    assert_eq!(Client::refused(&python, &rig.url(), &right(USUAL)).await, "BadSecurityChecksFailed");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_name_a_wrong_secret_or_no_certificate_is_not_let_in() {
    let test = "security::whoever_has_no_name_a_wrong_secret_or_no_certificate_is_not_let_in";
    let Some(python) = python(test) else { return };
    let rig = Rig::start(Config::default(), false).await;
    certificate(&python, rig.folder.path(), "scada", [-1, 30]);
    let right = options(&rig, USUAL, "open sesame");
    Client::refused(&python, &rig.url(), &right).await;
    rig.trust.accept(&rig.trust.list().unwrap()[0].thumbprint).unwrap().unwrap();
    Client::connect(&python, &rig.url(), &right).await;
    let wrong = options(&rig, USUAL, "open barley");
    assert_eq!(Client::refused(&python, &rig.url(), &wrong).await, "BadUserAccessDenied");
    let mut nobody = right.clone();
    nobody.as_object_mut().unwrap().retain(|key, _| key != "user" && key != "password");
    assert_ne!(Client::refused(&python, &rig.url(), &nobody).await, "");
    assert_ne!(Client::refused(&python, &rig.url(), &json!({})).await, "");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_run_out_is_refused_though_it_was_accepted() {
    let test = "security::a_certificate_that_has_run_out_is_refused_though_it_was_accepted";
    let Some(python) = python(test) else { return };
    let rig = Rig::start(Config::default(), false).await;
    certificate(&python, rig.folder.path(), "scada", [-30, -1]);
    let old = options(&rig, USUAL, "open sesame");
    Client::refused(&python, &rig.url(), &old).await;
    rig.trust.accept(&rig.trust.list().unwrap()[0].thumbprint).unwrap().unwrap();
    assert_eq!(Client::refused(&python, &rig.url(), &old).await, "BadCertificateTimeInvalid");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_taken_without_security() {
    let Some(python) = python("security::no_secret_is_taken_without_security") else { return };
    let rig = Rig::open(Config::default()).await;
    let open = json!({ "user": "scada", "password": "open sesame" });
    assert_ne!(Client::refused(&python, &rig.url(), &open).await, "");
    Client::connect(&python, &rig.url(), &json!({})).await;
    rig.end().await;
}
