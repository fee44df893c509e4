//! HTTP routes as a capability hands them to the node: what each is for, whom it serves, how much it reads.
//!
//! This is the only way to a listener, so what [`Gate`] holds (request id, identity, rate, limits, one shape of refusal) holds
//! for every route. Opens no socket; what is about connections is the listener's.

mod body;
mod counts;
mod credential;
mod gate;
mod refusal;
mod request_id;
mod traced;
mod visit;
mod witness;

pub use counts::HttpCounts;
pub use credential::{SESSION_COOKIE, session_of};
pub use gate::{Gate, RequestLimits};
pub use refusal::Refusal;
pub use request_id::RequestId;
pub use visit::{Stays, Visit};
pub use witness::{Act, Changed, Outcome, Witness, Witnessing};

use crate::principal::Role;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use std::fmt;
use std::sync::Arc;

/// Whom a route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anyone; nobody is asked who they are.
    Nothing,
    /// Whoever has proven who they are, and nobody in particular where the node lets them in. A handler finds an
    /// `Extension<Arc<Principal>>`, and asks it about topics itself.
    Authenticated,
    /// The same, with any role: people who look after the node, not devices.
    AnyRole,
    /// The same, with this role.
    Role(Role),
    /// The same, where the handler writes down what it does: it has to say more of it than the gate knows.
    Command(Role),
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    /// As axum writes it: `/api/v1/things/{name}`.
    pub path: &'static str,
    pub need: Need,
    /// The largest body; it is read whole before the handler runs.
    pub body_bytes_max: usize,
    /// What it is for, in one line, for a person.
    pub purpose: &'static str,
}

impl Route {
    /// Whether a request for it changes something, and takes a role.
    fn is_administrative(&self) -> bool {
        !self.method.is_safe() && matches!(self.need, Need::Role(_))
    }

    /// A route that takes no body.
    pub fn get(path: &'static str, need: Need, purpose: &'static str) -> Route {
        Route { method: Method::GET, path, need, body_bytes_max: 0, purpose }
    }

    /// A route that does something and takes no body.
    pub fn post(path: &'static str, need: Need, purpose: &'static str) -> Route {
        Route { method: Method::POST, path, need, body_bytes_max: 0, purpose }
    }
}

/// Routes with their handlers.
#[derive(Default)]
pub struct Routes(Vec<Declared>);

struct Declared {
    route: Route,
    handler: MethodRouter,
}

/// What stands before one handler.
#[derive(Clone)]
struct Post {
    gate: Arc<Gate>,
    route: Arc<Route>,
}

impl Routes {
    pub fn new() -> Routes {
        Routes::default()
    }

    /// One more. A handler answers a refusal of its own by returning a [`Refusal`]. Panics on a method that HTTP has no name for.
    #[must_use]
    pub fn with<H, T, S>(mut self, route: Route, handler: H, state: S) -> Routes
    where
        H: Handler<T, S>,
        T: 'static,
        S: Clone + Send + Sync + 'static,
    {
        let filter =
            MethodFilter::try_from(route.method.clone()).expect("a route has one of HTTP's own methods");
        self.0.push(Declared { handler: on(filter, handler).with_state(state), route });
        self
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, others: Routes) -> Routes {
        self.0.extend(others.0);
        self
    }

    /// The same, but that those for which there is a refusal answer with it and nothing else, to whom they would answer.
    #[must_use]
    pub fn refusing(mut self, refusal: impl Fn(&Route) -> Option<Refusal>) -> Routes {
        for Declared { route, handler } in &mut self.0 {
            let Some(refusal) = refusal(route) else { continue };
            let filter = MethodFilter::try_from(route.method.clone()).expect("it was declared with it");
            *handler = on(filter, async move || refusal.clone());
        }
        self
    }

    /// What there is, in the order it was added.
    pub fn list(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().map(|declared| &declared.route)
    }

    /// Everything behind one gate, ready for a listener, which has to say who knocked and on which connection: each request carries
    /// extensions [`Knock`](crate::Knock) and `Arc<`[`Visit`]`>`. Panics where two routes are the same.
    pub fn behind(self, gate: Arc<Gate>) -> Router {
        let mut router = Router::new();
        for Declared { route, handler } in self.0 {
            let path = route.path;
            let post = Post { gate: gate.clone(), route: Arc::new(route) };
            router = router.route(path, handler.layer(from_fn_with_state(post, gate::admit)));
        }
        router
            .fallback(|| async { Refusal::no_route() })
            .method_not_allowed_fallback(|| async { Refusal::wrong_method() })
            .layer(from_fn_with_state(gate, gate::frame))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}
