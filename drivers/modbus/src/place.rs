//! Where a device is: `tcp://10.0.0.5:502/3`, a host, a port and a unit behind it; or `rtu:///dev/ttyUSB0/3`, a unit on a serial line. Pure.

use crate::error::Misfit;
use crate::line::Line;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::Unfit;

const PORT: u16 = 502;
const UNIT: u8 = 1;
const LINE: &str = "rtu://";
/// Of a line: what is above is reserved, and nobody answers to 0 (Modbus over Serial Line 1.02, 2.2).
const UNITS: std::ops::RangeInclusive<u8> = 1..=247;

/// One unit behind one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) way: Way,
    pub(crate) unit: u8,
}

/// How units are reached that share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Net(Endpoint),
    Line(Line),
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Place, Unfit> {
        let place = match text.strip_prefix(LINE) {
            Some(line) => on_line(line),
            None => behind(text),
        };
        place.map_err(|why| Misfit::Place { text: text.to_owned(), why }.into())
    }

    /// Units behind one host and port, or on one line, share a connection.
    pub(crate) fn bus(&self) -> String {
        match &self.way {
            Way::Net(endpoint) => format!("{}:{}", endpoint.host, endpoint.port),
            Way::Line(line) => line.path.clone(),
        }
    }
}

/// The port is 502 and the unit 1 unless they are said.
fn behind(text: &str) -> Result<Place, String> {
    let endpoint =
        Endpoint::with_schemes(text, &[("tcp", false, PORT)]).map_err(|error| error.to_string())?;
    let unit = match endpoint.path.strip_prefix('/') {
        None => UNIT,
        Some(unit) => unit.parse().map_err(|_| "its unit is none".to_owned())?,
    };
    Ok(Place { way: Way::Net(endpoint), unit })
}

fn on_line(text: &str) -> Result<Place, String> {
    let (line, unit) = Line::parse(text)?;
    let unit = unit.parse().ok().filter(|unit| UNITS.contains(unit));
    let unit = unit.ok_or("the last part is no unit from 1 to 247")?;
    Ok(Place { way: Way::Line(line), unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_perhaps_a_port_and_a_unit() {
        let place =
            |text| Place::parse(text).map(|place| (place.bus(), place.unit)).map_err(|unfit| unfit.code);
        assert_eq!(place("tcp://10.0.0.5"), Ok(("10.0.0.5:502".to_owned(), 1)));
        assert_eq!(place("tcp://plc-7.hall:1502/247"), Ok(("plc-7.hall:1502".to_owned(), 247)));
        assert_eq!(place("tcp://[::1]:502/0"), Ok(("::1:502".to_owned(), 0)));
        for text in
            ["10.0.0.5", "tcp://", "tcp://h/256", "tcp://h/1/2", "tcp://h:x", "http://h", "tcp://h/x", ""]
        {
            assert_eq!(place(text), Err("TG-MB-001"), "{text}");
        }
    }

    #[test]
    fn a_place_on_a_line_is_a_device_file_a_unit_and_perhaps_settings() {
        let place =
            |text| Place::parse(text).map(|place| (place.bus(), place.unit)).map_err(|unfit| unfit.code);
        assert_eq!(place("rtu:///dev/ttyUSB0/3"), Ok(("/dev/ttyUSB0".to_owned(), 3)));
        let long = "rtu:///dev/serial/by-id/usb-FTDI_FT232R-if00-port0/247?baud=9600&parity=none&stop=2";
        assert_eq!(place(long), Ok(("/dev/serial/by-id/usb-FTDI_FT232R-if00-port0".to_owned(), 247)));
        for text in [
            "rtu://",
            "rtu:///3",
            "rtu:///dev/ttyUSB0",
            "rtu:///dev/ttyUSB0/0",
            "rtu:///dev/ttyUSB0/248",
            "rtu://ttyUSB0/3",
            "rtu:///dev/tty USB0/3",
            "rtu:///dev/ttyUSB0/3?baud=fast",
            "rtu:///dev/ttyUSB0/3?baud=0",
            "rtu:///dev/ttyUSB0/3?parity=mark",
            "rtu:///dev/ttyUSB0/3?stop=3",
            "rtu:///dev/ttyUSB0/3?speed=9600",
        ] {
            assert_eq!(place(text), Err("TG-MB-001"), "{text}");
        }
    }
}
