//! Who calls and what they may: asked once for each call, topics compiled then.

use crate::fault::Fault;
use crate::hub::Hub;
use crate::pace::Place;
use std::sync::Arc;
use tidegate_codec_mqtt::{TopicFilter, TopicName};
use tidegate_kernel_plug::{Action, Credential, Knock, Principal, Unauthenticated};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

const SCHEME: &str = "bearer ";

/// A call's principal, with a place among its calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) place: Place,
    topics: Vec<TopicFilter>,
}

impl Caller {
    pub(crate) fn enter(hub: &Hub, metadata: &MetadataMap, knock: Option<Knock>) -> Result<Caller, Fault> {
        let knock = knock.ok_or(Fault::Broken)?;
        let principal = hub.doorkeeper.authenticate(credential(metadata)?, knock)?;
        let topics: Vec<_> =
            principal.patterns(Action::Publish).filter_map(|text| text.parse().ok()).collect();
        if topics.is_empty() {
            return Err(Fault::NotPermitted { principal: principal.name.clone() });
        }
        let place = hub.uses.enter(&principal, Instant::now())?;
        Ok(Caller { principal, place, topics })
    }

    pub(crate) fn may_publish(&self, topic: &TopicName) -> bool {
        self.topics.iter().any(|filter| filter.matches(topic))
    }
}

/// `authorization: Bearer TOKEN`, its scheme in any case (RFC 9110 §11.1).
fn credential(metadata: &MetadataMap) -> Result<Credential<'_>, Unauthenticated> {
    let Some(value) = metadata.get("authorization") else { return Ok(Credential::Anonymous) };
    let text = value.to_str().map_err(|_| Unauthenticated::Unknown)?;
    let (scheme, token) = text.split_at_checked(SCHEME.len()).ok_or(Unauthenticated::Missing)?;
    match scheme.eq_ignore_ascii_case(SCHEME) {
        true => Ok(Credential::Token(token.trim())),
        false => Err(Unauthenticated::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &'static str) -> String {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", value.parse().unwrap());
        match credential(&metadata) {
            Ok(Credential::Token(token)) => token.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_token_is_what_stands_behind_bearer() {
        assert_eq!((shown("Bearer abc"), shown("bearer  abc ")), ("abc".to_owned(), "abc".to_owned()));
        assert_eq!(
            (shown("Basic abc"), shown("abc")),
            ("Err(Missing)".to_owned(), "Err(Missing)".to_owned())
        );
        assert!(matches!(credential(&MetadataMap::new()), Ok(Credential::Anonymous)));
    }
}
