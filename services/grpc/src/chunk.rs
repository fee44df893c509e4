//! A part of a batch that goes to the intake as one: which of its readings are new, which are fit. Pure.

use crate::caller::Caller;
use crate::fault::{Fault, Unfit};
use crate::intake::Offer;
use crate::v1::{Reading, Refusal};
use std::collections::VecDeque;
use tidegate_codec_mqtt::{Text, TopicName};

/// What is offered at once: small enough for one batch of the journal, and for its notes to cost little.
const READINGS_MAX: usize = 64;
const BYTES_MAX: usize = 128 << 10;
/// Of one reading; with its names it is then below what one record of the journal may have.
const READING_BYTES_MAX: usize = 240 << 10;

/// How many of the waiting readings make the next chunk.
pub(crate) fn length(waiting: &VecDeque<Reading>) -> usize {
    let mut bytes = 0;
    let fits = |reading: &&Reading| {
        bytes += size(reading);
        bytes <= BYTES_MAX
    };
    waiting.iter().take(READINGS_MAX).take_while(fits).count().max(1).min(waiting.len())
}

pub(crate) fn size(reading: &Reading) -> usize {
    reading.topic.len() + reading.payload.len() + reading.content_type.len()
}

/// What was made of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) offers: Vec<Offer>,
    /// With the codes they are counted under.
    pub(crate) unfit: Vec<(&'static str, Refusal)>,
    pub(crate) duplicates: u64,
    /// The last sequence seen.
    pub(crate) through: u64,
}

impl Judged {
    /// `last` is how far the stream is; nothing where the readings are of no stream.
    pub(crate) fn of<'a>(
        chunk: impl Iterator<Item = &'a Reading>,
        last: Option<u64>,
        caller: &Caller,
    ) -> Result<Judged, Fault> {
        let mut judged = Judged { through: last.unwrap_or_default(), ..Judged::default() };
        for reading in chunk {
            judged.judge(reading, last.is_some(), caller)?;
        }
        Ok(judged)
    }

    fn judge(&mut self, reading: &Reading, in_stream: bool, caller: &Caller) -> Result<(), Fault> {
        if in_stream {
            match reading.sequence {
                0 => return Err(Fault::Sequence),
                sequence if sequence <= self.through => {
                    self.duplicates += 1;
                    return Ok(());
                }
                sequence => self.through = sequence,
            }
        }
        match offer(reading, caller) {
            Ok(offer) => self.offers.push(offer),
            Err(unfit) => {
                self.unfit.push((unfit.code(), refusal(reading.sequence, unfit.code(), unfit.to_string())));
            }
        }
        Ok(())
    }
}

pub(crate) fn refusal(sequence: u64, code: &'static str, message: String) -> Refusal {
    Refusal { sequence, code: code.to_owned(), message }
}

fn offer(reading: &Reading, caller: &Caller) -> Result<Offer, Unfit> {
    if size(reading) > READING_BYTES_MAX {
        return Err(Unfit::TooLarge);
    }
    let topic: TopicName = reading.topic.parse().map_err(|_| Unfit::Topic)?;
    if !caller.may_publish(&topic) {
        return Err(Unfit::NotPermitted);
    }
    Ok(Offer {
        sequence: reading.sequence,
        topic,
        payload: reading.payload.clone(),
        content_type: Text::new(&reading.content_type).map_err(|_| Unfit::Topic)?,
        source_ms: reading.source_ms,
    })
}
