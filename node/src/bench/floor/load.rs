//! Devices of one kind: how many, what stands in them, how often they are asked; as simulated PLCs and as a node's configuration. Pure.

use super::meter::Meter;
use crate::cli::Protocol;
use crate::sim::floor::{Image, Kind, Manner, Plc, Variable};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_engine_tags::TAGS_MAX;

/// No data block of an S7-1200 is longer than some bytes more.
const BLOCK_BYTES_MAX: usize = 64_000;

#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    pub(super) devices: usize,
    /// Of each device; as UINT16 or as REAL.
    pub(super) values: usize,
    /// From one of them to the next.
    stride_bytes: usize,
    pub(super) every: Duration,
    dead_percent: usize,
}

const REGISTERS: Load = Load {
    name: "",
    protocol: Protocol::Modbus,
    devices: 500,
    values: 30,
    stride_bytes: 2,
    every: Duration::from_secs(1),
    dead_percent: 0,
};
const REALS: Load = Load { protocol: Protocol::S7, devices: 50, values: 2000, stride_bytes: 4, ..REGISTERS };

impl Load {
    pub(super) const SLOW: Load = REGISTERS;
    pub(super) const FAST: Load = Load { devices: 100, every: Duration::from_millis(200), ..REGISTERS };
    pub(super) const DEAD: Load = Load { dead_percent: 10, ..Load::FAST };
    pub(super) const CONTIGUOUS: Load = Load { name: "contiguous", ..REALS };
    pub(super) const SUBSCRIBED: Load = Load {
        protocol: Protocol::OpcUa,
        devices: 1,
        values: 1000,
        stride_bytes: 4,
        every: Duration::from_millis(200),
        ..REGISTERS
    };
    pub(super) const SCATTERED: Load = Load { name: "scattered", stride_bytes: 64, ..REALS };

    /// Each tells the meter when it is asked for what stands first. Every tenth is dead where a tenth is.
    pub(super) fn plcs(&self, meter: &Meter) -> Vec<Plc> {
        let plc = |number: usize| {
            let manner = if self.is_dead(number) { Manner::Silent } else { Manner::Answers };
            let image = Image::new(self.blocks(), meter.clock(self.every)).with(self.variables());
            Plc { protocol: self.protocol, image, manner }
        };
        (0..self.devices).map(plc).collect()
    }

    /// For a protocol that has names.
    fn variables(&self) -> Vec<Variable> {
        let variable = |value: usize| {
            let (name, at) = (name_of(value), value * self.stride_bytes);
            Variable { name, at, kind: Kind::Real, is_writable: false }
        };
        let named = if self.protocol == Protocol::OpcUa { self.values } else { 0 };
        (0..named).map(variable).collect()
    }

    fn is_dead(&self, number: usize) -> bool {
        (number + 1) * self.dead_percent / 100 > number * self.dead_percent / 100
    }

    /// Devices that answer.
    pub(super) fn alive(&self) -> usize {
        self.devices - self.devices * self.dead_percent / 100
    }

    fn blocks(&self) -> Vec<Vec<u8>> {
        let bytes = self.values * self.stride_bytes;
        let whole = BLOCK_BYTES_MAX / self.stride_bytes * self.stride_bytes;
        let lengths = (0..bytes.div_ceil(whole)).map(|block| (bytes - block * whole).min(whole));
        lengths.map(|bytes| vec![0; bytes]).collect()
    }

    /// A PLC with more values than a template may have is several devices, which share its connection.
    pub(super) fn config(&self, plcs: &[(Protocol, SocketAddr)]) -> String {
        let mut text = String::new();
        for part in 0..self.parts() {
            self.template(&mut text, part);
            for (number, (protocol, address)) in plcs.iter().enumerate() {
                let (driver, place) = (protocol.name(), protocol.place(*address));
                let _ = write!(
                    text,
                    "[ingest.devices.plc-{number}-{part}]\ntopic = \"plc/{number}/{part}\"\ntemplate = \"part-{part}\"\n\
                     driver = \"{driver}\"\naddress = \"{place}\"\n"
                );
            }
        }
        text
    }

    fn parts(&self) -> usize {
        self.values.div_ceil(TAGS_MAX)
    }

    fn template(&self, text: &mut String, part: usize) {
        let every = self.every.as_millis();
        let _ = write!(
            text,
            "[ingest.templates.part-{part}.groups]\nall = {{ every = \"{every} ms\" }}\n[ingest.templates.part-{part}.tags]\n"
        );
        for value in part * TAGS_MAX..self.values.min((part + 1) * TAGS_MAX) {
            let _ = writeln!(text, "{} = {{ {}, group = \"all\" }}", name_of(value), self.tag(value));
        }
    }

    fn tag(&self, value: usize) -> String {
        let in_block = BLOCK_BYTES_MAX / self.stride_bytes;
        let (block, at) = (value / in_block + 1, value % in_block * self.stride_bytes);
        match self.protocol {
            Protocol::Modbus => format!("address = \"4{:04}\", type = \"integer\"", value + 1),
            Protocol::S7 => format!("address = \"DB{block}.DBD{at}:REAL\""),
            Protocol::OpcUa => format!("address = \"{}\"", Protocol::node(&name_of(value), "real")),
        }
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let Load { devices, values, stride_bytes, .. } = self;
        let every = self.every.as_millis();
        let what = match self.protocol {
            Protocol::Modbus => "registers".to_owned(),
            Protocol::S7 => format!("REAL, one every {stride_bytes} bytes, as {} devices", self.parts()),
            Protocol::OpcUa => "REAL by subscription".to_owned(),
        };
        let driver = self.protocol.name();
        let dead = self.devices - self.alive();
        let dead = if dead == 0 { String::new() } else { format!(", {dead} of them dead") };
        format!("{devices} PLCs of {driver}{dead}, {values} {what} each, every {every} ms")
    }
}

fn name_of(value: usize) -> String {
    format!("v{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    #[test]
    fn a_node_takes_up_each_load_and_every_value_stands_in_a_block() {
        for load in [Load::SLOW, Load::FAST, Load::DEAD, Load::CONTIGUOUS, Load::SCATTERED, Load::SUBSCRIBED]
        {
            let plcs = vec![(load.protocol, SocketAddr::from(([127, 0, 0, 1], 1))); load.devices];
            let text = load.config(&plcs);
            let source =
                Source { file: Some(text.as_bytes()), overrides: &[], secrets: &|_| Err(String::new()) };
            let (_, settings) =
                settings::read(&source).unwrap_or_else(|faults| panic!("{}", faults.report("load")));
            let values = settings.plant.devices.iter().map(|device| device.groups[0].tags.len());
            assert_eq!(values.sum::<usize>(), load.devices * load.values);
            assert_eq!(settings.plant.devices.len(), load.devices * load.parts());
            let bytes = load.blocks().iter().map(Vec::len).sum::<usize>();
            assert_eq!(bytes, load.values * load.stride_bytes);
        }
        assert_eq!(Load::SCATTERED.blocks().len(), 2);
        assert_eq!(Load::SCATTERED.tag(1000), "address = \"DB2.DBD0:REAL\"");
    }

    #[test]
    fn a_tenth_is_dead_where_a_tenth_is_to_be() {
        let dead = |load: Load| (0..load.devices).filter(|number| load.is_dead(*number)).count();
        assert_eq!((dead(Load::FAST), dead(Load::DEAD), Load::DEAD.alive()), (0, 10, 90));
    }
}
