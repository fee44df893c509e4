//! Panics that tests plant to prove that a panic is contained. Without the feature `faults`, which no shipped binary has, nothing
//! here does anything.
//!
//! A reading on the topic `planted/panic/taking` panics before it is in the journal, one on `planted/panic/counting` behind that.

pub(crate) use switches::*;

#[cfg(not(any(test, feature = "faults")))]
mod switches {
    use tidegate_codec_mqtt::TopicName;

    pub(crate) const fn taking(_topic: &TopicName) {}

    pub(crate) const fn counting() {}
}

#[cfg(any(test, feature = "faults"))]
mod switches {
    use std::cell::Cell;
    use tidegate_codec_mqtt::TopicName;

    thread_local! {
        static COUNTING: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn taking(topic: &TopicName) {
        assert!(topic.as_str() != "planted/panic/taking", "a panic that was planted");
        COUNTING.set(topic.as_str() == "planted/panic/counting");
    }

    pub(crate) fn counting() {
        assert!(!COUNTING.take(), "a panic that was planted");
    }
}
