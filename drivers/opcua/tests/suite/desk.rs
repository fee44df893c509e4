//! The driver by itself, with a folder of its own.

use crate::shared::rig::{Rig, device, dial};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tempfile::TempDir;
use tidegate_driver_opcua::{Address, OpcUa, Place, Session, Trust};
use tidegate_service_plant::{Driver, Found, Login, Trouble, Value};

pub(crate) struct Desk {
    pub(crate) trust: Arc<Trust>,
    pub(crate) driver: OpcUa,
    pub(crate) folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let folder = TempDir::new().unwrap();
        let trust = Arc::new(Trust::at(folder.path().join("opcua")));
        Desk { driver: OpcUa::new(trust.clone()), trust, folder }
    }

    pub(crate) async fn connect(&self, text: &str, login: Option<Login>) -> Result<Session, Trouble> {
        self.driver.connect(&dial(login), &self.place(text)).await
    }

    pub(crate) fn place(&self, text: &str) -> Place {
        self.driver.place(text).unwrap()
    }

    pub(crate) fn addresses(&self, texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| self.driver.address(text).unwrap().0).collect()
    }

    /// A plant that reads these addresses of the server; a tag is named as its address.
    pub(crate) fn rig(&self, server: &str, addresses: &[&str]) -> Rig {
        let tags: Vec<_> = addresses.iter().map(|address| (*address, *address)).collect();
        Rig::over(self.driver.clone(), vec![device("line-1", "opcua", server, &tags)])
    }

    /// The thumbprint of the certificate that the only error so far was about.
    pub(crate) fn accept_rejected(&self) -> String {
        let rejected =
            self.trust.list().unwrap().into_iter().find(|known| known.standing.name() == "rejected");
        let thumbprint = rejected.unwrap().thumbprint;
        assert!(self.trust.accept(&thumbprint).unwrap().is_some());
        thumbprint
    }
}

/// The values; a tag that is bad is its code as a text.
pub(crate) fn values(found: &[Found]) -> Vec<Value> {
    let value = |found: &Found| match found {
        Found::Good { value, .. } | Found::Uncertain { value, .. } => value.clone(),
        Found::Bad(trouble) => Value::Text(trouble.code.into()),
        Found::News(news) => panic!("{news:?}"),
    };
    found.iter().map(value).collect()
}

/// Options of a server with all policies, whose certificate lies in the folder.
pub(crate) fn secured(desk: &Desk, certificate: &str, days: [i32; 2]) -> Json {
    let policies = [
        "NoSecurity",
        "Basic256Sha256_Sign",
        "Basic256Sha256_SignAndEncrypt",
        "Aes128Sha256RsaOaep_Sign",
        "Aes128Sha256RsaOaep_SignAndEncrypt",
        "Aes256Sha256RsaPss_Sign",
        "Aes256Sha256RsaPss_SignAndEncrypt",
    ];
    json!({ "policies": policies, "certificate": [desk.folder.path(), certificate, days[0], days[1]] })
}
