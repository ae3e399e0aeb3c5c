//! Changes as they happen.

use std::time::Duration;

use super::{Caps, Store};
use crate::error::ErrorKind;
use crate::interfaces::secret_store::{SecretChange, SecretFields, WATCH};
use crate::suite::{Failed, Outcome, equal, holds};
use crate::watch::Watch;

/// How long a change may take to be told.
const SOON: Duration = Duration::from_secs(5);

async fn next(watch: &mut Watch<SecretChange>) -> Result<SecretChange, Failed> {
    match tokio::time::timeout(SOON, watch.try_next()).await {
        Ok(change) => change?.ok_or_else(|| Failed::Wrong("the watch has ended".to_owned())),
        Err(_) => Err(Failed::Wrong(format!("no change is told within {SOON:?}"))),
    }
}

/// A watch tells of every put with the version that it made, and of every delete, in order.
pub async fn watch_tells_every_put_and_delete_in_order(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let name = subject.name("a");
    subject.handle.put(&name, SecretFields::single("before")).await?;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    let mut expected = Vec::new();
    for value in ["1", "2", "2"] {
        let version = subject.handle.put(&name, SecretFields::single(value)).await?;
        expected.push(SecretChange::Put(name.as_str().into(), version));
    }
    if subject.handle.capabilities().delete {
        subject.handle.delete(&name).await?;
        expected.push(SecretChange::Deleted(name.as_str().into()));
    }
    for change in expected {
        equal("the change", &next(&mut watch).await?, &change)?;
    }
    Ok(())
}

/// A watch tells of the names that begin with its prefix, byte for byte, and of nothing else.
pub async fn watch_tells_its_prefix_alone(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let mut watch = subject.handle.watch(subject.name("in/")).await?;
    for name in ["in", "inX/a", "In/a", "out", "in/a"] {
        subject.handle.put(subject.name(name), SecretFields::single("1")).await?;
    }
    match next(&mut watch).await? {
        SecretChange::Put(name, _) => equal("the name", &name, &subject.name("in/a").as_str()),
        other => Err(Failed::Wrong(format!("a put is told as {other:?}"))),
    }
}

/// A watch tells that there is another version, and not what it says.
pub async fn watch_tells_no_values(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    subject.handle.put(subject.name("a"), SecretFields::single(subject.canary.secret())).await?;
    let change = next(&mut watch).await?;
    holds("the change shows no value", !subject.canary.is_in(&format!("{change:?}")))
}

/// A watch whose client is closed ends: with `Closed`, or in order.
pub async fn watch_ends_when_the_client_is_closed(subject: Store) -> Outcome {
    subject.needs(Caps::WATCH)?;
    let mut watch = subject.handle.watch(&subject.namespace).await?;
    let waiting = tokio::spawn(async move { tokio::time::timeout(SOON, watch.try_next()).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let provider = subject.handle.provider()?.clone();
    provider.close(&crate::CallContext::new(provider.environment(), &WATCH, None)).await?;
    match waiting.await.map_err(|error| Failed::Wrong(error.to_string()))? {
        Ok(Ok(None)) => Ok(()),
        Ok(Err(error)) if error.is(ErrorKind::Closed) => Ok(()),
        Ok(other) => Err(Failed::Wrong(format!("the watch goes on with {other:?}"))),
        Err(_) => Err(Failed::Wrong(format!("the watch still waits {SOON:?} after its client was closed"))),
    }
}
