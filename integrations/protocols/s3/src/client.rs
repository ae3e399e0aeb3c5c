//! The native client: one method per remote operation, over one bucket.

mod bucket;
mod listing;
mod multipart;
mod object;
mod operations;
mod place;
mod presign;
mod tagging;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use circle_core_common::http::{Answer, Classify, Opened, Request, Response};
use circle_core_common::resilience::{Lasting, RemoteOperation, Resilience, Stall};
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Result};

pub use listing::ListQuery;
pub use multipart::CopyPart;
pub use operations::OPERATIONS;
use operations::{COMPLETE_MULTIPART_UPLOAD, COPY_OBJECT, UPLOAD_PART_COPY};
use place::{Place, Places};
pub use write::{CopyObject, Made};

use crate::error::S3Error;
use crate::models::Copied;
use crate::profile::S3Profile;
use crate::settings::S3Settings;

/// How many bytes of a success are looked at for an error inside it.
const ERROR_WITHIN: usize = 512;

/// A client of one bucket: every request of the S3 API that object storage needs, each with the retries, limits and
/// timeouts of its service. Clones share all of it.
#[derive(Clone)]
pub struct S3Client {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    profile: S3Profile,
    bucket: String,
    versions: bool,
    places: Places,
    /// How long a request may take that moves content within the service.
    lasting: Lasting,
    closed: AtomicBool,
}

impl S3Client {
    /// A client with these settings. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid` for settings that fit neither each other nor the service.
    pub fn new(settings: &S3Settings, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        let lasting = lasting(cx.chosen_resilience());
        let cx = patient(cx);
        let inner = Inner {
            environment: cx.environment().clone(),
            profile: settings.profile.clone(),
            bucket: settings.bucket.clone(),
            versions: settings.versions && settings.profile.versions,
            places: Places::new(settings, cx)?,
            lasting,
            closed: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.inner.bucket
    }

    /// What the service does.
    #[must_use]
    pub fn profile(&self) -> &S3Profile {
        &self.inner.profile
    }

    /// The region that requests are signed for: that of the config, or that of the bucket once its service has said so.
    #[must_use]
    pub fn region(&self) -> &str {
        self.inner.places.current().region()
    }

    /// Bucket and place, for people.
    pub(crate) fn target(&self) -> String {
        format!("{}@{}", self.inner.bucket, self.inner.places.current().name())
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    pub(crate) fn versions(&self) -> bool {
        self.inner.versions
    }

    pub(crate) fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the S3 client is closed"));
        }
        Ok(())
    }

    /// As [`send`](Self::send), for a request that moves content within the service: it lasts as long as there is content.
    async fn send_lasting(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: impl Fn(&Place) -> Result<Request> + Send,
    ) -> Result<Response> {
        let lasting = self.inner.lasting;
        // How often the white space comes, nobody promises: the attempt's timeout alone ends it.
        let lasts = |request: Request| request.lasting(lasting).stall(Stall::off());
        self.send(cx, operation, move |place| Ok(lasts(request(place)?))).await
    }

    /// Sends a request whose answer is read into memory; once more where the bucket turns out to be elsewhere.
    async fn send(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: impl Fn(&Place) -> Result<Request> + Send,
    ) -> Result<Response> {
        self.check_open()?;
        let place = self.inner.places.current();
        let error = match place.http().send(cx, operation, request(place)?).await {
            Err(error) => error,
            answered => return answered,
        };
        match self.inner.places.moved(place, &error)? {
            Some(place) => place.http().send(cx, operation, request(place)?).await,
            None => Err(error),
        }
    }

    /// As [`send`](Self::send), with an answer that is given at its headers.
    async fn open(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        request: impl Fn(&Place) -> Result<Request> + Send,
    ) -> Result<Opened> {
        self.check_open()?;
        let place = self.inner.places.current();
        let error = match place.http().open(cx, operation, request(place)?).await {
            Err(error) => error,
            answered => return answered,
        };
        match self.inner.places.moved(place, &error)? {
            Some(place) => place.http().open(cx, operation, request(place)?).await,
            None => Err(error),
        }
    }
}

/// Amazon answers the end of an upload, a copy and a copied part with 200 and white space at once, and with what came of it
/// when the work is done: "several minutes" for the end of an upload, and for 5 GiB, the most that one request copies, 15
/// minutes at 6 MB/s. All of a request is two such attempts. What the config chose stays.
fn lasting(chosen: &Resilience) -> Lasting {
    let mine = |config: Option<Duration>, minutes: u64| {
        (chosen.profile.is_none() && config.is_none()).then_some(Duration::from_secs(60 * minutes))
    };
    Lasting { attempt_timeout: mine(chosen.attempt_timeout, 15), total_timeout: mine(chosen.total_timeout, 30) }
}

/// Requests that carry content take longer than others: a part of 16 MiB takes ten seconds at 13 Mbit/s.
fn patient(cx: BuildContext) -> BuildContext {
    let chosen = cx.chosen_resilience().clone();
    if chosen.profile.is_some() {
        return cx;
    }
    let base = Resilience::new().attempt_timeout(Duration::from_secs(60)).total_timeout(Duration::from_secs(300));
    cx.resilience(chosen.over(&base))
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Client({} {})", self.inner.profile.name, self.target())
    }
}

/// Reads every answer, also those that say 200 and mean an error.
struct Answers;

impl Classify for Answers {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        if answer.status.is_success() {
            let start = &answer.body[..answer.body.len().min(ERROR_WITHIN)];
            let makes = [&COMPLETE_MULTIPART_UPLOAD, &COPY_OBJECT, &UPLOAD_PART_COPY];
            let makes = makes.into_iter().any(|operation| std::ptr::eq(operation, answer.operation));
            if !makes && !start.windows(6).any(|window| window == b"<Error") {
                return None;
            }
            return match S3Error::read(answer.status, answer.headers, answer.body) {
                Some(error) => Some(error.of_answer(answer)),
                // The status was sent before the work was done; an answer that breaks off says nothing of the work.
                None if makes => {
                    let cut = Copied::read(answer.body).err();
                    cut.map(|error| error.with_retryable(true).with_sent(circle_core_common::Sent::Maybe))
                }
                None => None,
            };
        }
        S3Error::read(answer.status, answer.headers, answer.body).map(|error| error.of_answer(answer))
    }
}
