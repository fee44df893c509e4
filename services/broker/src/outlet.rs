//! How one client takes its messages: at which level, how large, with which aliases. Pure.

use std::collections::BTreeMap;

use bytes::BytesMut;
use tidegate_codec_mqtt::{
    Connect, Delivery, Encoder, Hop, PACKET_BYTES_MAX, ProtocolLevel, TopicAlias, TopicName,
};
use tokio::time::Instant;

use crate::parcel::Parcel;
use crate::shed::Shed;

#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) encoder: Encoder,
    packet_bytes_max: usize,
    alias_max: u16,
    /// What the client has learned on this connection.
    aliases: BTreeMap<TopicName, TopicAlias>,
}

impl Outlet {
    pub(crate) fn new(connect: &Connect, alias_max: u16) -> Self {
        let properties = &connect.properties;
        let packet_bytes_max =
            properties.packet_bytes_max.map_or(PACKET_BYTES_MAX, |bytes| bytes.get() as usize);
        let mut encoder = Encoder::new(connect.level);
        encoder.set_packet_bytes_max(packet_bytes_max);
        encoder.set_problem_information(properties.request_problem_information);
        let alias_max = properties.topic_alias_max.min(alias_max);
        Self { encoder, packet_bytes_max, alias_max, aliases: BTreeMap::new() }
    }

    pub(crate) fn level(&self) -> ProtocolLevel {
        self.encoder.level()
    }

    /// Writes one message, or says why the client cannot have it.
    pub(crate) fn put(&mut self, parcel: &Parcel, now: Instant, out: &mut BytesMut) -> Result<(), Shed> {
        let delivery = parcel.delivery();
        let message = &parcel.message;
        let is_plain = parcel.ids.is_empty() && self.alias_max == 0 && message.expires_at.is_none();
        if !is_plain && self.level() != ProtocolLevel::V311 {
            return self.put_whole(parcel, delivery, now, out);
        }
        let frame = message.frame(self.level(), parcel.id.is_some());
        if frame.len() > self.packet_bytes_max {
            return Err(Shed::PacketTooLarge);
        }
        frame.put(delivery, parcel.retain, out);
        Ok(())
    }

    fn put_whole(
        &mut self,
        parcel: &Parcel,
        delivery: Delivery,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), Shed> {
        let topic = &parcel.message.publish.topic;
        let known = self.aliases.get(topic).copied();
        let alias = known.or_else(|| self.next_alias());
        let hop = Hop {
            retain: parcel.retain,
            alias,
            topic_known: known.is_some(),
            expiry_s: parcel.message.expiry_s(now),
            subscription_ids: &parcel.ids,
            ..Hop::new(delivery)
        };
        self.encoder.forward(&parcel.message.publish, &hop, out).map_err(|_| Shed::PacketTooLarge)?;
        if let (None, Some(alias)) = (known, alias) {
            self.aliases.insert(topic.clone(), alias);
        }
        Ok(())
    }

    /// Aliases go to the topics that come first; the rest is spelled out.
    fn next_alias(&self) -> Option<TopicAlias> {
        let next = u16::try_from(self.aliases.len() + 1).ok().filter(|next| *next <= self.alias_max)?;
        TopicAlias::new(next)
    }
}
