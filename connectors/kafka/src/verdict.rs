//! What each of Kafka's error codes means for the records it is said of, and how a batch ended in all. Pure.

use tidegate_codec_kafka::ErrorCode;
use tidegate_service_ingest::{Poison, Setback, SinkError};

/// No broker, no answer, or none that can be used.
pub(crate) const UNREACHABLE: &str = "TG-KA-001";
/// The cluster has trouble of its own.
pub(crate) const TROUBLE: &str = "TG-KA-002";
/// A record that is too large.
pub(crate) const TOO_LARGE: &str = "TG-KA-003";
/// A record that is refused for what is in it.
pub(crate) const REFUSED: &str = "TG-KA-004";
/// A topic that is not there.
pub(crate) const NO_TOPIC: &str = "TG-KA-005";
/// A login that fails, or a topic that may not be written to.
pub(crate) const NOT_ALLOWED: &str = "TG-KA-006";
/// Another setting, here or there.
pub(crate) const MISCONFIGURED: &str = "TG-KA-007";
/// A reading whose topic there is no name.
pub(crate) const UNSAYABLE: &str = "TG-KA-008";

/// What becomes of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// One of them is to blame, or their number: halves go next, and a single one is a dead letter.
    Halve(&'static str),
    Later(&'static str),
    /// Until somebody changes a setting.
    Setting(&'static str),
}

/// Of an answer about topics.
pub(crate) fn of_topic(error: ErrorCode) -> Verdict {
    match error {
        // Only who knows all topics can say so.
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Verdict::Setting(NO_TOPIC),
        other => of_batch(other),
    }
}

/// Of an answer to records.
pub(crate) fn of_batch(error: ErrorCode) -> Verdict {
    match error {
        ErrorCode::NONE => Verdict::Taken,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Verdict::Halve(TOO_LARGE),
        ErrorCode::INVALID_TIMESTAMP | ErrorCode::INVALID_RECORD | ErrorCode::POLICY_VIOLATION => {
            Verdict::Halve(REFUSED)
        }
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::SASL_AUTHENTICATION_FAILED
        | ErrorCode::ILLEGAL_SASL_STATE => Verdict::Setting(NOT_ALLOWED),
        ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::INVALID_REQUIRED_ACKS
        | ErrorCode::INVALID_CONFIG
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => Verdict::Setting(MISCONFIGURED),
        _ => Verdict::Later(TROUBLE),
    }
}

/// How the rows of a batch fared, by their places in it. One that is in neither list is delivered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    poison: Vec<Poison>,
    left: Vec<usize>,
    /// Why they are left; a setting weighs more than what passes by itself.
    why: Option<(bool, SinkError)>,
}

impl Tally {
    pub(crate) fn condemn(&mut self, row: usize, code: &'static str, reason: String) {
        self.poison.push(Poison { row, code, reason });
    }

    pub(crate) fn leave(
        &mut self,
        rows: impl IntoIterator<Item = usize>,
        is_setting: bool,
        error: SinkError,
    ) {
        self.left.extend(rows);
        if self.why.as_ref().is_none_or(|(was_setting, _)| is_setting && !was_setting) {
            self.why = Some((is_setting, error));
        }
    }

    /// Of a batch of so many rows.
    pub(crate) fn outcome(mut self, many: usize) -> Result<(), Setback> {
        let Some((is_setting, error)) = self.why.filter(|_| !self.left.is_empty()) else {
            return if self.poison.is_empty() { Ok(()) } else { Err(Setback::Poison(self.poison)) };
        };
        let outcome = if is_setting { Setback::Misconfigured(error) } else { error.into() };
        if self.left.len() == many {
            return Err(outcome);
        }
        self.left.sort_unstable();
        Err(Setback::Partly { left: self.left, outcome: Box::new(outcome), poison: self.poison })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_weighs_more_than_trouble_and_what_is_left_is_told_in_order() {
        let mut tally = Tally::default();
        tally.condemn(1, REFUSED, "bad".to_owned());
        tally.leave([5, 3], false, SinkError::new(TROUBLE, "no leader"));
        tally.leave([4], true, SinkError::new(NO_TOPIC, "no topic"));
        tally.leave([2], true, SinkError::new(NOT_ALLOWED, "not allowed"));
        let outcome = tally.outcome(7).unwrap_err();
        let Setback::Partly { left, outcome, poison } = outcome else { panic!("{outcome:?}") };
        assert_eq!((left, poison.len(), poison[0].row), (vec![2, 3, 4, 5], 1, 1));
        assert!(matches!(*outcome, Setback::Misconfigured(error) if error.code == NO_TOPIC));
    }

    #[test]
    fn a_batch_of_which_nothing_was_taken_is_no_part() {
        let mut tally = Tally::default();
        tally.leave([0, 1], false, SinkError::new(TROUBLE, "no leader"));
        assert!(matches!(tally.outcome(2), Err(Setback::Retry { .. })));
        assert!(Tally::default().outcome(2).is_ok());
    }

    #[test]
    fn an_unknown_topic_is_a_setting_only_for_who_knows_all_topics() {
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(
            (of_topic(unknown), of_batch(unknown)),
            (Verdict::Setting(NO_TOPIC), Verdict::Later(TROUBLE))
        );
        assert_eq!(of_batch(ErrorCode(12_345)), Verdict::Later(TROUBLE));
    }
}
