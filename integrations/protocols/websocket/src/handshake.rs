//! The request that a socket begins as (RFC 6455, section 4).

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::http::{HttpClient, Request, Upgraded, headers};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{CallContext, Detail, Error, ErrorKind, Result, Sent};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha1::{Digest, Sha1};

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Asks for a WebSocket; gives the connection and the subprotocol that the service chose.
pub(crate) async fn shake(
    cx: &CallContext,
    client: &HttpClient,
    operation: &'static RemoteOperation,
    request: Request,
    offered: &[String],
) -> Result<(Upgraded, Option<String>)> {
    let list = offer(offered)?;
    let last = Mutex::new(String::new());
    // Every connection has a key of its own, so every attempt has.
    let each = |fields: &mut HeaderMap| {
        let key = STANDARD.encode(cx.random().bits()?.to_le_bytes());
        fields.insert(KEY, headers::value(&KEY, &key)?);
        fields.insert(VERSION, HeaderValue::from_static("13"));
        if let Some(list) = &list {
            fields.insert(PROTOCOL, list.clone());
        }
        *last.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    };
    let upgraded = client.upgrade(cx, operation, request, "websocket", &each).await?;
    let key = last.into_inner().unwrap_or_else(PoisonError::into_inner);
    let protocol = agreed(&upgraded.headers, &key, offered)?;
    Ok((upgraded, protocol))
}

/// The header that offers subprotocols.
fn offer(offered: &[String]) -> Result<Option<HeaderValue>> {
    // A name with a comma in it would be two.
    if let Some(bad) = offered.iter().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{bad:?} is not the name of a subprotocol")));
    }
    if offered.is_empty() { Ok(None) } else { headers::value(&PROTOCOL, &offered.join(", ")).map(Some) }
}

/// The subprotocol of an answer that is held to what was asked.
fn agreed(answer: &HeaderMap, key: &str, offered: &[String]) -> Result<Option<String>> {
    let wrong = |text: &'static str| {
        let mut detail = Detail::new();
        detail.status = Some(101);
        Error::new(ErrorKind::Decode, text).with_detail(detail).with_sent(Sent::Yes)
    };
    let upgrades = |value: &str| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    if !answer.get_all("connection").iter().filter_map(|value| value.to_str().ok()).any(upgrades) {
        return Err(wrong("the answer to the WebSocket handshake does not upgrade the connection"));
    }
    if headers::text(answer, "sec-websocket-accept") != Some(&*accept(key)) {
        return Err(wrong("the answer to the WebSocket handshake is one to another request"));
    }
    if answer.contains_key("sec-websocket-extensions") {
        return Err(wrong("the service uses a WebSocket extension that was not offered"));
    }
    let chosen: Vec<&str> = answer.get_all(PROTOCOL).iter().filter_map(|value| value.to_str().ok()).map(str::trim).collect();
    match *chosen {
        [] if offered.is_empty() => Ok(None),
        [] => Err(wrong("the service speaks none of the subprotocols that were offered")),
        [one] if offered.iter().any(|name| name == one) => Ok(Some(one.to_owned())),
        _ => Err(wrong("the service chose a subprotocol that was not offered")),
    }
}

fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(MAGIC).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn answer(more: &[(&'static str, &'static str)]) -> HeaderMap {
        let base = [("connection", "keep-alive, Upgrade"), ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")];
        let mut fields = HeaderMap::new();
        for (name, value) in base.iter().chain(more) {
            fields.append(*name, HeaderValue::from_static(value));
        }
        fields
    }

    #[test]
    fn the_sample_of_the_specification() {
        assert_eq!(accept(SAMPLE), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(agreed(&answer(&[]), SAMPLE, &[]).unwrap(), None);
    }

    #[test]
    fn answers_are_held_to_what_was_asked() {
        let offered = ["a".to_owned(), "b".to_owned()];
        assert_eq!(agreed(&answer(&[("sec-websocket-protocol", "b")]), SAMPLE, &offered).unwrap().as_deref(), Some("b"));
        for (fields, offered) in [
            (answer(&[("sec-websocket-protocol", "b")]), &[][..]),
            (answer(&[("sec-websocket-protocol", "c")]), &offered),
            (answer(&[("sec-websocket-protocol", "a"), ("sec-websocket-protocol", "b")]), &offered),
            (answer(&[]), &offered),
            (answer(&[("sec-websocket-extensions", "permessage-deflate")]), &[]),
            (HeaderMap::new(), &[]),
        ] {
            let error = agreed(&fields, SAMPLE, offered).unwrap_err();
            assert!(error.is(ErrorKind::Decode) && error.sent() == Sent::Yes && !error.is_retryable(), "{error}");
        }
        assert!(agreed(&answer(&[]), "AAAAAAAAAAAAAAAAAAAAAA==", &[]).is_err());
    }

    #[test]
    fn subprotocols_are_tokens() {
        assert_eq!(offer(&["a.v1".to_owned(), "b".to_owned()]).unwrap().unwrap(), "a.v1, b");
        for bad in ["", "a,b", "a b", "a\r\nx: y"] {
            assert!(offer(&[bad.to_owned()]).unwrap_err().is(ErrorKind::InvalidInput), "{bad:?}");
        }
    }
}
