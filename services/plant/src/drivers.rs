//! The drivers there are, by name, behind one face for all of them: here a driver's own types end.

use crate::driver::{Driver, Unfit};
use crate::line::{Line, LineSpec, Tools};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tidegate_engine_tags::Type;

/// All drivers of a node. Whoever puts the node together names them once.
#[derive(Debug, Clone, Default)]
pub struct Drivers(Vec<Arc<dyn AnyDriver>>);

/// A driver of whatever types.
pub(crate) trait AnyDriver: fmt::Debug + Send + Sync {
    fn driver_name(&self) -> &'static str;

    /// The bus that the place of this text is on.
    fn bus_of(&self, place: &str) -> Result<String, Unfit>;

    /// Whether its devices can be shown who asks.
    fn has_login(&self) -> bool;

    /// What stands at the address of this text.
    fn type_of(&self, address: &str) -> Result<Type, Unfit>;

    /// Asks the devices of one bus until it is told to end.
    fn run(self: Arc<Self>, spec: Arc<LineSpec>, tools: Tools) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<D: Driver> AnyDriver for D {
    fn driver_name(&self) -> &'static str {
        self.name()
    }

    fn bus_of(&self, place: &str) -> Result<String, Unfit> {
        self.place(place).map(|place| self.bus(&place))
    }

    fn has_login(&self) -> bool {
        self.logs_in()
    }

    fn type_of(&self, address: &str) -> Result<Type, Unfit> {
        self.address(address).map(|(_, of)| of)
    }

    fn run(self: Arc<Self>, spec: Arc<LineSpec>, tools: Tools) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { Line::new(self, spec, tools).run().await })
    }
}

impl Drivers {
    #[must_use]
    pub fn with(mut self, driver: impl Driver) -> Drivers {
        self.0.push(Arc::new(driver));
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<dyn AnyDriver>> {
        self.0.iter().find(|driver| driver.driver_name() == name)
    }

    /// For people.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(|driver| driver.driver_name()).collect::<Vec<_>>().join(", ")
    }
}
