//! Topics that stand for tags of devices: `tidegate/write/DEVICE/TAG`. What is published there is a command and no reading. Pure.

use tidegate_codec_mqtt::{TopicFilter, TopicName};

/// The last level of where answers go that were asked for nowhere else.
const RESULT: &str = "result";

/// Where commands come in; nowhere where there is no such topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteTopics(Option<TopicName>);

impl WriteTopics {
    pub(crate) fn below(topic: Option<TopicName>) -> WriteTopics {
        WriteTopics(topic)
    }

    /// Whether a topic is one of them, be there such a tag or not.
    pub(crate) fn hold(&self, topic: &TopicName) -> bool {
        self.rest(topic).is_some()
    }

    /// The device and the tag that a topic stands for.
    pub(crate) fn target<'t>(&self, topic: &'t TopicName) -> Option<(&'t str, &'t str)> {
        let (device, tag) = self.rest(topic)?.split_once('/')?;
        (!device.is_empty() && !tag.is_empty() && !tag.contains('/')).then_some((device, tag))
    }

    /// Where it is told what came of a command, where that was asked for nowhere else.
    pub(crate) fn result(&self, topic: &TopicName) -> Option<TopicName> {
        self.target(topic)?;
        format!("{}/{RESULT}", topic.as_str()).parse().ok()
    }

    /// All of them.
    pub(crate) fn filter(&self) -> Option<TopicFilter> {
        format!("{}/#", self.0.as_ref()?.as_str()).parse().ok()
    }

    fn rest<'t>(&self, topic: &'t TopicName) -> Option<&'t str> {
        topic.as_str().strip_prefix(self.0.as_ref()?.as_str())?.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> TopicName {
        text.parse().unwrap()
    }

    #[test]
    fn a_topic_stands_for_a_device_and_a_tag_and_for_nothing_else() {
        let topics = WriteTopics::below(Some(topic("tidegate/write")));
        assert_eq!(topics.target(&topic("tidegate/write/drive-1/speed")), Some(("drive-1", "speed")));
        for other in
            ["tidegate/write/drive-1", "tidegate/write/a/b/result", "tidegate/write//b", "tidegate/write/a/"]
        {
            assert!(topics.target(&topic(other)).is_none() && topics.hold(&topic(other)), "{other}");
        }
        for other in ["tidegate/write", "tidegate/writes/a/b", "a/tidegate/write/a/b"] {
            assert!(!topics.hold(&topic(other)), "{other}");
        }
        assert!(!WriteTopics::default().hold(&topic("tidegate/write/a/b")));
    }

    #[test]
    fn answers_go_below_what_they_answer() {
        let topics = WriteTopics::below(Some(topic("plant/set")));
        assert_eq!(topics.result(&topic("plant/set/a/b")), Some(topic("plant/set/a/b/result")));
        assert_eq!(topics.filter().unwrap().as_bytes(), b"plant/set/#");
    }
}
