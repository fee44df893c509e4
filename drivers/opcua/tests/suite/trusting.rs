//! Certificates of servers: unknown, accepted, changed, expired; and the node's own.

use crate::asyncua::{Server, python};
use crate::desk::{Desk, secured};
use crate::shared::counterpart::free_port;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tidegate_driver_opcua::Standing;
use tidegate_service_plant::Driver;

#[tokio::test]
async fn a_server_is_let_talk_once_its_certificate_was_accepted_and_not_any_more_once_it_was_rejected() {
    let test = "trusting::a_server_is_let_talk_once_its_certificate_was_accepted_and_not_any_more_once_it_was_rejected";
    let Some(python) = python(test) else { return };
    let desk = Desk::new();
    let mut server = Server::start(&python, free_port(), &secured(&desk, "server", [-1, 30]));
    let trouble = desk.connect(&server.url(), None).await.unwrap_err();
    assert_eq!(trouble.code, "TG-UA-011");
    assert_eq!(server.sessions()[0], 0, "nothing was said to a server that is not trusted");
    let known = desk.trust.list().unwrap();
    assert_eq!((known.len(), known[0].standing), (1, Standing::Rejected));
    let thumbprint = &known[0].thumbprint;
    let command = format!("tidegate ingest opcua trust accept {thumbprint}");
    assert!(trouble.message.contains(&command), "{trouble}");
    assert_eq!(desk.trust.accept("00").unwrap(), None);
    desk.trust.accept(&thumbprint.to_uppercase()).unwrap().unwrap();
    desk.driver.close(desk.connect(&server.url(), None).await.unwrap()).await;
    desk.trust.reject(thumbprint).unwrap().unwrap();
    assert_eq!(desk.connect(&server.url(), None).await.unwrap_err().code, "TG-UA-011");
    assert_eq!(desk.trust.list().unwrap().len(), 1);
}

#[tokio::test]
async fn a_certificate_in_place_of_a_trusted_one_is_told_as_changed() {
    let test = "trusting::a_certificate_in_place_of_a_trusted_one_is_told_as_changed";
    let Some(python) = python(test) else { return };
    let (desk, port) = (Desk::new(), free_port());
    let server = Server::start(&python, port, &secured(&desk, "first", [-1, 30]));
    desk.connect(&server.url(), None).await.unwrap_err();
    let first = desk.accept_rejected();
    desk.driver.close(desk.connect(&server.url(), None).await.unwrap()).await;
    server.kill();
    let server = Server::start(&python, port, &secured(&desk, "second", [-1, 30]));
    let trouble = desk.connect(&server.url(), None).await.unwrap_err();
    assert_eq!(trouble.code, "TG-UA-012");
    let second = desk.accept_rejected();
    assert!(trouble.message.contains(&first) && trouble.message.contains(&second), "{trouble}");
    desk.driver.close(desk.connect(&server.url(), None).await.unwrap()).await;
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused_though_it_is_trusted() {
    let test = "trusting::a_certificate_out_of_its_time_is_refused_though_it_is_trusted";
    let Some(python) = python(test) else { return };
    for (name, days, what) in [("old", [-30, -1], "has expired"), ("new", [1, 30], "is not valid yet")] {
        let desk = Desk::new();
        let server = Server::start(&python, free_port(), &secured(&desk, name, days));
        assert_eq!(desk.connect(&server.url(), None).await.unwrap_err().code, "TG-UA-011");
        desk.accept_rejected();
        let trouble = desk.connect(&server.url(), None).await.unwrap_err();
        assert_eq!(trouble.code, "TG-UA-013");
        assert!(trouble.message.ends_with(what), "{trouble}");
    }
}

#[tokio::test]
async fn the_nodes_own_certificate_is_made_once_its_key_is_for_its_owner_and_damage_is_told() {
    let test = "trusting::the_nodes_own_certificate_is_made_once_its_key_is_for_its_owner_and_damage_is_told";
    let Some(python) = python(test) else { return };
    let desk = Desk::new();
    let server = Server::start(&python, free_port(), &secured(&desk, "server", [-1, 30]));
    let own = desk.folder.path().join("opcua/own/cert.der");
    desk.connect(&server.url(), None).await.unwrap_err();
    let made = fs::read(&own).unwrap();
    let key = desk.folder.path().join("opcua/private/private.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    desk.accept_rejected();
    desk.driver.close(desk.connect(&server.url(), None).await.unwrap()).await;
    assert_eq!(fs::read(&own).unwrap(), made);
    fs::write(&own, b"damage").unwrap();
    assert_eq!(desk.connect(&server.url(), None).await.unwrap_err().code, "TG-UA-015");
    assert_eq!(fs::read(&own).unwrap(), b"damage", "what is there is not written over");
}
