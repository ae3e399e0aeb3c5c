//! What went wrong below HTTP, told as an [`Error`].

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;

use crate::error::{Error, ErrorKind, Reason, Sent};

/// A request without an answer. hyper's errors hold no address, so they can be kept as they are; whoever wraps them takes
/// his own addresses out before.
pub(super) fn request(failed: impl StdError + Send + Sync + 'static, place: &str) -> Error {
    let connecting = find::<legacy::Error>(&failed).is_some_and(legacy::Error::is_connect);
    if let Some(own) = find::<Error>(&failed) {
        // Our own error, from the request's body or the set-up of TLS, says why already.
        return own.clone().with_sent(if connecting { Sent::No } else { Sent::Maybe });
    }
    let error = if connecting { connect(&failed, place) } else { exchange(&failed, place) };
    error.with_source(failed)
}

/// What became of a request of somebody else's client. That nobody listens is known of any; what else was not sent, of hyper
/// and of what is built over it.
#[cfg(feature = "tower")]
pub(in crate::http) fn foreign(failed: Box<dyn StdError + Send + Sync>, place: &str) -> Error {
    let failed = Foreign(failed);
    let refused = find::<io::Error>(&failed).is_some_and(|why| why.kind() == io::ErrorKind::ConnectionRefused);
    let error = request(failed, place);
    if refused { error.with_sent(Sent::No) } else { error }
}

#[cfg(feature = "tower")]
#[derive(Debug)]
struct Foreign(Box<dyn StdError + Send + Sync>);

#[cfg(feature = "tower")]
impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "tower")]
impl StdError for Foreign {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

fn connect(failed: &(dyn StdError + 'static), place: &str) -> Error {
    let connection = |text: String| Error::new(ErrorKind::Connection, text);
    match find::<rustls::Error>(failed) {
        Some(why @ rustls::Error::InvalidCertificate(_)) => {
            connection(format!("the certificate of {place} is refused: {why}")).with_retryable(false)
        }
        // A server that speaks no TLS, or none that is safe, will not a second later.
        Some(why @ (rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_))) => {
            connection(format!("no TLS connection to {place}: {why}")).with_retryable(false)
        }
        Some(why) => connection(format!("no TLS connection to {place}: {why}")),
        None if is_refused_by_proxy(failed) => {
            let text =
                format!("no connection to {place}: the proxy refuses the user and password that it was given, or wants some");
            Error::new(ErrorKind::ConfigInvalid, text)
        }
        None => match find::<io::Error>(failed) {
            Some(why) if why.kind() == io::ErrorKind::TimedOut => connection(format!("no connection to {place} in time")),
            _ => connection(format!("no connection to {place}: {}", innermost(failed))),
        },
    }
}

/// Whether a proxy has answered CONNECT with 407. The type that says so is not public, so its words are looked at.
fn is_refused_by_proxy(failed: &(dyn StdError + 'static)) -> bool {
    innermost(failed).to_string().contains("proxy authorization required")
}

fn exchange(failed: &(dyn StdError + 'static), place: &str) -> Error {
    // TLS 1.3 tells what is wrong with a client's certificate only behind the handshake. Nothing of the request is looked at then.
    if is_identity_refused(failed) {
        let text = format!("{place} wants a client certificate, or refuses the one that it was shown: {}", innermost(failed));
        return Error::new(ErrorKind::Connection, text).with_retryable(false).with_sent(Sent::No);
    }
    let sent = if is_proved_unsent(failed) { Sent::No } else { Sent::Maybe };
    let (kind, text) = match find::<hyper::Error>(failed) {
        // hyper says what is wrong with it, and repeats nothing of it.
        Some(why) if why.is_parse() => (ErrorKind::Decode, format!("the answer is not HTTP: {why}")),
        _ => (ErrorKind::Connection, "the connection broke before an answer".to_owned()),
    };
    Error::new(kind, format!("{text} ({place})")).with_sent(sent)
}

/// Whether the service ended the connection because of who the client is, or is not.
fn is_identity_refused(failed: &(dyn StdError + 'static)) -> bool {
    use rustls::AlertDescription as Alert;

    const ALERTS: [Alert; 10] = [
        Alert::CertificateRequired,
        Alert::NoCertificate,
        Alert::BadCertificate,
        Alert::UnsupportedCertificate,
        Alert::CertificateRevoked,
        Alert::CertificateExpired,
        Alert::CertificateUnknown,
        Alert::UnknownCA,
        Alert::AccessDenied,
        // Of a certificate that somebody else has signed in the authority's name.
        Alert::DecryptError,
    ];
    match find::<rustls::Error>(failed) {
        Some(rustls::Error::AlertReceived(alert)) => ALERTS.contains(alert),
        Some(_) => false,
        // h2 keeps only what an error says.
        None => {
            let text = innermost(failed).to_string();
            ALERTS.iter().any(|alert| text == rustls::Error::AlertReceived(*alert).to_string())
        }
    }
}

/// Whether hyper gave the request back unsent, or the server said that it did not look at it.
///
/// An incomplete message is no proof: the server may have worked on the request and died then.
fn is_proved_unsent(failed: &(dyn StdError + 'static)) -> bool {
    find::<hyper::Error>(failed).is_some_and(hyper::Error::is_canceled) || find::<h2::Error>(failed).is_some_and(is_refused)
}

fn is_refused(error: &h2::Error) -> bool {
    let graceful = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (graceful || refused)
}

/// An answer's body that broke off.
pub(super) fn body(failed: impl StdError + Send + Sync + 'static) -> Error {
    let end = find::<io::Error>(&failed).is_some_and(|why| why.kind() == io::ErrorKind::UnexpectedEof);
    let error = if end || find::<hyper::Error>(&failed).is_some_and(hyper::Error::is_incomplete_message) {
        Error::new(ErrorKind::Connection, "the answer ended before its end").with_reason(Reason::Truncated)
    } else {
        Error::new(ErrorKind::Connection, "the connection broke within the answer")
    };
    error.with_sent(Sent::Maybe).with_source(failed)
}

/// The first error of this type in the chain, looking also into I/O errors that wrap another one.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = below(error);
    }
    None
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut innermost = error;
    while let Some(source) = below(innermost) {
        innermost = source;
    }
    innermost
}

/// `source` of an I/O error skips the error that it wraps.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let h2 = || Some(error.downcast_ref::<h2::Error>()?.get_io()? as &(dyn StdError + 'static));
    wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(h2).or_else(|| error.source())
}
