//! The management listeners: one in plain text and, where that is asked for, one over TLS. Both serve the same routes.

use super::listening::Books;
use super::{Site, unlistening, unstarted};
use crate::admin::{self, View};
use crate::audit;
use crate::browse::{self, Browser};
use crate::devices;
use crate::events::Events;
use crate::failure::Failure;
use crate::history;
use crate::http::{self, Http};
use crate::login::{self, Desk};
use crate::page::Board;
use crate::plant;
use crate::probe::{self, Messenger};
use crate::pulse::Pulse;
use crate::rules::Pipeline;
use crate::tls::Tls;
use crate::trust;
use crate::writing;
use axum::http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_kernel_plug::{Refusal, Routes};
use tidegate_service_probe::{self as diagnosis, Herald, Ports, Tell};
use tokio::runtime::{Handle, Runtime};

/// What serves people, programs and the console.
pub(super) struct Management {
    pub(super) plain: Http,
    pub(super) over_tls: Option<Http>,
    pub(super) events: Arc<Events>,
    /// For whoever cannot ask over HTTP.
    measures: Tell,
    queues: Tell,
}

/// What the routes of every management listener answer from.
struct Served<'a> {
    view: View,
    events: Arc<Events>,
    board: Option<&'a Board>,
    books: Option<Books>,
    shared: &'a http::Shared,
}

impl Site<'_> {
    pub(super) async fn manage(
        &self,
        view: View,
        board: Option<&Board>,
        books: Option<Books>,
        shared: &http::Shared,
    ) -> Result<Management, Failure> {
        let history = self.past.as_ref().map(|past| past.history.clone());
        let pulse = Arc::new(Pulse::new(view.clone()));
        let events = Arc::new(Events::new(view.clone(), pulse, self.log.recent.clone(), history));
        let (told, told_events, storage) = (view.clone(), events.clone(), view.storage.clone());
        let served = Served { view, events: events.clone(), board, books, shared };
        let plain = self.bind(&served, ("admin", self.settings.admin), None).await?;
        let over_tls = match self.settings.admin_tls {
            Some(address) => Some(self.bind(&served, ("admin-tls", address), self.tls.clone()).await?),
            None => None,
        };
        let measures: Tell = Arc::new(move || admin::page(&told, &told_events));
        let queues: Tell = Arc::new(move || probe::queues(&storage));
        Ok(Management { plain, over_tls, events, measures, queues })
    }

    /// Sets the watchdog on all runtimes. It tells the channels of alarms, where there are any.
    pub(super) fn watch(&self, management: &Management, exporters: &Runtime) -> Result<(), Failure> {
        let language = self.settings.notices.config.language;
        let messenger = Messenger { outbox: self.notices.outbox().clone(), language };
        let herald: Option<Arc<dyn Herald>> = (self.settings.only.notice
            && self.settings.notices.has_channels())
        .then(|| Arc::new(messenger) as _);
        let ports = Ports { metrics: management.measures.clone(), queues: management.queues.clone(), herald };
        let (data_plane, exporters) = (Handle::current(), exporters.handle().clone());
        let runtimes =
            [("data-plane", data_plane), ("exporter", exporters), ("devices", self.devices.clone())];
        let watched = self.probe.watch(&runtimes, ports);
        watched.map_err(|error| unstarted("could not start the watchdog", &error))
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
        admin::routes(served.view.clone(), served.events.clone(), self.log.recent.clone())
            .and(past.unwrap_or_default())
            .and(shown.unwrap_or_default())
            .and(self.books(served.books.as_ref()))
            .and(diagnosis::routes(self.probe.clone()))
            .and(plant::routes(&self.pipeline.plant))
            .and(devices::routes(&self.reloader))
            .and(trust::routes(&self.pipeline.trust))
            .and(self.browsing())
            .and(writing::routes(&self.pipeline.desk))
            .and(self.people())
            .and(self.parent.routes())
            .refusing(|route| self.settings.only.lacks(route).map(elsewhere))
    }

    /// How the variables of a server are looked at.
    fn browsing(&self) -> Routes {
        let Pipeline { plant, trust, .. } = &self.pipeline;
        // Roots that cannot be read were told of when the sinks were made.
        let dialer = self.settings.sinks.dialer().ok();
        let browser = dialer.map(|dialer| Browser::new(plant.clone(), trust.clone(), dialer));
        browser.map(browse::routes).unwrap_or_default()
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
