//! The process that runs this one for a demonstration, where there is one. Elsewhere nothing here does anything.

use crate::cli::Up;
#[cfg(feature = "lab")]
use crate::demo::{self, Link, Listening};
use crate::lan::Greeting;
use std::io;
use std::net::SocketAddr;
use tidegate_kernel_plug::Routes;

#[derive(Debug, Default)]
pub(crate) struct Parent {
    #[cfg(feature = "lab")]
    link: Option<Link>,
}

#[cfg(feature = "lab")]
impl Parent {
    /// As the command line says. Called within a runtime.
    pub(crate) fn of(options: &Up) -> io::Result<Parent> {
        if options.end_with_stdin {
            demo::end_with_stdin()?;
        }
        Ok(Parent { link: options.demo_line.then(Link::open).transpose()? })
    }

    pub(crate) fn routes(&self) -> Routes {
        self.link.clone().map(demo::routes).unwrap_or_default()
    }

    /// Tells it that the node serves; false where nobody is told, so that people are.
    pub(crate) async fn tell(
        &self,
        mqtt: Option<SocketAddr>,
        admin: SocketAddr,
        lan: Option<Greeting>,
    ) -> bool {
        match self.link.as_ref().zip(mqtt) {
            Some((link, mqtt)) => link.tell(Listening { mqtt, admin, lan }).await,
            None => return false,
        }
        true
    }
}

#[cfg(not(feature = "lab"))]
impl Parent {
    pub(crate) fn of(_options: &Up) -> io::Result<Parent> {
        Ok(Parent::default())
    }

    pub(crate) fn routes(&self) -> Routes {
        Routes::new()
    }

    pub(crate) async fn tell(
        &self,
        _mqtt: Option<SocketAddr>,
        _admin: SocketAddr,
        _lan: Option<Greeting>,
    ) -> bool {
        false
    }
}
