//! The management listeners: one in plain text and, where that is asked for, one over TLS. Both serve the same routes.

use super::{Site, unlistening};
use crate::admin::{self, View};
use crate::audit;
use crate::events::Events;
use crate::failure::Failure;
use crate::history;
use crate::http::{self, Http};
use crate::login::{self, Desk};
use crate::page::Board;
use crate::pulse::Pulse;
use crate::tls::Tls;
use axum::http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_kernel_plug::{Refusal, Routes};

/// What serves people, programs and the console.
pub(super) struct Management {
    pub(super) plain: Http,
    pub(super) over_tls: Option<Http>,
    pub(super) events: Arc<Events>,
}

/// What the routes of every management listener answer from.
struct Served<'a> {
    view: View,
    events: Arc<Events>,
    board: Option<&'a Board>,
    shared: &'a http::Shared,
}

impl Site<'_> {
    pub(super) async fn manage(
        &self,
        view: View,
        board: Option<&Board>,
        shared: &http::Shared,
    ) -> Result<Management, Failure> {
        let history = self.past.as_ref().map(|past| past.history.clone());
        let pulse = Arc::new(Pulse::new(view.clone()));
        let events = Arc::new(Events::new(view.clone(), pulse, self.recent.clone(), history));
        let served = Served { view, events: events.clone(), board, shared };
        let plain = self.bind(&served, ("admin", self.settings.admin), None).await?;
        let over_tls = match self.settings.admin_tls {
            Some(address) => Some(self.bind(&served, ("admin-tls", address), self.tls.clone()).await?),
            None => None,
        };
        Ok(Management { plain, over_tls, events })
    }

    async fn bind(
        &self,
        served: &Served<'_>,
        (name, address): (&'static str, SocketAddr),
        tls: Option<Arc<Tls>>,
    ) -> Result<Http, Failure> {
        let routes = admin::listed(self.management_routes(served));
        let bound = Http::bind(name, &admin::config(address), routes, served.shared, tls).await;
        bound.map_err(|error| unlistening(&error))
    }

    fn management_routes(&self, served: &Served<'_>) -> Routes {
        let past = self.past.as_ref().map(|past| history::routes(past.history.clone(), self.ingest.clone()));
        let shown = served.board.map(Board::routes);
        admin::routes(served.view.clone(), served.events.clone(), self.recent.clone())
            .and(past.unwrap_or_default())
            .and(shown.unwrap_or_default())
            .and(self.people())
            .and(self.parent.routes())
            .refusing(|route| self.settings.only.lacks(route).map(elsewhere))
    }

    /// Where people log in, and where the auditor reads what they did.
    fn people(&self) -> Routes {
        let (identity, audit) = (self.identity.clone(), self.audit.clone());
        let desk = Desk { identity, audit: audit.clone(), fingerprint: self.trees.fingerprint().into() };
        login::routes(desk).and(audit::routes(audit, self.trees.clone()))
    }
}

fn elsewhere(capability: &'static str) -> Refusal {
    let message = format!("{capability} does not run in this process");
    let hint = "ask the process that runs it; node.only (--only) says what runs in this one";
    Refusal::new(StatusCode::NOT_FOUND, "TG-SV-004", message, hint)
}
