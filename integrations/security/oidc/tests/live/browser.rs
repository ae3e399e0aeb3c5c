//! A user with a browser, who agrees to everything.

use std::collections::BTreeMap;

use circle_core_common::credentials::LOAD;
use circle_core_common::http::{HttpClient, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Result};
use http::StatusCode;

static LOOK: RemoteOperation = RemoteOperation::new("browser.Look", Idempotency::Safe, "");

/// How many pages a login takes at most.
const PAGES: usize = 10;

pub(crate) struct Browser {
    cx: CallContext,
    build: BuildContext,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let environment = Environment::default();
        let cx = CallContext::new(&environment, &LOAD, None);
        Self { cx, build: BuildContext::new(environment, "browser").allow_loopback(true), cookies: BTreeMap::new() }
    }

    fn client(&self, url: &str) -> Result<(HttpClient, String)> {
        let at = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash)).unwrap_or(url.len());
        let client = self.build.http(self.build.origin(&url[..at])?).build();
        Ok((client, url[at..].to_owned()))
    }

    /// Looks at one page: its status, and where it leads.
    pub(crate) async fn look(&mut self, url: &str) -> Result<(StatusCode, Option<String>)> {
        let (client, path) = self.client(url)?;
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::get(client.target(&path)).header("accept", "text/html")?;
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "))?;
        }
        let request = request.keep_status(StatusCode::SEE_OTHER).keep_status(StatusCode::FOUND);
        let response = client.send(&self.cx, &LOOK, request).await?;
        for cookie in response.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let origin = client.origin().as_str().to_owned();
        let location =
            response.header("location").map(|to| if to.starts_with('/') { format!("{origin}{to}") } else { to.to_owned() });
        Ok((response.status, location))
    }

    /// Goes where it is sent, up to the first page that leads nowhere, which is read, too.
    pub(crate) async fn read_through(&mut self, url: &str) -> Result<()> {
        let mut next = url.to_owned();
        for _ in 0..PAGES {
            match self.look(&next).await? {
                (_, Some(location)) => next = location,
                (StatusCode::OK, None) => return Ok(()),
                (status, None) => {
                    return Err(Error::new(ErrorKind::Decode, format!("a page of the login leads nowhere: {status}")));
                }
            }
        }
        Err(Error::new(ErrorKind::Decode, "the login does not end"))
    }

    /// Goes where it is sent, up to the first page that `back` begins: the answer to the login.
    pub(crate) async fn log_in(&mut self, url: &str, back: &str) -> Result<String> {
        let mut next = url.to_owned();
        for _ in 0..PAGES {
            if next.starts_with(back) {
                return Ok(next);
            }
            let (status, location) = self.look(&next).await?;
            next =
                location.ok_or_else(|| Error::new(ErrorKind::Decode, format!("a page of the login leads nowhere: {status}")))?;
        }
        Err(Error::new(ErrorKind::Decode, "the login does not end"))
    }
}
