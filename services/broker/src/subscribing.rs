//! What a session does with SUBSCRIBE and UNSUBSCRIBE.

use tidegate_codec_mqtt::{Packet, Suback, Subscribe, SubscribeOutcome, Subscription, Unsuback, Unsubscribe};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::options::Options;
use crate::reason::Ending;
use crate::session::Session;
use crate::subscription::Wanted;
use crate::tree::levels;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// One outcome for each filter, in order [MQTT-3.8.4-5].
    pub(super) fn subscribe(&mut self, asked: &Subscribe) -> Result<(), Ending> {
        self.listens = true;
        let outcomes = asked.subscriptions.iter().map(|one| self.subscribe_to(one)).collect();
        self.answer(&Packet::Suback(Suback::new(asked.id, outcomes)));
        Ok(())
    }

    fn subscribe_to(&mut self, asked: &Subscription) -> SubscribeOutcome {
        let text = asked.filter.as_bytes();
        let Some(wanted) = Wanted::parse(text) else { return SubscribeOutcome::Failed };
        if !self.may_subscribe(wanted) {
            self.hub.counters.denied.add(1);
            return SubscribeOutcome::Failed;
        }
        let full = self.berth.subscriptions() >= self.hub.config.subscriptions_max;
        if levels(text) > self.hub.config.topic_levels_max
            || full && !self.berth.has_subscription(&asked.filter)
        {
            return SubscribeOutcome::Failed;
        }
        let options = Options { qos: asked.qos, no_local: false, retain_as_published: false, id: None };
        self.hub.router.subscribe(&self.berth, &asked.filter, wanted, options);
        if wanted.share.is_none() {
            self.hub.router.replay(&self.berth, wanted.filter, options, &mut self.rings);
        }
        SubscribeOutcome::Granted(asked.qos)
    }

    fn may_subscribe(&self, wanted: Wanted<'_>) -> bool {
        self.permissions.may_subscribe(wanted.filter) && !self.hub.router.is_withheld(wanted.filter)
    }

    pub(super) fn unsubscribe(&mut self, asked: &Unsubscribe) -> Result<(), Ending> {
        for filter in &asked.filters {
            self.hub.router.unsubscribe(&self.berth, filter);
        }
        self.answer(&Packet::Unsuback(Unsuback::new(asked.id)));
        Ok(())
    }
}
