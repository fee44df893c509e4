//! What a session does with SUBSCRIBE and UNSUBSCRIBE.

use tidegate_codec_mqtt::{
    Packet, ReasonCode, RetainHandling, Suback, Subscribe, SubscribeOutcome, Subscription, SubscriptionId,
    Unsuback, Unsubscribe,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::options::Options;
use crate::router::Kept;
use crate::session::Session;
use crate::subscription::Wanted;
use crate::tree::levels;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// One outcome for each filter, in order [MQTT-3.8.4-5].
    pub(super) fn subscribe(&mut self, asked: &Subscribe) {
        self.listens = true;
        let (mut outcomes, mut last) = (Vec::with_capacity(asked.subscriptions.len()), None);
        for one in &asked.subscriptions {
            match self.subscribe_to(one, asked.subscription_id) {
                Ok(kept) => {
                    outcomes.push(SubscribeOutcome::Granted(one.qos));
                    last = kept.or(last);
                }
                Err(reason) => outcomes.push(SubscribeOutcome::Refused(reason)),
            }
        }
        self.answer_once_kept(Packet::Suback(Suback::new(asked.id, outcomes)), last);
    }

    fn subscribe_to(&mut self, asked: &Subscription, id: Option<SubscriptionId>) -> Result<Kept, ReasonCode> {
        let wanted = Wanted::parse(asked.filter.as_bytes()).ok_or(ReasonCode::TopicFilterInvalid)?;
        self.check(asked, wanted)?;
        let Subscription { filter, qos, no_local, retain_as_published, retain_handling, .. } = asked;
        let options =
            Options { qos: *qos, no_local: *no_local, retain_as_published: *retain_as_published, id };
        let subscribed = self.hub.router.subscribe(&self.berth, filter, wanted, options);
        let (is_new, kept) = subscribed.map_err(|_| ReasonCode::QuotaExceeded)?;
        let replay = match retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if replay && wanted.share.is_none() {
            self.hub.router.replay(&self.berth, wanted.filter, options, &mut self.rings);
        }
        Ok(kept)
    }

    fn check(&self, asked: &Subscription, wanted: Wanted<'_>) -> Result<(), ReasonCode> {
        let (router, config) = (&self.hub.router, &self.hub.config);
        if !self.permissions.may_subscribe(wanted.filter) {
            self.hub.counters.denied.add(1);
            return Err(ReasonCode::NotAuthorized);
        }
        if router.is_withheld(wanted.filter) {
            // Which topics are withheld is not told.
            self.hub.counters.denied.add(1);
            return Err(ReasonCode::UnspecifiedError);
        }
        if levels(wanted.filter) > config.topic_levels_max {
            return Err(ReasonCode::TopicFilterInvalid);
        }
        let is_full = self.berth.subscriptions() >= config.subscriptions_max;
        if is_full && !self.berth.has_subscription(&asked.filter) {
            return Err(ReasonCode::QuotaExceeded);
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, asked: &Unsubscribe) {
        let (mut reasons, mut last) = (Vec::with_capacity(asked.filters.len()), None);
        for filter in &asked.filters {
            match self.hub.router.unsubscribe(&self.berth, filter) {
                Ok((was_there, kept)) => {
                    let absent = ReasonCode::NoSubscriptionExisted;
                    reasons.push(if was_there { ReasonCode::Success } else { absent });
                    last = kept.or(last);
                }
                Err(_) => reasons.push(ReasonCode::UnspecifiedError),
            }
        }
        self.answer_once_kept(Packet::Unsuback(Unsuback::with_reasons(asked.id, reasons)), last);
    }
}
