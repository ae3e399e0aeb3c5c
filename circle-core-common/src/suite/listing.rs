//! Lists, read page by page.

use std::fmt::Debug;

use super::{Failed, Fault, Faults, Outcome, equal, expect_kind, holds};
use crate::error::ErrorKind;
use crate::listing::{Listing, Page};

/// The items of a page of a list and of all pages behind it, none of which has more than `size`.
pub(crate) async fn to_the_end<T>(mut page: Page<T>, size: u32, list: impl Fn() -> Listing<T>) -> Result<Vec<T>, Failed>
where
    T: Send + 'static,
{
    let mut items = Vec::new();
    loop {
        holds(format!("a page of {size} has at most {size} items"), page.items.len() <= size as usize)?;
        items.append(&mut page.items);
        let Some(next) = page.next else { return Ok(items) };
        page = list().starting_at(next).page().await?;
    }
}

/// Checks that a list of this length, whose second page fails, ends in that error or is whole.
pub(crate) async fn is_never_short<T: Debug + Send + 'static>(list: Listing<T>, length: usize, faults: &dyn Faults) -> Outcome {
    let mut items = list.page_size(2).stream();
    let mut listed = vec![items.try_next().await?, items.try_next().await?];
    faults.inject(Fault::Unavailable);
    loop {
        match items.try_next().await {
            Ok(None) => return equal("the length of the list", &listed.len(), &length),
            Ok(item) => listed.push(item),
            result => return expect_kind("the second page", result, ErrorKind::Unavailable).map(drop),
        }
    }
}
