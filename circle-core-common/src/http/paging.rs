//! The shapes in which services tell where a list goes on.

use http::HeaderMap;

use super::guard::Guard;
use super::headers;
use super::origin::Origin;
use super::target::Target;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::listing::{Cursor, PageRequest};

/// A token in the body: none and an empty one are the end.
#[must_use]
pub fn token(token: Option<&str>) -> Option<Cursor> {
    token.filter(|token| !token.is_empty()).map(Cursor::new)
}

/// A token in a header, such as `x-ms-continuation`.
#[must_use]
pub fn header(headers: &HeaderMap, name: &str) -> Option<Cursor> {
    token(headers::text(headers, name))
}

/// Where a page starts of a list that is counted through: 0, or what [`next_offset`] made.
///
/// # Errors
/// `InvalidInput`, reason [`Reason::ForeignCursor`], for another kind of cursor.
pub fn offset(page: &PageRequest) -> Result<u64> {
    page.cursor.as_ref().map_or(Ok(0), |cursor| cursor.token().parse().map_err(|_| foreign()))
}

/// The cursor after a page that started at `offset` and has `count` entries: none when it was the last of `total`, or,
/// where no total is known, when it has fewer than the `size` that was asked for.
#[must_use]
pub fn next_offset(offset: u64, count: u64, size: u64, total: Option<u64>) -> Option<Cursor> {
    let next = offset.saturating_add(count);
    // A page without entries would be asked for again for ever.
    let more = count > 0 && total.map_or(count >= size, |total| next < total);
    more.then(|| Cursor::new(next.to_string()))
}

/// The `rel="next"` of the `Link` header (RFC 8288), as a cursor for [`link_target`].
///
/// # Errors
/// `Decode` when the link leads to another origin than the request's: the credential must not follow it there.
pub fn next_link(headers: &HeaderMap, current: &Target) -> Result<Option<Cursor>> {
    let links = headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    let Some(link) = links.flat_map(split_links).find_map(next_of) else { return Ok(None) };
    next_url(link, current).map(Some)
}

/// An address in the body, absolute or with a path alone, as a cursor for [`link_target`].
///
/// # Errors
/// As [`next_link`].
pub fn next_url(link: &str, current: &Target) -> Result<Cursor> {
    let refused = |why: &str| Error::new(ErrorKind::Decode, format!("the link to the next page is refused: {why}"));
    let path = if link.starts_with('/') && !link.starts_with("//") {
        link
    } else if link.starts_with('?') {
        return Ok(Cursor::new(format!("{}{link}", current.path_only())));
    } else {
        let (scheme, rest) = link.split_once("://").ok_or_else(|| refused("it is no address"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // The origin was judged when the client was made; here it only has to be the same one.
        let guard = Guard::new().loopback(true).private(true);
        let origin = Origin::parse_guarded(&format!("{scheme}://{authority}"), guard);
        if origin.ok().as_ref() != Some(&*current.origin) {
            return Err(refused("it leads to another origin"));
        }
        path
    };
    let path = path.split('#').next().unwrap_or_default();
    Ok(Cursor::new(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

/// The target of a page: `first`, or the one that its cursor names, at the same origin.
///
/// # Errors
/// `InvalidInput`, reason [`Reason::ForeignCursor`], for another kind of cursor.
pub fn link_target(page: &PageRequest, first: Target) -> Result<Target> {
    match &page.cursor {
        None => Ok(first),
        Some(cursor) if cursor.token().starts_with('/') => Ok(Target::new(&first.origin, cursor.token())),
        Some(_) => Err(foreign()),
    }
}

fn foreign() -> Error {
    Error::new(ErrorKind::InvalidInput, "the cursor belongs to another list").with_reason(Reason::ForeignCursor)
}

/// `<…>; rel="next", <…>; rel="last"`: a comma counts only outside of `<…>` and quotes.
fn split_links(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut address, mut quoted) = (Vec::new(), 0, false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'<' if !quoted => address = true,
            b'>' if !quoted => address = false,
            b'"' if !address => quoted = !quoted,
            b',' if !address && !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}

fn next_of(link: &str) -> Option<&str> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let next = parameters.split(';').any(|parameter| {
        let relation = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
        relation.is_some_and(|(_, value)| value.trim().trim_matches('"').split(' ').any(|word| word.eq_ignore_ascii_case("next")))
    });
    next.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::sync::Arc;

    fn current() -> Target {
        Target::new(&Arc::new(Origin::parse("https://api.example.org").unwrap()), "/items?page=1")
    }

    fn link(value: &'static str) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.insert("link", HeaderValue::from_static(value));
        Ok(next_link(&headers, &current())?.map(|cursor| cursor.token().to_owned()))
    }

    #[test]
    fn links_at_the_same_origin_are_followed() {
        for (value, expected) in [
            (
                "<https://api.example.org/items?page=2>; rel=\"next\", <https://api.example.org/items?page=9>; rel=\"last\"",
                Some("/items?page=2"),
            ),
            (
                "<https://API.example.org:443/repositories/1/items?a=1,2>; title=\"a, b\"; rel=next",
                Some("/repositories/1/items?a=1,2"),
            ),
            ("</items?page=1>; rel=\"prev\", </items?page=3>; rel=\"start next\"", Some("/items?page=3")),
            ("<?page=2>; rel=next", Some("/items?page=2")),
            ("<https://api.example.org?page=2>; rel=next", Some("/?page=2")),
            ("</items?page=9>; rel=\"last\"", None),
            ("nonsense", None),
        ] {
            assert_eq!(link(value).unwrap().as_deref(), expected, "{value}");
        }
        assert_eq!(next_link(&HeaderMap::new(), &current()).unwrap(), None);
    }

    #[test]
    fn links_elsewhere_are_refused() {
        for value in [
            "<https://evil.example/items>; rel=next",
            "<http://api.example.org/items>; rel=next",
            "<//evil.example/items>; rel=next",
            "<https://api.example.org@evil.example/items>; rel=next",
            "<https://api.example.org:8443/items>; rel=next",
            "<items>; rel=next",
        ] {
            assert!(link(value).unwrap_err().is(ErrorKind::Decode), "{value}");
        }
    }

    #[test]
    fn cursors_lead_back_to_their_pages() {
        let page = |token: &str| PageRequest { cursor: Some(Cursor::new(token)), size: None };
        assert_eq!(link_target(&page("/items?page=2"), current()).unwrap().path_and_query, "/items?page=2");
        assert_eq!(link_target(&PageRequest::first(), current()).unwrap(), current());
        assert_eq!(link_target(&page("https://evil.example"), current()).unwrap_err().reason(), Some(Reason::ForeignCursor));
        assert_eq!(offset(&page("70")).unwrap(), 70);
        assert_eq!(offset(&PageRequest::first()).unwrap(), 0);
        assert!(offset(&page("x")).is_err());
    }

    #[test]
    fn offsets_end() {
        let next = |offset, count, size, total| next_offset(offset, count, size, total).map(|cursor| cursor.token().to_owned());
        assert_eq!(next(0, 50, 50, None).as_deref(), Some("50"));
        assert_eq!(next(50, 49, 50, None), None);
        assert_eq!(next(50, 0, 50, Some(1000)), None);
        assert_eq!(next(50, 49, 50, Some(1000)).as_deref(), Some("99"));
        assert_eq!(next(50, 50, 50, Some(100)), None);
        assert_eq!(token(Some("")), None);
    }
}
