//! `GET /api/v1/identity/principals`: who is known, and what they may. Never a secret, nor its SHA-256.

use crate::identity::Identity;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use tidegate_kernel_plug::{Need, Principal, Route, Routes};

/// A principal as it is told.
#[derive(Debug, Serialize)]
struct Told {
    name: String,
    /// `person`, `device` or `node`.
    kind: &'static str,
    roles: Vec<&'static str>,
    /// `publish:FILTER` or `subscribe:FILTER`.
    scopes: Vec<String>,
    /// Nothing where there is no limit of its own.
    connections_max: Option<u32>,
    messages_per_s_max: Option<u32>,
    bytes_per_s_max: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Known {
    /// Where somebody who shows nothing is let in: `loopback` or `never`.
    anonymous: &'static str,
    /// By name.
    principals: Vec<Told>,
}

pub(super) fn routes(identity: Arc<Identity>) -> Routes {
    let purpose = "Who is known, and what they may.";
    let route = Route::get("/api/v1/identity/principals", Need::AnyRole, purpose);
    Routes::new().with(route, principals, identity)
}

async fn principals(State(identity): State<Arc<Identity>>) -> Json<Known> {
    let (anonymous, principals) = identity.known();
    Json(Known { anonymous, principals: principals.iter().map(|principal| told(principal)).collect() })
}

fn told(principal: &Principal) -> Told {
    let allowance = principal.allowance;
    Told {
        name: principal.name.clone(),
        kind: principal.kind.name(),
        roles: principal.roles.iter().map(|role| role.name()).collect(),
        scopes: principal.scopes.iter().map(ToString::to_string).collect(),
        connections_max: allowance.connections_max.map(Into::into),
        messages_per_s_max: allowance.messages_per_s_max.map(Into::into),
        bytes_per_s_max: allowance.bytes_per_s_max.map(Into::into),
    }
}
