//! The address of a WebSocket.

use std::sync::Arc;

use circle_core_common::http::{Guard, Origin, Target};
use circle_core_common::{Error, ErrorKind, Result};

/// Parses `wss://host[:port][/path][?query]`, which the service gave or somebody configured; `ws://` on this machine only.
///
/// It is held to the rules of every address: `guard` is [`BuildContext::guard`](circle_core_common::BuildContext::guard) for one
/// from the configuration, [`BuildContext::public_guard`](circle_core_common::BuildContext::public_guard) for one that the service gave.
///
/// # Errors
/// `ConfigInvalid` for another scheme, user-info, a fragment, a path or query that is not percent-encoded, and every host
/// that [`Origin::parse`] refuses. The text is not repeated: it may hold a credential.
pub fn target(url: &str, guard: Guard) -> Result<Target> {
    let refused = |why| Error::new(ErrorKind::ConfigInvalid, format!("the address of the WebSocket is refused: {why}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("it does not start with `wss://`"))?;
    let scheme = match scheme {
        scheme if scheme.eq_ignore_ascii_case("wss") => "https",
        scheme if scheme.eq_ignore_ascii_case("ws") => "http",
        _ => return Err(refused("it does not start with `wss://`")),
    };
    let (authority, path_and_query) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let origin = Arc::new(Origin::parse_guarded(&format!("{scheme}://{authority}"), guard)?);
    let slash = if path_and_query.starts_with('/') { "" } else { "/" };
    let target = Target::new(&origin, [slash, path_and_query].concat());
    // Here it is an address that somebody gave, and not yet a request.
    target.clone().into_uri().map_err(|_| refused("it has a fragment, or letters that are not percent-encoded"))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_byte_for_byte() {
        for (url, origin, path) in [
            ("wss://example.org", "https://example.org", "/"),
            ("WSS://Example.org:443/link/?ticket=a%2Fb&app_id=c", "https://example.org", "/link/?ticket=a%2Fb&app_id=c"),
            ("wss://example.org:8443?a=b/c", "https://example.org:8443", "/?a=b/c"),
            ("wss://example.org/a/../b//", "https://example.org", "/a/../b//"),
        ] {
            let target = target(url, Guard::new()).unwrap();
            assert_eq!((target.origin.as_str(), &*target.path_and_query), (origin, path), "{url}");
        }
    }

    #[test]
    fn what_no_endpoint_may_be_no_socket_may_be() {
        for url in [
            "",
            "example.org",
            "https://example.org",
            "ws://example.org",
            "ws://127.0.0.1:9",
            "wss://127.0.0.1",
            "wss://localhost",
            "wss://10.0.0.1",
            "wss://169.254.169.254/latest",
            "wss://[::1]",
            "wss://metadata.google.internal",
            "wss://user:hunter2@example.org",
            "wss://example.org#hunter2",
            "wss://example.org/a#hunter2",
            "wss://example.org/a b",
            "wss://example.org\\@evil.example",
            "wss://2130706433",
        ] {
            let error = target(url, Guard::new()).expect_err(url);
            assert!(error.is(ErrorKind::ConfigInvalid), "{url}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{url}");
        }
        assert!(target("ws://127.0.0.1:9/x", Guard::new().loopback(true)).is_ok());
        assert!(target("ws://example.org", Guard::new().loopback(true)).is_err());
    }
}
