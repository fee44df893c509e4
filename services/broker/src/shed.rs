//! Why a message did not reach a subscriber, or was not kept: a fixed list, so that each is counted.

macro_rules! sheds {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// Why a message was dropped for one subscriber, or as a retained one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Shed {
            $($(#[$doc])* $variant,)*
        }

        impl Shed {
            /// All of them, in the order of their discriminants.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

sheds! {
    /// The subscriber's queue had as many messages as it may.
    QueueFull "queue_full";
    /// The subscriber's queue had as many bytes as it may.
    QueueBytes "queue_bytes";
    /// The messages of all sessions had as many bytes as they may.
    TotalBytes "total_bytes";
    /// An older QoS 0 message that made room for a newer one.
    Overtaken "overtaken";
    /// Its time was up before it was sent.
    Expired "expired";
    /// Larger than the client takes.
    PacketTooLarge "packet_too_large";
    /// The session ended, by the client's wish or by expiry, with it in the queue.
    SessionEnded "session_ended";
    /// There are as many retained messages as may be.
    RetainedFull "retained_full";
    /// The journal was too busy to keep a retained message for a new subscription.
    JournalBusy "journal_busy";
}
