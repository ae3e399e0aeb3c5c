//! How the body of a borrowed client's request is had again.

/// Makes the body of a request anew for each attempt. Closures are this.
pub trait Replay<B>: Clone + Send + Sync + 'static {
    /// The same body again, if that can be had: then `body` stays for the next attempt. Else it is sent itself, once.
    fn replay(&self, body: &B) -> Option<B>;
}

/// Bodies that are cloned: bytes, texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloned;

impl<B: Clone> Replay<B> for Cloned {
    fn replay(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

/// Bodies that are sent once: a request is not repeated once it had an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentOnce;

impl<B> Replay<B> for SentOnce {
    fn replay(&self, _: &B) -> Option<B> {
        None
    }
}

impl<B, F: Fn(&B) -> Option<B> + Clone + Send + Sync + 'static> Replay<B> for F {
    fn replay(&self, body: &B) -> Option<B> {
        self(body)
    }
}
