//! Filters that a store does not know: more is fetched than was asked for, and filtered here.

use super::{Location, Match, QueryRequest, VectorQuery, VectorStoreProvider};
use crate::error::{Error, ErrorKind, Result, Sent};
use crate::filter::{Filter, FilterOperators};
use crate::scope::Call;

/// How often more is fetched at most, and by which factor each time.
const ROUNDS: u32 = 4;
const FACTOR: u32 = 4;

/// The best matches that the whole filter matches; never fewer than there are.
pub(super) async fn query(
    call: &Call<'_>,
    provider: &dyn VectorStoreProvider,
    location: Location,
    mut query: VectorQuery,
    pushed: FilterOperators,
    top_k_max: u32,
) -> Result<Vec<Match>> {
    let wanted = query.top_k;
    let (down, left) = query.filter.take().map_or((None, None), |filter| filter.split(pushed));
    query.filter = down;
    for round in 1..=ROUNDS {
        query.top_k = wanted.saturating_mul(FACTOR.saturating_pow(round)).min(top_k_max);
        let request = QueryRequest::new(location.clone(), query.clone());
        let found = call.guard(provider.query(call.cx(), request)).await?;
        let exhausted = found.len() < query.top_k as usize;
        let mut matches = filtered(found, left.as_ref())?;
        if exhausted || matches.len() >= wanted as usize {
            matches.truncate(wanted as usize);
            return Ok(matches);
        }
        if query.top_k == top_k_max {
            break;
        }
    }
    let text = format!("of the best {} records too few match the filter, which the store cannot apply itself", query.top_k);
    Err(Error::new(ErrorKind::Unsupported, text).with_sent(Sent::Yes))
}

fn filtered(found: Vec<Match>, left: Option<&Filter>) -> Result<Vec<Match>> {
    let Some(left) = left else { return Ok(found) };
    let mut matches = Vec::with_capacity(found.len());
    for one in found {
        if left.matches(&one.fields)? {
            matches.push(one);
        }
    }
    Ok(matches)
}
