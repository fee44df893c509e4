//! What `tidegate up --demo` tells once the node serves.

use crate::banner::say;
use crate::demo::folder::Folder;
use crate::demo::link::Listening;
use crate::lan::Greeting;
use std::fmt;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;

pub(super) struct Banner<'a> {
    pub(super) listening: Listening,
    /// Simulated ones that the node asks.
    pub(super) plcs: usize,
    /// The management listener of the node behind the cable.
    pub(super) centre: SocketAddr,
    pub(super) folder: &'a Folder,
    /// The usual port and the one in its place.
    pub(super) moved: &'a [(u16, u16)],
}

impl Banner<'_> {
    /// With the code for the phone where there is a terminal.
    pub(super) fn say(&self) {
        let code =
            self.listening.lan.as_ref().filter(|_| io::stdout().is_terminal()).and_then(Greeting::code);
        say(&(code.unwrap_or_default() + &self.to_string()));
    }
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listening { mqtt, admin, lan } = &self.listening;
        writeln!(f, "tidegate {}: a demonstration", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "  console http://{admin}/   on this machine")?;
        if let Some(lan) = lan {
            write!(f, "{lan}")?;
        }
        writeln!(f, "  mqtt   mqtt://{mqtt}   where the plant publishes; so may you")?;
        writeln!(
            f,
            "  plcs   {} simulated ones over Modbus TCP, S7 and OPC UA, which the node asks",
            self.plcs
        )?;
        writeln!(
            f,
            "  centre http://{}   the node behind the cable; a webhook is behind it as well",
            self.centre
        )?;
        let path = self.folder.path().display();
        match self.folder.stays {
            true => writeln!(f, "  data   {path}   stays; the next start goes on from it")?,
            false => writeln!(f, "  data   {path}   removed at the end; --data DIR keeps it")?,
        }
        for (usual, chosen) in self.moved {
            writeln!(f, "  port   {usual} is taken, so it is {chosen} here")?;
        }
        let option = if admin.port() == 7300 { String::new() } else { format!(" --admin {admin}") };
        writeln!(f, "in the console, or in another terminal:")?;
        writeln!(
            f,
            "  tidegate demo pull{option}   # the cable: sinks turn red, the plant goes on, lag rises"
        )?;
        writeln!(f, "  tidegate demo kill{option}   # kill -9 of the node: it is back within a second")?;
        writeln!(f, "  tidegate demo plug{option}   # lag drains, and every account closes")?;
        writeln!(
            f,
            "  tidegate demo story{option}  # an alarm: the reading that raised it, and where that has gone"
        )?;
        writeln!(f, "stop it with Ctrl-C: plant, node and centre end in this order")
    }
}
