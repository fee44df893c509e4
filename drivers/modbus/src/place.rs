//! Where a device is: `tcp://10.0.0.5:502/3`, a host, a port and a unit behind it. Pure.

use crate::error::Misfit;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::Unfit;

const PORT: u16 = 502;
const UNIT: u8 = 1;

/// One unit behind one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) unit: u8,
}

impl Place {
    /// The port is 502 and the unit 1 unless they are said.
    pub(crate) fn parse(text: &str) -> Result<Place, Unfit> {
        let misfit = |why: String| Unfit::from(Misfit::Place { text: text.to_owned(), why });
        let endpoint = Endpoint::with_schemes(text, &[("tcp", false, PORT)]);
        let endpoint = endpoint.map_err(|error| misfit(error.to_string()))?;
        let unit = match endpoint.path.strip_prefix('/') {
            None => UNIT,
            Some(unit) => unit.parse().map_err(|_| misfit("its unit is none".to_owned()))?,
        };
        Ok(Place { endpoint, unit })
    }

    /// Units behind one host and port share a connection.
    pub(crate) fn bus(&self) -> String {
        format!("{}:{}", self.endpoint.host, self.endpoint.port)
    }
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
}
