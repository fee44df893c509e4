//! Where a tag stands: `ns=2;s=Line.Temp`, with a type and what a subscription is to do with it: `ns=2;s=Line.Temp:REAL deadband=0.5
//! queue=10`. Pure.

use crate::error::Misfit;
use opcua::types::{Identifier, NodeId};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tidegate_service_plant::{Type, Unfit};

/// Values of one tag that a server may hold back until it publishes.
const QUEUE_MAX: u32 = 1000;
const TYPES: [(&str, Type); 4] =
    [("REAL", Type::Real), ("INTEGER", Type::Integer), ("BOOLEAN", Type::Boolean), ("TEXT", Type::Text)];

/// One variable of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    pub(crate) node: NodeId,
    pub(crate) of: Type,
    pub(crate) deadband: Option<Deadband>,
    pub(crate) queue: u32,
    /// As it was written, for people.
    text: Arc<str>,
}

/// How far a number moves before the server tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Deadband {
    Absolute(f64),
    /// Of the range that the server knows of the variable.
    Percent(f64),
}

impl Address {
    /// Whether they are the same variable, whatever else they say of it.
    pub fn is_of_node(&self, other: &Address) -> bool {
        self.node == other.node
    }

    pub(crate) fn parse(text: &str) -> Result<Address, Unfit> {
        let misfit = |why| Unfit::from(Misfit::Address { text: text.to_owned(), why });
        let (mut rest, mut deadband, mut queue) = (text.trim(), None, 1);
        // From the end, for the name of a node may have anything in it.
        while let Some((before, option)) = rest.rsplit_once(' ') {
            match option.split_once('=') {
                Some(("deadband", value)) => deadband = Some(deadband_of(value).map_err(misfit)?),
                Some(("queue", value)) => queue = queue_of(value).map_err(misfit)?,
                _ => break,
            }
            rest = before.trim_end();
        }
        let (rest, of) = typed(rest);
        if deadband.is_some() && !matches!(of, Type::Real | Type::Integer) {
            return Err(misfit("only a number has a deadband"));
        }
        let node = NodeId::from_str(rest).map_err(|_| misfit("it is no node id"))?;
        let is_empty = matches!(&node.identifier, Identifier::String(name) if name.is_empty());
        if node.is_null() || is_empty {
            return Err(misfit("it names no node"));
        }
        Ok(Address { node, of, deadband, queue, text: text.trim().into() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Without a type at its end a node is a real.
fn typed(text: &str) -> (&str, Type) {
    let known = |name: &str| TYPES.iter().find(|(known, _)| *known == name).map(|(_, of)| *of);
    let split = text.rsplit_once(':').and_then(|(rest, name)| Some((rest, known(name)?)));
    split.unwrap_or((text, Type::Real))
}

fn deadband_of(value: &str) -> Result<Deadband, &'static str> {
    let (number, percent) = value.strip_suffix('%').map_or((value, false), |number| (number, true));
    let number = number.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    let number = number.ok_or("its deadband is no positive number")?;
    match percent {
        true if number > 100.0 => Err("its deadband is more than the whole range"),
        true => Ok(Deadband::Percent(number)),
        false => Ok(Deadband::Absolute(number)),
    }
}

fn queue_of(value: &str) -> Result<u32, &'static str> {
    let queue = value.parse().ok().filter(|queue| (1..=QUEUE_MAX).contains(queue));
    queue.ok_or("its queue is no number from 1 to 1000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_node_and_perhaps_a_type_and_options() {
        let of = |text| {
            let Address { node, of, deadband, queue, .. } = Address::parse(text).expect(text);
            (node.to_string(), of, deadband, queue)
        };
        let line = "ns=2;s=Line.Temp";
        assert_eq!(of(line), (line.to_owned(), Type::Real, None, 1));
        assert_eq!(of("ns=2;i=1001:INTEGER"), ("ns=2;i=1001".to_owned(), Type::Integer, None, 1));
        assert_eq!(of("i=2258:TEXT"), ("i=2258".to_owned(), Type::Text, None, 1));
        let odd = "ns=4;s=|var|PLC.Application.PRG x:y";
        assert_eq!(of(odd), (odd.to_owned(), Type::Real, None, 1), "colons, bars and blanks are the node's");
        let all = of("ns=2;s=a b:REAL deadband=0.5 queue=10");
        assert_eq!(all, ("ns=2;s=a b".to_owned(), Type::Real, Some(Deadband::Absolute(0.5)), 10));
        assert_eq!(of("ns=2;s=a queue=3 deadband=2%").2, Some(Deadband::Percent(2.0)));
    }

    #[test]
    fn what_is_no_address_says_so() {
        for text in [
            "",
            "Line.Temp",
            "ns=2",
            "ns=2;s=",
            "ns=2;x=1",
            "ns=70000;i=1",
            "ns=2;i=-1",
            "i=0",
            "ns=2;s=a deadband=-1",
            "ns=2;s=a deadband=x",
            "ns=2;s=a deadband=101%",
            "ns=2;s=a queue=0",
            "ns=2;s=a queue=1001",
            "ns=2;s=a:TEXT deadband=1",
        ] {
            assert_eq!(Address::parse(text).map_err(|unfit| unfit.code), Err("TG-UA-002"), "{text:?}");
        }
    }
}
