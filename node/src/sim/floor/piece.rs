//! The configuration of a node that asks simulated PLCs: a template for each protocol, and a device for each PLC. Pure.

use crate::cli::Protocol;
use crate::sim::floor::opcua::NAMESPACE_INDEX;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// One value of every machine, and where it stands. OPC UA has it by its name.
struct Tag {
    name: &'static str,
    of: &'static str,
    group: &'static str,
    /// More that the file says of it.
    more: &'static str,
    modbus: &'static str,
    s7: &'static str,
}

const fn tag([name, of, group, more, modbus, s7]: [&'static str; 6]) -> Tag {
    Tag { name, of, group, more, modbus, s7 }
}

const TAGS: [Tag; 6] = [
    tag(["temperature", "real", "fast", "unit = \"°C\"", "40002:FLOAT", "DB1.DBD2:REAL"]),
    tag(["power", "real", "fast", "unit = \"kW\"", "40004:FLOAT", "DB1.DBD6:REAL"]),
    tag(["count", "integer", "fast", "", "40006:UINT32", "DB1.DBD10:UDINT"]),
    tag(["running", "boolean", "fast", "", "40001.0", "DB1.DBX1.0"]),
    tag([
        "setpoint",
        "real",
        "fast",
        "unit = \"°C\", min = 0.0, max = 200.0, writable = true",
        "40008:FLOAT",
        "DB1.DBD14:REAL",
    ]),
    tag(["enabled", "boolean", "slow", "writable = true", "00001", "DB1.DBX0.0"]),
];

impl Protocol {
    /// As the driver, the template and the devices are called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Modbus => "modbus",
            Protocol::S7 => "s7",
            Protocol::OpcUa => "opcua",
        }
    }

    fn address_of(self, tag: &Tag) -> String {
        match self {
            Protocol::Modbus => tag.modbus.to_owned(),
            Protocol::S7 => tag.s7.to_owned(),
            Protocol::OpcUa => Protocol::node(tag.name, tag.of),
        }
    }

    /// A variable of a simulated PLC that speaks OPC UA.
    pub(crate) fn node(name: &str, of: &str) -> String {
        format!("ns={NAMESPACE_INDEX};s={name}:{}", of.to_uppercase())
    }

    /// The address of a device.
    pub(crate) fn place(self, at: SocketAddr) -> String {
        match self {
            Protocol::Modbus => format!("tcp://{at}/1"),
            Protocol::S7 => format!("tcp://{at}/0/1"),
            Protocol::OpcUa => format!("opc.tcp://{at}?security=None&read=subscribe"),
        }
    }
}

/// Lines of a configuration that has no other devices called so.
pub(crate) fn text(plcs: &[(Protocol, SocketAddr)]) -> String {
    let mut text = String::new();
    for protocol in Protocol::ALL {
        let addresses = plcs.iter().filter(|(spoken, _)| *spoken == protocol).map(|(_, address)| *address);
        for (number, address) in (1..).zip(addresses) {
            if number == 1 {
                template(&mut text, protocol);
            }
            device(&mut text, protocol, number, address);
        }
    }
    text
}

fn template(text: &mut String, protocol: Protocol) {
    let name = protocol.name();
    let _ = write!(
        text,
        "\n[ingest.templates.plc-{name}.groups]\nfast = {{ every = \"500 ms\" }}\nslow = {{ every = \"2 s\" }}\n\
         [ingest.templates.plc-{name}.tags]\n"
    );
    for tag in &TAGS {
        let (address, Tag { name, of, group, more, .. }) = (protocol.address_of(tag), tag);
        let comma = if more.is_empty() { "" } else { ", " };
        let says = format!("address = \"{address}\", type = \"{of}\", group = \"{group}\"{comma}{more}");
        let _ = writeln!(text, "{name} = {{ {says} }}");
    }
}

fn device(text: &mut String, protocol: Protocol, number: usize, address: SocketAddr) {
    let (name, place) = (protocol.name(), protocol.place(reachable(address)));
    let _ = write!(
        text,
        "[ingest.devices.{name}-{number:02}]\ntopic = \"plc/{name}/{name}-{number:02}\"\ntemplate = \"plc-{name}\"\n\
         driver = \"{name}\"\naddress = \"{place}\"\n"
    );
}

/// What listens on every address is there at loopback as well.
fn reachable(address: SocketAddr) -> SocketAddr {
    let everywhere = address.ip().is_unspecified();
    SocketAddr::new(if everywhere { IpAddr::from(Ipv4Addr::LOCALHOST) } else { address.ip() }, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    #[test]
    fn a_node_takes_the_piece_up_as_it_is_printed_and_asks_each_plc_for_every_tag() {
        let address = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let plcs: Vec<_> = (1..).zip(Protocol::ALL.repeat(2)).map(|(port, of)| (of, address(port))).collect();
        let text = text(&plcs);
        let source = Source { file: Some(text.as_bytes()), overrides: &[], secrets: &|_| Err(String::new()) };
        let (_, settings) =
            settings::read(&source).unwrap_or_else(|faults| panic!("{}", faults.report("piece")));
        assert_eq!(settings.plant.devices.len(), plcs.len());
        for device in &settings.plant.devices {
            assert!(device.address.contains("tcp://127.0.0.1:"));
            assert_eq!(device.groups.iter().map(|group| group.tags.len()).sum::<usize>(), TAGS.len());
        }
    }
}
