//! Downloads that break off.

use super::{Caps, MIB, Store, bytes};
use crate::error::{Error, ErrorKind, Reason};
use crate::interfaces::object_store::ObjectStore;
use crate::suite::{Fault, Outcome, equal, expect_kind, expect_reason, holds};

/// A download that is cut goes on where it stopped; where it cannot, it ends in an error, never short.
pub async fn get_of_a_body_that_is_cut_is_resumed_or_fails(subject: Store) -> Outcome {
    let key = subject.name("a");
    let content = bytes(MIB, 1);
    subject.handle.put(&key, content.clone()).await?;
    let capabilities = subject.handle.capabilities();
    let resumes = capabilities.get_range && capabilities.get_if_match;
    for after in [0, 1, 1000, MIB as u64 - 1] {
        subject.faults()?.inject(Fault::CutBody { after });
        match subject.handle.get(&key).await?.bytes().await {
            Ok(read) => holds(format!("the content, cut after {after}"), read == content)?,
            Err(error) if resumes => return Err(error.into()),
            Err(error) => {
                holds(
                    format!("{error} is retryable or says that bytes are missing"),
                    error.is_retryable() || error.is(ErrorKind::Corrupt),
                )?;
            }
        }
    }
    Ok(())
}

/// A download that is cut twice goes on twice.
pub async fn get_of_a_body_that_is_cut_twice_is_resumed(subject: Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    subject.needs(Caps::GET_IF_MATCH)?;
    let key = subject.name("a");
    let content = bytes(MIB, 1);
    subject.handle.put(&key, content.clone()).await?;
    for after in [300_000, 200_000] {
        subject.faults()?.inject(Fault::CutBody { after });
    }
    let mut stream = subject.handle.get(&key).await?.into_stream();
    let mut read = Vec::new();
    while let Some(chunk) = stream.try_next().await? {
        read.extend_from_slice(&chunk);
    }
    holds("the content", read == content)
}

/// A download that is cut never goes on in another object: where it changed meanwhile, it is `Conflict`.
pub async fn get_of_a_body_that_is_cut_never_mixes_versions(subject: Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    subject.needs(Caps::GET_IF_MATCH)?;
    let key = subject.name("a");
    subject.handle.put(&key, bytes(MIB, 1)).await?;
    subject.faults()?.inject(Fault::CutBody { after: 1000 });
    let mut stream = subject.handle.get(&key).await?.into_stream();
    let first = stream.try_next().await?.unwrap_or_default();
    holds("the first chunk is of the first object", bytes(MIB, 1).starts_with(&first))?;
    subject.handle.put(&key, bytes(MIB, 2)).await?;
    let mut read = first.len();
    let result = loop {
        match stream.try_next().await {
            Ok(None) => break Ok(read),
            Ok(Some(chunk)) => {
                let end = read + chunk.len();
                holds("every chunk is of the first object", bytes(MIB, 1).get(read..end) == Some(&chunk[..]))?;
                read = end;
            }
            Err(error) => break Err(error),
        }
    };
    match result {
        // All of it had come before it was cut.
        Ok(read) => equal("the length", &read, &MIB),
        result => expect_reason("the rest", result, ErrorKind::Conflict, Reason::VersionMismatch).map(drop),
    }
}

/// The same store, unable to resume.
fn unable_to_resume(subject: &Store) -> Result<ObjectStore, Error> {
    subject.with_capabilities(|capabilities| (capabilities.get_range, capabilities.get_if_match) = (false, false))
}

/// A body that ends before its announced end, as if it were complete, is resumed, or an error: no read is short.
pub async fn get_of_a_body_that_ends_early_is_never_short(subject: Store) -> Outcome {
    let key = subject.name("a");
    let content = bytes(MIB, 1);
    subject.handle.put(&key, content.clone()).await?;
    for store in [subject.handle.clone(), unable_to_resume(&subject)?] {
        for after in [0, 1, 500_000, MIB as u64 - 1] {
            subject.faults()?.inject(Fault::TruncateBody { after });
            let mut stream = store.get(&key).await?.into_stream();
            let mut read = Vec::new();
            let result = loop {
                match stream.try_next().await {
                    Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            holds(format!("what is read after {after} is of the object"), content.starts_with(&read))?;
            match result {
                Ok(()) => holds(format!("the content, ended after {after}"), content == read)?,
                result => {
                    let error = expect_kind("the stream", result, ErrorKind::Connection)?;
                    equal("the reason", &error.reason(), &Some(Reason::Truncated))?;
                }
            }
        }
    }
    Ok(())
}

/// Where a download cannot be resumed, a cut is an error.
pub async fn get_of_a_body_that_cannot_be_resumed_fails(subject: Store) -> Outcome {
    let key = subject.name("a");
    subject.handle.put(&key, bytes(MIB, 1)).await?;
    let store = unable_to_resume(&subject)?;
    subject.faults()?.inject(Fault::CutBody { after: 1000 });
    match store.get(&key).await?.bytes().await {
        // A provider's own policy may have got it all.
        Ok(read) => holds("the content", read == bytes(MIB, 1)),
        result => expect_kind("the content", result, ErrorKind::Connection).map(drop),
    }
}
