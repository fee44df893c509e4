//! The page as text to be kept, and back: what it shows, without what is counted since the start. Pure.

use super::PageSink;
use crate::sample::{Labels, Sample};
use tidegate_codec_mqtt::TopicName;

impl PageSink {
    /// Every series with its latest sample.
    pub fn snapshot(&self) -> String {
        self.page.lock().text()
    }

    /// Takes up what was kept of the topics that are chosen now; a newer sample stays. Whether it could be read: of what cannot be,
    /// nothing is taken.
    pub fn restore(&self, text: &str) -> bool {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let Some(samples) = lines.map(sample).collect::<Option<Vec<_>>>() else { return false };
        let mut series = self.page.lock();
        for sample in samples.into_iter().filter(|sample| self.shows(&sample.labels)) {
            series.put(sample.labels, sample.value, sample.time_ms);
        }
        true
    }

    fn shows(&self, labels: &Labels) -> bool {
        let topic = labels.iter().find(|(name, _)| name == "topic");
        let topic: Option<TopicName> = topic.and_then(|(_, topic)| topic.parse().ok());
        topic.is_some_and(|topic| self.chooses(&topic))
    }
}

/// `name{label="value",...} number milliseconds`; what is written here has a label.
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = vec![("__name__".to_owned(), name.to_owned())];
    let mut rest = rest;
    loop {
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.push((name.to_owned(), value));
        match behind.split_at_checked(1)? {
            (",", more) => rest = more,
            ("}", more) => {
                let (value, time_ms) = more.trim_start().split_once(' ')?;
                return Some(Sample { labels, value: value.parse().ok()?, time_ms: time_ms.parse().ok()? });
            }
            _ => return None,
        }
    }
}

/// Up to the closing quote, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;
    use crate::sample::tests::row;
    use tidegate_service_ingest::{Body, Point, Points, Quality, Value};

    fn page(topics: &[&str]) -> PageSink {
        PageSink::new(Page::default(), topics.iter().map(|topic| topic.parse().unwrap()).collect())
    }

    #[test]
    fn what_was_kept_comes_back_and_a_newer_sample_stays() {
        let before = page(&["#"]);
        let mut press = row("line/7", "", 5);
        let point = |tag: &str, value| Point { tag: tag.into(), value, quality: Quality::Good, source_ms: 9 };
        let points = vec![point("a\"b\\n\n", Value::Real(0.1)), point("n", Value::Integer(-2))];
        press.reading.body = Body::Points(Points { device: "press, \"7\"}".into(), points });
        before.show(&[row("hall/1", "1e300", 5), row("line/8", "2.5", 6), press]);
        let kept = before.snapshot();
        let after = page(&["#"]);
        after.show(&[row("line/8", "3", 7)]);
        assert!(after.restore(&kept));
        assert_eq!(after.snapshot(), kept.replace("{topic=\"line/8\"} 2.5 6", "{topic=\"line/8\"} 3 7"));
    }

    #[test]
    fn a_topic_that_is_not_chosen_any_more_does_not_come_back() {
        let before = page(&["#"]);
        before.show(&[row("hall/1", "1", 5), row("line/8", "2", 6)]);
        let after = page(&["line/#"]);
        assert!(after.restore(&before.snapshot()));
        assert!(after.snapshot().ends_with("gauge\ntidegate_reading{topic=\"line/8\"} 2 6\n"));
    }

    #[test]
    fn of_what_cannot_be_read_nothing_is_taken() {
        let whole = "tidegate_reading{topic=\"a\"} 1 5\n";
        for broken in ["x", "a{", "a{b}", "a{b=\"", "a{b=\"c\\", "a{b=\"c\"x", "a{b=\"c\"}", "a{b=\"c\"} 1 x"]
        {
            let page = page(&["#"]);
            assert!(!page.restore(&format!("{whole}{broken}\n")), "{broken}");
            assert_eq!(page.snapshot(), "");
        }
    }
}
