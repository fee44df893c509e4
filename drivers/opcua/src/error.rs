//! What can be wrong with addresses, servers, certificates and values, each with a code that `docs/errors/` explains.

use crate::address::Address;
use crate::place::Place;
use opcua::types::StatusCode;
use std::time::Duration;
use tidegate_service_plant::{Trouble, Unfit, Value};

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("{text:?} is no place of an OPC UA server: {why}")]
    Place { text: String, why: String },
    #[error("{text:?} is no address of an OPC UA tag: {why}")]
    Address { text: String, why: &'static str },
}

impl From<Misfit> for Unfit {
    fn from(misfit: Misfit) -> Unfit {
        let (code, hint) = match &misfit {
            Misfit::Place { .. } => (
                "TG-UA-001",
                "write opc.tcp://HOST:PORT/PATH?security=Basic256Sha256&mode=SignAndEncrypt&read=subscribe; security is \
                 None, Basic256Sha256, Aes128_Sha256_RsaOaep or Aes256_Sha256_RsaPss, mode is Sign or SignAndEncrypt, read \
                 is poll or subscribe",
            ),
            Misfit::Address { .. } => (
                "TG-UA-002",
                "write NODEID:TYPE, with REAL, INTEGER, BOOLEAN or TEXT: ns=2;s=Line.Temp:REAL deadband=0.5 queue=10",
            ),
        };
        Unfit { code, message: misfit.to_string(), hint: hint.to_owned() }
    }
}

/// A server cannot be talked to in the way that was said.
pub(crate) fn not_offered(place: &Place, offered: &str) -> Trouble {
    let wanted = format!("{} {}", place.policy.to_str(), place.mode);
    Trouble::connection("TG-UA-010", format!("{} does not offer {wanted}, but {offered}", place.url()))
}

/// Nobody has said yet whether this certificate is the server's.
pub(crate) fn unknown_certificate(place: &Place, thumbprint: &str) -> Trouble {
    let message = format!(
        "the certificate {thumbprint} of {} is not trusted; if it is the server's: tidegate ingest opcua trust accept {thumbprint}",
        place.url()
    );
    Trouble::connection("TG-UA-011", message)
}

/// It is another one than was trusted before.
pub(crate) fn changed_certificate(place: &Place, thumbprint: &str, known: &str) -> Trouble {
    let message = format!(
        "{} shows the certificate {thumbprint} where {known} was trusted; if it was renewed: tidegate ingest opcua trust \
         accept {thumbprint}",
        place.url()
    );
    Trouble::connection("TG-UA-012", message)
}

pub(crate) fn expired_certificate(place: &Place, thumbprint: &str, is_early: bool) -> Trouble {
    let how = if is_early { "is not valid yet" } else { "has expired" };
    Trouble::connection("TG-UA-013", format!("the certificate {thumbprint} of {} {how}", place.url()))
}

pub(crate) fn unreadable_certificate(place: &Place) -> Trouble {
    Trouble::connection("TG-UA-014", format!("what {} shows is no certificate", place.url()))
}

/// What this node shows of itself, or what it trusts, cannot be read or written.
pub(crate) fn own_folder(why: impl std::fmt::Display) -> Trouble {
    Trouble::connection("TG-UA-015", format!("the folder of certificates: {why}"))
}

/// The server does not want this user, or none at all.
pub(crate) fn unwelcome(place: &Place, why: impl std::fmt::Display) -> Trouble {
    Trouble::connection("TG-UA-016", format!("{}: {why}", place.url()))
}

/// No session came about.
pub(crate) fn unopened(place: &Place, status: StatusCode) -> Trouble {
    let refuses_user = [
        StatusCode::BadIdentityTokenInvalid,
        StatusCode::BadIdentityTokenRejected,
        StatusCode::BadUserAccessDenied,
        StatusCode::BadUserSignatureInvalid,
    ];
    if refuses_user.contains(&status) {
        return unwelcome(place, format!("the server refuses who asks: {}", name(status)));
    }
    let message = format!("{}: no session: {}", place.url(), name(status));
    Trouble::connection("TG-UA-017", message)
}

/// The connection is of no use any more.
pub(crate) fn broken(status: StatusCode) -> Trouble {
    Trouble::connection("TG-UA-020", format!("the session ended: {}", name(status)))
}

/// The connection lives, and nothing is heard of the subscription.
pub(crate) fn unheard(bound: Duration) -> Trouble {
    Trouble::connection(
        "TG-UA-021",
        format!("no value and no sign of life of a subscription within {bound:?}"),
    )
}

/// More came than anybody took.
pub(crate) fn flooded(values: usize) -> Trouble {
    Trouble::connection("TG-UA-022", format!("more than {values} values came between two reads"))
}

/// What a whole request was answered with.
pub(crate) fn refused(what: &str, status: StatusCode) -> Trouble {
    let message = format!("{what}: {}", name(status));
    match status {
        StatusCode::BadTooManyOperations
        | StatusCode::BadEncodingLimitsExceeded
        | StatusCode::BadRequestTooLarge
        | StatusCode::BadResponseTooLarge
        | StatusCode::BadTooManyMonitoredItems
        | StatusCode::BadTooManySubscriptions => Trouble::device("TG-UA-023", message),
        _ => Trouble::connection("TG-UA-020", message),
    }
}

/// What one variable was answered with.
pub(crate) fn bad(address: &Address, status: StatusCode) -> Trouble {
    let code = match status {
        StatusCode::BadNodeIdUnknown
        | StatusCode::BadNodeIdInvalid
        | StatusCode::BadAttributeIdInvalid
        | StatusCode::BadNoMatch => "TG-UA-030",
        StatusCode::BadUserAccessDenied
        | StatusCode::BadNotReadable
        | StatusCode::BadNotWritable
        | StatusCode::BadWriteNotSupported => "TG-UA-031",
        StatusCode::BadMonitoredItemFilterInvalid
        | StatusCode::BadMonitoredItemFilterUnsupported
        | StatusCode::BadFilterNotAllowed
        | StatusCode::BadDeadbandFilterInvalid => "TG-UA-034",
        _ => "TG-UA-032",
    };
    Trouble::tag(code, format!("{address}: {}", name(status)))
}

/// What stands there is of another type.
pub(crate) fn mistyped(address: &Address, found: &str) -> Trouble {
    Trouble::tag("TG-UA-033", format!("what stands at {address} is {found}"))
}

/// A value that cannot be written there.
pub(crate) fn unfit_value(address: &Address, value: &Value, into: &str) -> Trouble {
    Trouble::tag("TG-UA-035", format!("{value:?} cannot be written to {address}, which is {into}"))
}

pub(crate) fn name(status: StatusCode) -> String {
    status.sub_code().to_string()
}
