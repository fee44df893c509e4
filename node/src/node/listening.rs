//! What listens, and what is wired to it: the broker, the ways into the pipeline, books, management. Only what runs in this process.

use super::management::Management;
use super::{Site, unlistening};
use crate::admin::View;
use crate::audit;
use crate::broker::Mqtt;
use crate::failure::Failure;
use crate::http::{self, Http};
use crate::intake::{Elsewhere, Publications, Readings};
use crate::mqtts::Mqtts;
use crate::opcua;
use crate::page::Board;
use crate::storage::Storage;
use crate::writing::Panel;
use std::sync::{Arc, OnceLock};
use tidegate_connector_mqtt::{Link, Links};
use tidegate_connector_opcua::OpcUaServer;
use tidegate_gear_postgres::Postgres;
use tidegate_kernel_journal::{Clock, Journal, SystemClock};
use tidegate_kernel_plug::{Capability, HttpCounts, Routes};
use tidegate_service_broker::{self as broker, Broker, Ports};
use tidegate_service_grpc::{Grpc, Handshake};
use tidegate_service_ingest::http as inputs;
use tidegate_service_ledger::{Ledger, MemoError, Memos, OpenError, http as books, require_signed};

/// All capabilities, in the order of what is wired to what.
pub(super) type Wired = Arc<[Arc<dyn Capability>]>;

pub(super) struct Listeners {
    /// Nothing where the broker is another process's.
    pub(super) door: Option<Door>,
    /// Nothing where neither the pipeline nor the books are this process's.
    pub(super) http: Option<Arc<Http>>,
    /// Nothing where the pipeline is another process's.
    pub(super) ways: Option<Ways>,
    pub(super) management: Management,
    pub(super) board: Option<Arc<Board>>,
    /// Nothing where OPC UA is not served.
    pub(super) opcua: Option<Arc<OpcUaServer>>,
    pub(super) ledger: Option<Arc<Ledger>>,
    pub(super) capabilities: Wired,
}

/// Where devices speak MQTT.
pub(super) struct Door {
    pub(super) broker: Broker,
    pub(super) mqtt: Arc<Mqtt>,
    pub(super) mqtts: Option<Arc<Mqtts>>,
}

/// The ways into the pipeline that are its own.
pub(super) struct Ways {
    pub(super) grpc: Grpc,
    pub(super) links: Arc<Links>,
}

/// The books, and the keys of their memos.
#[derive(Clone)]
pub(super) struct Books {
    ledger: Arc<Ledger>,
    memos: Arc<Memos>,
}

/// What takes something in, as far as it is this process's.
struct Intake<'a> {
    door: Option<&'a Door>,
    http: Option<Arc<Http>>,
    ways: Option<&'a Ways>,
    books: Option<Books>,
}

impl Site<'_> {
    pub(super) async fn listen(&self) -> Result<Listeners, Failure> {
        let counts = Arc::new(HttpCounts::default());
        let (shared, only) = (self.shared(&counts), self.settings.only);
        let door = if only.broker { Some(self.open_door().await?) } else { None };
        let books = self.open_books()?;
        let http = self.open_http(books.as_ref(), &shared).await?;
        let ways = if only.ingest { Some(self.open_ways().await?) } else { None };
        let board = if only.ingest { self.board() } else { None };
        let opcua = if only.ingest { self.open_opcua().await? } else { None };
        let storage = Arc::new(Storage::of(self.folder));
        let intake =
            Intake { door: door.as_ref(), http: http.clone(), ways: ways.as_ref(), books: books.clone() };
        let capabilities = self.wired(intake, storage.clone(), board.clone(), opcua.clone());
        let view = View {
            capabilities: capabilities.clone(),
            ingest: self.ingest.clone(),
            identity: self.identity.clone(),
            counts,
            vitals: self.vitals,
            reloader: self.reloader.clone(),
            notices: self.notices.clone(),
            storage,
            mqtt: door.as_ref().map(|door| door.mqtt.clone()),
            supervisor: self.supervisor.clone(),
        };
        let ledger = books.as_ref().map(|books| books.ledger.clone());
        let management = self.manage(view, board.as_deref(), books, &shared).await?;
        Ok(Listeners { door, http, ways, management, board, opcua, ledger, capabilities })
    }

    async fn open_door(&self) -> Result<Door, Failure> {
        let panel = Arc::new(Panel {
            desk: self.pipeline.desk.clone(),
            topics: self.pipeline.commands.topics().clone(),
            identity: self.identity.clone(),
            queues: self.folder.queues().clone(),
            broker: OnceLock::new(),
        });
        let intake: Arc<dyn broker::Intake> = match self.settings.only.ingest {
            true => Arc::new(Publications { readings: Readings(self.ingest.clone()), panel: panel.clone() }),
            false => Arc::new(Elsewhere),
        };
        let journal = Some(self.folder.queues().clone());
        let ports = Ports { intake, authenticate: self.identity.clone(), journal };
        let bound = Broker::bind(self.settings.mqtt.clone(), ports).await;
        let broker = bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        // It was made here.
        let _ = panel.broker.set(broker.handle());
        let mqtts = match self.tls.clone() {
            Some(tls) => Some(Arc::new(Mqtts::bind(self.settings.mqtts, tls, broker.handle()).await?)),
            None => None,
        };
        let mqtt = Arc::new(Mqtt::new(&broker));
        Ok(Door { broker, mqtt, mqtts })
    }

    /// Where readings, other nodes' proofs and orders for the books come in over HTTP.
    async fn open_http(
        &self,
        books: Option<&Books>,
        shared: &http::Shared,
    ) -> Result<Option<Arc<Http>>, Failure> {
        let only = self.settings.only;
        if !only.ingest && !only.ledger {
            return Ok(None);
        }
        let readings = only.ingest.then(|| inputs::routes(self.ingest.clone(), self.settings.inputs.clone()));
        let witness = self.trees.witness(&self.settings.audit.logs).map(audit::witness_routes);
        let routes = readings.unwrap_or_default();
        let routes = routes.and(witness.unwrap_or_default()).and(self.books(books));
        let bound = Http::bind("http", &self.settings.http, routes, shared, self.tls.clone()).await;
        bound.map(|http| Some(Arc::new(http))).map_err(|error| unlistening(&error))
    }

    /// Also for the console, which asks nobody but the listener it came from.
    pub(super) fn books(&self, books: Option<&Books>) -> Routes {
        let orders_max = self.settings.ledger.shared.orders_max;
        let routes = |Books { ledger, memos }: Books| books::routes(ledger, memos, orders_max);
        books.cloned().map(routes).unwrap_or_default()
    }

    /// The books, where any is named and they are this process's.
    fn open_books(&self) -> Result<Option<Books>, Failure> {
        if !self.settings.only.ledger || self.settings.ledger.books.is_empty() {
            return Ok(None);
        }
        let (clock, journal): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), self.folder.books());
        let opened = match self.settings.postgres.chosen().cloned() {
            None => self
                .require_signed(journal)
                .and_then(|()| Ledger::open(journal, &clock, &self.settings.ledger)),
            Some(config) => {
                let gear = Postgres::new(journal.clone(), self.settings.sinks.dialer()?, config);
                Ledger::on(journal, Arc::new(gear), &clock, &self.settings.ledger)
            }
        };
        let ledger = opened.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        let memos = Memos::open(&self.settings.data, self.settings.ledger.shared.subjects_max);
        let memos = memos.map_err(|error: MemoError| Failure::new(error.code(), &error, error.hint()))?;
        Ok(Some(Books { ledger: Arc::new(ledger), memos: Arc::new(memos) }))
    }

    /// What stands for pruned facts has to be this node's word.
    fn require_signed(&self, journal: &Journal) -> Result<(), OpenError> {
        let books = &self.settings.ledger.books;
        books.iter().try_for_each(|book| require_signed(journal, &book.name, &self.trees.keys_of(&book.name)))
    }

    async fn open_ways(&self) -> Result<Ways, Failure> {
        Ok(Ways { grpc: self.bind_grpc().await?, links: self.links()? })
    }

    /// The page of latest numbers, where topics are chosen for it.
    fn board(&self) -> Option<Arc<Board>> {
        let config = self.settings.sinks.page()?;
        Some(Arc::new(Board::new(config, self.ingest.clone(), self.folder.queues().clone())))
    }

    /// Where systems read over OPC UA, if they are to.
    async fn open_opcua(&self) -> Result<Option<Arc<OpcUaServer>>, Failure> {
        let Some(config) = &self.settings.opcua else { return Ok(None) };
        let (trust, identity, ingest) =
            (self.pipeline.trust.clone(), self.identity.clone(), self.ingest.clone());
        opcua::bind(config, trust, identity, ingest).await.map(|server| Some(Arc::new(server)))
    }

    /// What every HTTP listener is given.
    fn shared(&self, counts: &Arc<HttpCounts>) -> http::Shared {
        http::Shared {
            authenticate: self.identity.clone(),
            counts: counts.clone(),
            stays: Arc::default(),
            witness: Some(Arc::new(self.audit.clone())),
        }
    }

    /// Brokers elsewhere. Whether they can be reached is no reason not to start.
    fn links(&self) -> Result<Arc<Links>, Failure> {
        let link = |config: &tidegate_connector_mqtt::Config| {
            Link::new(config.clone(), self.ingest.clone()).map(Arc::new)
        };
        let links = self.settings.external.iter().map(link).collect::<Result<_, _>>();
        links.map(Links).map(Arc::new).map_err(|error| Failure::new(error.code(), &error, error.hint()))
    }

    async fn bind_grpc(&self) -> Result<Grpc, Failure> {
        let (config, journal) = (self.settings.grpc.clone(), self.folder.queues().clone());
        let readings = Arc::new(Readings(self.ingest.clone()));
        let handshake = self.tls.clone().map(|tls| -> Arc<dyn Handshake> { tls });
        let bound = Grpc::bind(config, readings, self.identity.clone(), journal, handshake).await;
        bound.map_err(|error| Failure::new(error.code(), &error, error.hint()))
    }

    /// In the order of draining: what accepts for the broker goes before it.
    fn wired(
        &self,
        Intake { door, http, ways, books }: Intake<'_>,
        storage: Arc<Storage>,
        board: Option<Arc<Board>>,
        opcua: Option<Arc<OpcUaServer>>,
    ) -> Wired {
        let mut wired: Vec<Arc<dyn Capability>> = Vec::new();
        if let Some(Door { mqtt, mqtts, .. }) = door {
            wired.extend(mqtts.clone().map(|mqtts| -> Arc<dyn Capability> { mqtts }));
            wired.push(mqtt.clone());
        }
        wired.extend(http.map(|http| -> Arc<dyn Capability> { http }));
        if let Some(Ways { grpc, links }) = ways {
            wired.extend([Arc::new(grpc.handle()) as Arc<dyn Capability>, links.clone()]);
            wired.extend([self.pipeline.plant.clone() as Arc<dyn Capability>, self.pipeline.desk.clone()]);
        }
        if let Some(Books { ledger, memos }) = books {
            wired.extend([ledger as Arc<dyn Capability>, memos]);
        }
        if self.settings.only.ingest {
            wired.push(self.ingest.clone());
        }
        if self.settings.only.notice {
            wired.push(self.notices.clone());
        }
        wired.extend([self.trees.clone() as Arc<dyn Capability>, storage, self.probe.clone()]);
        wired.extend(self.past.as_ref().map(|past| -> Arc<dyn Capability> { past.keeper.clone() }));
        wired.extend(board.map(|board| -> Arc<dyn Capability> { board }));
        wired.extend(opcua.map(|server| -> Arc<dyn Capability> { server }));
        wired.extend(self.traces.clone().map(|traces| -> Arc<dyn Capability> { traces }));
        wired.into()
    }
}
