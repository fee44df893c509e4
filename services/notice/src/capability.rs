//! The outbox as the node holds it: its measures, ready while its channels run, drained when they have sent what they can.

use crate::channel::Order;
use crate::notices::{ChannelAccount, Notices};
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tokio::time::{timeout, timeout_at};

/// How long a channel that missed the deadline may take to put its message down.
const STOP_WAIT: Duration = Duration::from_millis(500);

impl Capability for Notices {
    fn name(&self) -> &'static str {
        "notice"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        families(&self.accounts())
    }

    /// A robot that is broken is no reason to send devices elsewhere.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let orders: Vec<_> = self.posts().iter().map(|post| post.orders.clone()).collect();
            for order in &orders {
                order.send_replace(Order::CatchUp);
            }
            for order in orders {
                if timeout_at(deadline.into(), order.closed()).await.is_err() {
                    order.send_replace(Order::Stop);
                    let _ = timeout(STOP_WAIT, order.closed()).await;
                }
            }
            self.accounts().iter().filter_map(leftover).collect()
        })
    }
}

fn leftover(account: &ChannelAccount) -> Option<Leftover> {
    let what = "notices not sent; they are in the journal and go out after the next start";
    let part = format!("channel {}", account.channel);
    (account.waiting > 0).then_some(Leftover { part, count: account.waiting, what })
}

fn families(accounts: &[ChannelAccount]) -> Vec<Family> {
    let mut outcomes = Family::counter(
        "tidegate_notice_notices_total",
        "Notices that are settled, by channel and what became of them.",
    );
    let mut waiting =
        Family::gauge("tidegate_notice_waiting_notices", "Notices that are not settled yet, by channel.");
    let mut messages = Family::counter(
        "tidegate_notice_messages_total",
        "Messages since the start, by channel and whether the other side took them.",
    );
    let mut broken = Family::gauge(
        "tidegate_notice_broken_state",
        "1 while the other side refuses the channel's key, signature or address.",
    );
    for account in accounts {
        let channel = ("channel", account.channel.as_str());
        let ways = [
            ("sent", account.sent),
            ("merged", account.merged),
            ("filtered", account.filtered),
            ("expired", account.expired),
            ("dead_lettered", account.dead_lettered),
        ];
        ways.iter().for_each(|(way, many)| outcomes.push(&[channel, ("outcome", way)], *many));
        waiting.push(&[channel], account.waiting);
        messages.push(&[channel, ("outcome", "sent")], account.state.messages_sent);
        messages.push(&[channel, ("outcome", "failed")], account.state.messages_failed);
        broken.push(&[channel], u64::from(account.state.broken));
    }
    vec![outcomes, waiting, messages, broken]
}
