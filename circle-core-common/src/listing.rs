//! Lists that can span pages.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Limit, Reason, Result};

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries; an empty page with `next` is legal.
    pub items: Vec<T>,
    /// Where the next page starts; `None` after the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page.
    #[must_use]
    pub const fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next }
    }

    /// The same page with other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

/// A place in a list: opaque, serialisable, good after a restart; another list's cursor is `InvalidInput`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    token: Arc<str>,
    /// Which list it belongs to; 0 until the handle seals it.
    list: u64,
}

impl Cursor {
    /// A cursor that holds a provider's own token. The handle binds it to the list.
    #[must_use]
    pub fn new(token: impl Into<Arc<str>>) -> Self {
        Self { token: token.into(), list: 0 }
    }

    /// The provider's own token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(…)")
    }
}

/// `<list as 16 hex digits>.<token>`.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.list, self.token)
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.').filter(|(list, _)| list.len() == 16);
        parts
            .and_then(|(list, token)| Some(Self { token: token.into(), list: u64::from_str_radix(list, 16).ok()? }))
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the text is not a cursor").with_reason(Reason::ForeignCursor))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|error: Error| serde::de::Error::custom(error.message()))
    }
}

/// What a listing asks its source for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageRequest {
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// How many entries at most; a provider may give fewer.
    pub size: Option<u32>,
}

impl PageRequest {
    /// The first page, as large as the provider likes; for tests of providers.
    #[must_use]
    pub const fn first() -> Self {
        Self { cursor: None, size: None }
    }
}

type Fetch<T> = dyn Fn(PageRequest) -> Pin<Box<dyn Future<Output = Result<Page<T>>> + Send>> + Send + Sync;

/// A list that sends nothing until one of its ends is called: [`stream`](Self::stream), [`page`](Self::page),
/// [`all`](Self::all).
#[must_use = "a listing sends nothing until `stream`, `page` or `all`"]
pub struct Listing<T> {
    fetch: Arc<Fetch<T>>,
    list: u64,
    page_size: Option<u32>,
    limit: Option<u64>,
    cursor: Option<Cursor>,
}

impl<T: Send + 'static> Listing<T> {
    /// The most that [`Listing::all`] collects without a limit.
    pub const ALL_MAX: u64 = 100_000;

    /// A listing over a source of pages. `list` is the text that tells this list from others: operation and arguments.
    pub fn new<F, Fut>(list: &str, fetch: F) -> Self
    where
        F: Fn(PageRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Page<T>>> + Send + 'static,
    {
        Self {
            fetch: Arc::new(move |request| Box::pin(fetch(request))),
            list: fingerprint(list),
            page_size: None,
            limit: None,
            cursor: None,
        }
    }

    /// Sets how many entries a page has at most.
    pub fn page_size(mut self, size: u32) -> Self {
        self.page_size = Some(size);
        self
    }

    /// Stops after so many entries.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Goes on from a cursor of the same list.
    pub fn starting_at(mut self, cursor: impl Into<Option<Cursor>>) -> Self {
        self.cursor = cursor.into();
        self
    }

    /// One page, and the cursor of the next.
    ///
    /// # Errors
    /// `InvalidInput` for another list's cursor or a page size of 0; what the provider says.
    pub async fn page(self) -> Result<Page<T>> {
        match self.limit {
            // As `all` and `stream` do: nothing is asked for, and the list goes on where it was.
            Some(0) => Ok(Page::new(Vec::new(), self.cursor)),
            limit => fetch_page(&self.fetch, self.list, self.cursor, at_most(self.page_size, limit)).await,
        }
    }

    /// All entries, page by page, fetched as they are asked for.
    pub fn stream(self) -> Items<T> {
        Items {
            fetch: self.fetch,
            list: self.list,
            page_size: self.page_size,
            left: self.limit,
            ready: VecDeque::new(),
            state: State::Next(self.cursor),
        }
    }

    /// All entries in one vector.
    ///
    /// # Errors
    /// `InvalidInput`, reason [`Reason::TooMany`], beyond 100,000 entries without [`limit`](Self::limit); what the provider says.
    pub async fn all(self) -> Result<Vec<T>> {
        let bounded = self.limit.is_some();
        let mut items = self.stream();
        let mut all = Vec::new();
        while let Some(item) = items.try_next().await? {
            if !bounded && all.len() as u64 >= Self::ALL_MAX {
                let limit = Limit::at_most("all", Self::ALL_MAX, "entries");
                return Err(Error::outside_limit(limit, "more: set `limit`, or use `stream`").with_reason(Reason::TooMany));
            }
            all.push(item);
        }
        Ok(all)
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("page_size", &self.page_size).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// FNV-1a: stable over versions and machines, which `std`'s hashers are not; a cursor survives a restart.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A page of no more than what is still wanted.
fn at_most(page_size: Option<u32>, wanted: Option<u64>) -> Option<u32> {
    let wanted = wanted.map(|wanted| u32::try_from(wanted).unwrap_or(u32::MAX));
    page_size.into_iter().chain(wanted).min()
}

async fn fetch_page<T>(fetch: &Arc<Fetch<T>>, list: u64, cursor: Option<Cursor>, size: Option<u32>) -> Result<Page<T>> {
    if size == Some(0) {
        return Err(Error::outside_limit(Limit::at_least("page_size", 1, "entries"), 0));
    }
    if cursor.as_ref().is_some_and(|cursor| cursor.list != list) {
        let text = "the cursor belongs to another list";
        return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::ForeignCursor));
    }
    let mut page = fetch(PageRequest { cursor, size }).await?;
    if let Some(next) = &mut page.next {
        next.list = list;
    }
    Ok(page)
}

/// The entries of a [`Listing`], as a stream that fetches a page when it runs dry.
#[must_use = "streams do nothing unless polled"]
pub struct Items<T> {
    fetch: Arc<Fetch<T>>,
    list: u64,
    page_size: Option<u32>,
    left: Option<u64>,
    ready: VecDeque<T>,
    state: State<T>,
}

enum State<T> {
    Next(Option<Cursor>),
    Fetching(Pin<Box<dyn Future<Output = Result<Page<T>>> + Send>>),
    End,
}

impl<T: Send + 'static> Items<T> {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// What the provider says; after an error the stream has ended.
    pub async fn try_next(&mut self) -> Result<Option<T>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await.transpose()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        loop {
            if self.left == Some(0) {
                return Poll::Ready(None);
            }
            if let Some(item) = self.ready.pop_front() {
                self.left = self.left.map(|left| left - 1);
                return Poll::Ready(Some(Ok(item)));
            }
            match &mut self.state {
                State::End => return Poll::Ready(None),
                State::Next(cursor) => {
                    let (fetch, list, cursor) = (Arc::clone(&self.fetch), self.list, cursor.take());
                    let size = at_most(self.page_size, self.left);
                    self.state = State::Fetching(Box::pin(async move { fetch_page(&fetch, list, cursor, size).await }));
                }
                State::Fetching(page) => {
                    let result = ready!(page.as_mut().poll(cx));
                    match result {
                        Ok(page) => {
                            self.ready = page.items.into();
                            self.state = page.next.map_or(State::End, |next| State::Next(Some(next)));
                        }
                        Err(error) => {
                            self.state = State::End;
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            }
        }
    }
}

impl<T> Unpin for Items<T> {}

impl<T: Send + 'static> Stream for Items<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Items({} ready)", self.ready.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(list: &str) -> Listing<u32> {
        Listing::new(list, |request| async move {
            let from: u32 = request.cursor.map_or(0, |cursor| cursor.token().parse().unwrap());
            let to = from + request.size.unwrap_or(3);
            // Every other page is empty, which is legal.
            let items = if (from / 3) % 2 == 1 { vec![] } else { (from..to.min(20)).collect() };
            Ok(Page::new(items, (to < 20).then(|| Cursor::new(to.to_string()))))
        })
    }

    #[tokio::test]
    async fn streams_over_empty_pages_and_stops_at_the_limit() {
        assert_eq!(numbers("a").all().await.unwrap(), [0, 1, 2, 6, 7, 8, 12, 13, 14, 18, 19]);
        assert_eq!(numbers("a").page_size(3).limit(4).all().await.unwrap(), [0, 1, 2, 6]);
        assert_eq!(numbers("a").limit(0).all().await.unwrap(), [0_u32; 0]);
        assert_eq!(numbers("a").limit(0).page().await.unwrap(), Page::new(vec![], None));
    }

    #[tokio::test]
    async fn a_limit_asks_for_no_more_than_is_wanted() {
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sizes = Arc::clone(&asked);
        let list = Listing::new("a", move |request: PageRequest| {
            sizes.lock().unwrap().push(request.size);
            let items = vec![0_u32; request.size.unwrap() as usize];
            async move { Ok(Page::new(items, Some(Cursor::new("next")))) }
        });
        assert_eq!(list.page_size(3).limit(7).all().await.unwrap().len(), 7);
        assert_eq!(*asked.lock().unwrap(), [Some(3), Some(3), Some(1)]);
    }

    #[tokio::test]
    async fn cursors_survive_serde_and_refuse_other_lists() {
        let next = numbers("a").page().await.unwrap().next.unwrap();
        let text = serde_json::to_string(&next).unwrap();
        let back: Cursor = serde_json::from_str(&text).unwrap();
        assert_eq!(numbers("a").starting_at(back.clone()).page_size(4).page().await.unwrap().items, [0_u32; 0]);
        let error = numbers("b").starting_at(back).page().await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::InvalidInput, Some(Reason::ForeignCursor)));
        assert!("zz".parse::<Cursor>().is_err());
    }

    #[tokio::test]
    async fn a_page_of_nothing_is_refused() {
        assert!(numbers("a").page_size(0).page().await.unwrap_err().is(ErrorKind::InvalidInput));
    }
}
