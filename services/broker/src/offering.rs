//! A publication's way into the broker: to the intake, which keeps readings, and then to the subscribers.

use tidegate_codec_mqtt::PacketId;
use tidegate_kernel_journal::Level;

use crate::hub::Hub;
use crate::intake::{Declined, Publication, Receipt};
use crate::outstanding::Safe;
use crate::router::{Letter, Rings, Unkept};

/// Who offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The publisher's berth.
    pub(crate) berth: u64,
    /// The publisher's session is kept, and this QoS 2 publication must not be taken from it a second time.
    pub(crate) received: Option<PacketId>,
}

/// What became of an offer.
#[derive(Debug)]
pub(crate) enum Offered {
    Taken(Safe),
    /// Offer it again, with the receipt where the intake has it already.
    Busy(Option<Receipt>),
    Refused {
        code: &'static str,
    },
}

impl Hub {
    /// To the intake, unless that has it already, and then to the subscribers. Who has to be told is added to `rings`.
    pub(crate) fn offer(
        &self,
        publication: &Publication,
        receipt: Option<Receipt>,
        source: Source,
        rings: &mut Rings,
    ) -> Offered {
        let receipt = match receipt {
            Some(receipt) => Some(receipt),
            None => match self.intake.offer(publication) {
                Ok(receipt) => Some(receipt),
                Err(Declined::NoReading { .. }) => None,
                Err(Declined::Busy) => return Offered::Busy(None),
                Err(Declined::Refused { code }) => return Offered::Refused { code },
            },
        };
        let level = receipt.as_ref().map_or(Level::Os, |receipt| receipt.level.max(Level::Os));
        let Source { berth: from, received } = source;
        match self.router.route(Letter { publication, from, received, level }, rings) {
            Ok(kept) => Offered::Taken(Safe { receipt, kept }),
            Err(Unkept::Busy) => Offered::Busy(receipt),
            Err(Unkept::Refused { code }) => Offered::Refused { code },
        }
    }
}
