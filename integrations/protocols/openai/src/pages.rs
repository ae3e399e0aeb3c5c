//! Lists that go on after the id of their last entry.

use circle_core_common::http::{Request, paging};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{CallContext, Listing, Page, PageRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::OpenAiClient;
use crate::endpoint::OpenAiEndpoint;
use crate::field;

#[derive(Deserialize)]
struct WirePage<T> {
    data: Vec<T>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default, deserialize_with = "field::text")]
    last_id: Option<String>,
}

/// A list of the service.
pub(crate) struct List<T> {
    pub(crate) endpoint: OpenAiEndpoint,
    pub(crate) operation: &'static RemoteOperation,
    pub(crate) path: &'static str,
    /// The parameters that choose and order the entries.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The most entries of a page.
    pub(crate) page_max: u32,
    /// The id of an entry.
    pub(crate) id: fn(&T) -> &str,
}

impl<T: DeserializeOwned + Send + 'static> List<T> {
    /// The list, whose pages are requests of this call.
    pub(crate) fn of(self, client: &OpenAiClient, cx: &CallContext) -> Listing<T> {
        let Self { endpoint, operation, path, query, page_max, id } = self;
        let (client, cx) = (client.clone(), cx.clone());
        let name = query.iter().fold(operation.name().to_owned(), |name, (key, value)| format!("{name} {key}={value}"));
        Listing::new(&name, move |page: PageRequest| {
            let (client, cx) = (client.clone(), cx.clone());
            let target = client.at(endpoint, path).map(|target| {
                let target = query.iter().fold(target, |target, (key, value)| target.query(key, value));
                let target = target.query_opt("limit", page.size.map(|size| size.min(page_max)));
                target.query_opt("after", page.cursor.as_ref().map(|cursor| cursor.token().to_owned()))
            });
            async move {
                let response = client.http().send(&cx, operation, Request::get(target?).accept_compressed()).await?;
                let answer = response.json::<WirePage<T>>()?;
                // A page without entries has no last one to go on from.
                let last = answer.last_id.or_else(|| answer.data.last().map(|entry| id(entry).to_owned()));
                let next = last.filter(|_| answer.has_more == Some(true) && !answer.data.is_empty());
                Ok(Page::new(answer.data, paging::token(next.as_deref())))
            }
        })
    }
}
