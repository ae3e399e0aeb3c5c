//! What a deletion came to.

use circle_core_common::http::Response;
use circle_core_common::{Error, ErrorKind, Result, Sent};
use serde::Deserialize;

#[derive(Deserialize)]
struct Deleted {
    #[serde(default)]
    deleted: Option<bool>,
}

/// Success where the thing is gone, whoever deleted it: an attempt whose answer was lost may have been this call's own.
pub(crate) fn ended(answer: Result<Response>, what: &str) -> Result<()> {
    match answer.and_then(|answer| answer.json::<Deleted>()) {
        Err(error) if error.is(ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(error),
        Ok(Deleted { deleted: Some(false) }) => {
            let text = format!("the service says that it did not delete the {what}");
            Err(Error::new(ErrorKind::Conflict, text).with_sent(Sent::Yes))
        }
        Ok(_) => Ok(()),
    }
}
