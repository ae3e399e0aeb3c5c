//! What stands in for the service: everything that was said, in the order in which it was.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use circle_core_common::{ByteSize, Cursor, Error, ErrorKind, Page, PageRequest, Reason, Result, Timestamp};

use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

const PAGE_SIZE: usize = 1000;

pub(crate) struct Outbox {
    capacity: ByteSize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    posts: Vec<Post>,
    used: u64,
}

/// What was said, and to whom.
#[derive(Clone)]
pub(crate) struct Post {
    /// Posts are counted from 1, over all interfaces.
    pub(crate) number: usize,
    /// Posts of one interface never meet those of another.
    interface: &'static str,
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

impl Outbox {
    pub(crate) fn new(config: &{{Provider}}Config) -> Self {
        Self { capacity: config.capacity, kept: Mutex::default() }
    }

    /// The number of the new post.
    pub(crate) fn put(&self, interface: &'static str, to: &str, text: &str, at: Timestamp) -> Result<usize, {{Provider}}Error> {
        let mut kept = self.kept();
        let post = Post { number: kept.posts.len() + 1, interface, to: to.to_owned(), text: text.to_owned(), at };
        let used = kept.used + (post.to.len() + post.text.len()) as u64;
        if used > self.capacity.as_u64() {
            return Err({{Provider}}Error::Full { capacity: self.capacity });
        }
        let number = post.number;
        kept.used = used;
        kept.posts.push(post);
        Ok(number)
    }

    /// A page of what is wanted, the newest first.
    pub(crate) fn list(&self, interface: &'static str, page: &PageRequest, is_wanted: impl Fn(&Post) -> bool) -> Result<Page<Post>> {
        let kept = self.kept();
        let older = match &page.cursor {
            Some(cursor) => number(cursor)?.saturating_sub(1).min(kept.posts.len()),
            None => kept.posts.len(),
        };
        let size = page.size.map_or(PAGE_SIZE, |size| size as usize).min(PAGE_SIZE);
        let mut found = kept.posts[..older].iter().rev().filter(|post| post.interface == interface && is_wanted(post));
        let posts: Vec<Post> = found.by_ref().take(size).cloned().collect();
        let next = posts.last().filter(|_| found.next().is_some()).map(|last| Cursor::new(last.number.to_string()));
        Ok(Page::new(posts, next))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock can leave the posts half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the post that a page begins behind.
fn number(cursor: &Cursor) -> Result<usize> {
    let foreign = || Error::new(ErrorKind::InvalidInput, "the cursor is none of this list").with_reason(Reason::ForeignCursor);
    cursor.token().parse().map_err(|_| foreign())
}

/// Text that commands no reader's terminal: of the control characters, only the line break and the tab are text.
pub(crate) fn visible(text: &str) -> String {
    text.replace("\r\n", "\n").replace(|letter: char| letter.is_control() && letter != '\n' && letter != '\t', "\u{fffd}")
}

/// Without the posts, which may be secret.
impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({})", self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(capacity: ByteSize) -> Outbox {
        Outbox::new(&{{Provider}}Config::new().capacity(capacity))
    }

    fn put(outbox: &Outbox, interface: &'static str, to: &str, text: &str) -> Result<usize, {{Provider}}Error> {
        outbox.put(interface, to, text, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let outbox = outbox(ByteSize::bytes(8));
        assert_eq!(put(&outbox, "i", "ana", "12"), Ok(1));
        assert_eq!(put(&outbox, "i", "ana", "1"), Err({{Provider}}Error::Full { capacity: ByteSize::bytes(8) }));
        assert_eq!(put(&outbox, "i", "ana", ""), Ok(2));
    }

    #[test]
    fn lists_stay_within_their_interface_and_begin_with_the_newest() {
        let outbox = outbox(ByteSize::kib(1));
        for (interface, to) in [("i", "ana"), ("i", "ben"), ("j", "ana"), ("i", "ana"), ("i", "ana")] {
            assert!(put(&outbox, interface, to, "").is_ok());
        }
        let mut page = PageRequest::first();
        page.size = Some(2);
        let list = |page: &PageRequest| outbox.list("i", page, |post| post.to == "ana").map(|found| found.map(|post| post.number));
        let first = list(&page).expect("a page");
        assert_eq!(first.items, [5, 4]);
        page.cursor = first.next;
        assert_eq!(list(&page).expect("a page"), Page::new(vec![1], None));
        page.cursor = Some(Cursor::new("elsewhere"));
        assert_eq!(list(&page).err().and_then(|error| error.reason()), Some(Reason::ForeignCursor));
    }

    #[test]
    fn text_commands_no_terminal() {
        assert_eq!(visible("a\r\nb\tc\u{1b}[2J\u{9b}d\r"), "a\nb\tc\u{fffd}[2J\u{fffd}d\u{fffd}");
    }
}
