//! Redirects, followed only where a provider says so.

use http::header::{ACCEPT, LOCATION, RANGE, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};

use super::client::HttpClient;
use super::origin::Origin;
use super::request::Request;
use super::response::{Opened, Response};
use super::target::Target;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::resilience::{Idempotency, RemoteOperation};

/// How many redirects are followed, one after the other.
const HOPS_MAX: u8 = 5;

/// The statuses that name another address.
const REDIRECTS: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

impl HttpClient {
    /// As [`send`](Self::send), following up to 5 redirects.
    ///
    /// At the same origin, the credential goes along; to another, nothing does but `Accept`, `Range` and `User-Agent`.
    ///
    /// # Errors
    /// As [`send`](Self::send); `InvalidInput` for an operation that is not safe; `ConfigInvalid` for a redirect from `https` to
    /// `http`, to an address that endpoints may not have, or one too many.
    pub async fn follow(&self, cx: &CallContext, operation: &'static RemoteOperation, request: Request) -> Result<Response> {
        let mut request = keeping_redirects(operation, request)?;
        loop {
            let response = self.send(cx, operation, request.clone()).await?;
            if !REDIRECTS.contains(&response.status) {
                return Ok(response);
            }
            request = next(&request, &response.headers)?;
        }
    }

    /// As [`open`](Self::open), following redirects as [`follow`](Self::follow) does.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub async fn follow_open(&self, cx: &CallContext, operation: &'static RemoteOperation, request: Request) -> Result<Opened> {
        let mut request = keeping_redirects(operation, request)?;
        loop {
            let opened = self.open(cx, operation, request.clone()).await?;
            if !REDIRECTS.contains(&opened.status) {
                return Ok(opened);
            }
            request = next(&request, &opened.headers)?;
        }
    }
}

fn keeping_redirects(operation: &RemoteOperation, request: Request) -> Result<Request> {
    let safe = operation.idempotency() == Idempotency::Safe && matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe {
        return Err(Error::new(ErrorKind::InvalidInput, format!("redirects of {operation} cannot be followed: it is not safe")));
    }
    Ok(REDIRECTS.into_iter().fold(request, Request::keep_status))
}

fn next(request: &Request, headers: &HeaderMap) -> Result<Request> {
    let refused =
        |why: &str| Error::new(ErrorKind::ConfigInvalid, format!("the redirect is refused: {why}")).with_sent(Sent::Yes);
    if request.hops >= HOPS_MAX {
        return Err(refused("it is one too many"));
    }
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(|| refused("it names no address"))?;
    let target = resolve(&request.target, location).map_err(|why| why.context("the redirect is refused").with_sent(Sent::Yes))?;
    let mut next = request.clone();
    next.hops += 1;
    if target.origin != request.target.origin {
        next.anonymous = true;
        next.abroad = true;
        next.headers = [ACCEPT, RANGE, USER_AGENT]
            .into_iter()
            .filter_map(|name| Some((name.clone(), request.headers.get(&name)?.clone())))
            .collect();
    }
    next.target = target;
    Ok(next)
}

/// The target that a reference names, seen from `base`: absolute, or a path.
pub(super) fn resolve(base: &Target, location: &str) -> Result<Target> {
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with('/') && !location.starts_with("//") {
        return Ok(Target::new(&base.origin, location));
    }
    let absolute;
    let location = match location.strip_prefix("//") {
        Some(_) => {
            absolute = format!("{}:{location}", base.origin.scheme());
            &absolute
        }
        None => location,
    };
    let Some((scheme, rest)) = location.split_once("://") else {
        return Err(Error::new(ErrorKind::ConfigInvalid, "it is relative to the path, which no service needs"));
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let named = format!("{scheme}://{authority}");
    // To itself, what let the request there lets the next one there. Elsewhere, this machine and its networks are not a
    // service's to point at: only one on this machine may point at this machine.
    let own = Origin::parse_guarded(&named, base.origin.guard().clone()).ok().filter(|origin| *origin == *base.origin);
    let origin = match own {
        Some(own) => own,
        None => Origin::parse_guarded(&named, base.origin.guard().beyond(base.origin.is_loopback()))?,
    };
    if base.origin.scheme() == &http::uri::Scheme::HTTPS && origin.scheme() != &http::uri::Scheme::HTTPS {
        return Err(Error::new(ErrorKind::ConfigInvalid, "it leads from `https` to `http`"));
    }
    let origin = if origin == *base.origin { std::sync::Arc::clone(&base.origin) } else { origin.into() };
    Ok(Target::new(&origin, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Guard;
    use std::sync::Arc;

    fn base(origin: &str) -> Target {
        let guard = Guard::new().loopback(true);
        Target::new(&Arc::new(Origin::parse_guarded(origin, guard).unwrap()), "/a/b?c")
    }

    #[test]
    fn references_are_resolved() {
        for (location, expected) in [
            ("/x?y", "https://api.example.org/x?y"),
            ("https://API.example.org:443/x#y", "https://api.example.org/x"),
            ("https://cdn.example.net?sig=1", "https://cdn.example.net/?sig=1"),
            ("//cdn.example.net/x", "https://cdn.example.net/x"),
        ] {
            let target = resolve(&base("https://api.example.org"), location).unwrap();
            assert_eq!(format!("{}{}", target.origin, target.path_and_query), expected);
        }
        for location in [
            "http://api.example.org/x",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest",
            "https://u:p@api.example.org/",
            "x",
            "",
            "https://localhost/",
        ] {
            assert!(resolve(&base("https://api.example.org"), location).is_err(), "{location}");
        }
        assert!(resolve(&base("https://localhost"), "http://localhost/").is_err());
        assert!(resolve(&base("http://localhost:1"), "http://127.0.0.1:2/").is_ok());
    }
}
