//! Pages of a list, each sought by name, so that what is written or deleted in between moves no other key.

use std::ops::Bound;

use circle_core_common::interfaces::object_store::{Entry, ListRequest};
use circle_core_common::{Cursor, Error, ErrorKind, Page, Reason, Result};

use super::history::{History, Objects, State};

/// The most entries of a page.
const PAGE_MAX: u32 = 1000;

pub(super) fn page(objects: &Objects, request: &ListRequest) -> Result<Page<Entry>> {
    let options = &request.options;
    let (prefix, delimiter) = (request.prefix.as_str(), options.delimiter.as_deref());
    let place = request.page.cursor.as_ref().map(Place::parse).transpose()?;
    let size = request.page.size.unwrap_or(PAGE_MAX).min(PAGE_MAX) as usize;
    let mut page = PageInProgress { items: Vec::new(), size, last: None };

    let behind_fold;
    let start = match &place {
        Some(place) => match fold(place.name, prefix, delimiter) {
            Some(folded) => match behind(folded) {
                Some(next) => {
                    behind_fold = next;
                    Bound::Included(behind_fold.as_str())
                }
                None => return Ok(page.finish(false)),
            },
            // The revisions of this key that are older than the last one given.
            None if place.generation > 0 => Bound::Included(place.name),
            None => Bound::Excluded(place.name),
        },
        None => match &options.start_after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        },
    };

    let mut keys = objects.keys.range::<str, _>((start, Bound::Unbounded));
    while let Some((key, history)) = keys.next() {
        let name = key.as_str();
        if !name.starts_with(prefix) {
            break;
        }
        if !options.versions && history.current().is_none() {
            continue;
        }
        if let Some(folded) = fold(name, prefix, delimiter) {
            if !page.push(Place { generation: 0, name: folded }, || Entry::Prefix(folded.into())) {
                return Ok(page.finish(true));
            }
            let Some(next) = behind(folded) else { break };
            keys = objects.keys.range::<str, _>((Bound::Included(next.as_str()), Bound::Unbounded));
            continue;
        }
        let more = if options.versions {
            let resumed = place.as_ref().filter(|place| place.name == name).map_or(0, |place| place.generation);
            push_revisions(&mut page, name, history, resumed)
        } else if let Some(stored) = history.current() {
            page.push(Place { generation: 0, name }, || Entry::Object((*stored.meta).clone()))
        } else {
            true
        };
        if !more {
            return Ok(page.finish(true));
        }
    }
    Ok(page.finish(false))
}

/// Adds the revisions of a key, the newest first, from behind the generation where the page before ended.
fn push_revisions<'a>(page: &mut PageInProgress<'a>, name: &'a str, history: &'a History, resumed: u64) -> bool {
    let left = history.revisions().enumerate().filter(|(_, revision)| resumed == 0 || revision.generation < resumed);
    for (age, revision) in left {
        let entry = || match &revision.state {
            State::Object(stored) => {
                let mut meta = (*stored.meta).clone();
                meta.is_latest = age == 0;
                Entry::Object(meta)
            }
            State::Marker(marker) => {
                let mut marker = marker.clone();
                marker.is_latest = age == 0;
                Entry::DeleteMarker(marker)
            }
        };
        if !page.push(Place { generation: revision.generation, name }, entry) {
            return false;
        }
    }
    true
}

/// The place behind an entry: everything of a folded prefix, everything of a name where the generation is 0, else the
/// revisions of the name down to this one.
struct Place<'a> {
    generation: u64,
    name: &'a str,
}

impl<'a> Place<'a> {
    fn parse(cursor: &'a Cursor) -> Result<Self> {
        let parts = cursor.token().split_once(':');
        parts.and_then(|(generation, name)| Some(Self { generation: generation.parse().ok()?, name })).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "the cursor is not one of this store").with_reason(Reason::ForeignCursor)
        })
    }
}

struct PageInProgress<'a> {
    items: Vec<Entry>,
    size: usize,
    last: Option<Place<'a>>,
}

impl<'a> PageInProgress<'a> {
    /// Whether there was room.
    fn push(&mut self, place: Place<'a>, entry: impl FnOnce() -> Entry) -> bool {
        if self.items.len() >= self.size {
            return false;
        }
        self.items.push(entry());
        self.last = Some(place);
        true
    }

    fn finish(self, more: bool) -> Page<Entry> {
        let next = self.last.filter(|_| more).map(|place| Cursor::new(format!("{}:{}", place.generation, place.name)));
        Page::new(self.items, next)
    }
}

/// What the name is folded into: up to the first delimiter behind the prefix, the delimiter included.
fn fold<'a>(name: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter?;
    let at = name.strip_prefix(prefix)?.find(delimiter)?;
    name.get(..prefix.len() + at + delimiter.len())
}

/// The first text behind all that begin with `prefix`; `None` where nothing can be behind them.
///
/// The byte order of UTF-8 is the order of its characters, so the last one that has a successor gets it.
fn behind(prefix: &str) -> Option<String> {
    let mut next = prefix.to_owned();
    while let Some(last) = next.pop() {
        let successor = match last {
            // The surrogates between these two are no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(successor) = successor {
            next.push(successor);
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_right_behind_all_of_a_prefix() {
        assert_eq!(behind("a/").as_deref(), Some("a0"));
        assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(behind("\u{10ffff}"), None);
        for prefix in ["a/", "é", "a\u{7f}", "x\u{7ff}", "\u{ffff}"] {
            let next = behind(prefix).unwrap();
            assert!(format!("{prefix}\u{10ffff}\u{10ffff}") < next && !next.starts_with(prefix), "{prefix:?}");
        }
    }

    #[test]
    fn names_fold_at_the_first_delimiter_behind_the_prefix() {
        assert_eq!(fold("a/b/c", "", Some("/")), Some("a/"));
        assert_eq!(fold("a/b/c", "a/", Some("/")), Some("a/b/"));
        assert_eq!(fold("a/b/c", "a/b", Some("/")), Some("a/b/"));
        assert_eq!(fold("a/b", "a/", Some("/")), None);
        assert_eq!(fold("a--b", "", Some("--")), Some("a--"));
        assert_eq!(fold("a/b", "", None), None);
    }
}
