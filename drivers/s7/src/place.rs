//! Where a station is: `tcp://HOST[:PORT]/RACK/SLOT`.

use std::fmt;
use tidegate_codec_s7::Offer;
use tidegate_kernel_outbound::Endpoint;
use tidegate_service_plant::Unfit;

const PORT: u16 = 102;
const RACK_MAX: u8 = 7;
const SLOT_MAX: u8 = 31;

/// One CPU, by where its module sits behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) endpoint: Endpoint,
    rack: u8,
    slot: u8,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Place, Unfit> {
        let unfit = |why: &str| Unfit {
            code: "TG-SI-040",
            message: format!("{text:?} is no place of an S7 station: {why}"),
            hint:
                "write tcp://192.168.0.10/0/1 with rack and slot: 0/1 for S7-1200 and S7-1500, 0/2 for S7-300"
                    .to_owned(),
        };
        let endpoint = Endpoint::with_schemes(text, &[("tcp", false, PORT)])
            .map_err(|error| unfit(&error.to_string()))?;
        let numbers = endpoint.path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let (rack, slot) = numbers.ok_or_else(|| unfit("there is no rack and slot"))?;
        let number = |text: &str, max: u8| text.parse().ok().filter(|number| *number <= max);
        let rack = number(rack, RACK_MAX).ok_or_else(|| unfit("a rack is 0 to 7"))?;
        let slot = number(slot, SLOT_MAX).ok_or_else(|| unfit("a slot is 0 to 31"))?;
        Ok(Place { endpoint, rack, slot })
    }

    pub(crate) fn offer(&self) -> Offer {
        Offer::rack_slot(self.rack, self.slot)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.endpoint, self.rack, self.slot)
    }
}
