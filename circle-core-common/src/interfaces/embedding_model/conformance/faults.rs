//! What a broken connection or service does to calls. A provider with a retry policy may overcome a single fault.

use std::time::Duration;

use super::{Model, TEXTS, same};
use crate::interfaces::embedding_model::EmbedOptions;
use crate::suite::{Fault, Outcome, equal, holds, is_cancelled, times_out, with_deadline};

/// A busy or unavailable service and a cut connection are errors that say the call can be repeated; it changes nothing.
pub async fn busy_unavailable_and_cut_calls_are_retryable(subject: Model) -> Outcome {
    let retry_after = Duration::from_millis(50);
    for fault in [Fault::Throttle { retry_after }, Fault::Unavailable, Fault::CutBefore, Fault::LoseAnswer] {
        subject.faults()?.inject(fault.clone());
        if let Err(error) = subject.handle.embed(TEXTS[0]).await {
            holds(format!("{error}, after {fault:?}, is retryable"), error.is_retryable())?;
            if matches!(fault, Fault::Throttle { .. }) {
                equal("how long the service asks to wait", &error.retry_after(), &Some(retry_after))?;
            }
        }
    }
    subject.handle.embed(TEXTS[0]).await?;
    Ok(())
}

/// `embed_all` gives all or an error, never a part.
pub async fn embed_all_with_a_failed_call_is_an_error(subject: Model) -> Outcome {
    let model = subject.with_capabilities(|capabilities| capabilities.batch_max = 4)?;
    subject.faults()?.inject(Fault::Delay { by: Duration::from_millis(1) });
    subject.faults()?.inject(Fault::Unavailable);
    match model.embed_all(TEXTS, EmbedOptions::new()).await {
        Ok(all) => equal("embeddings", &all.embeddings.len(), &TEXTS.len()),
        Err(error) => holds(format!("{error} is retryable"), error.is_retryable()),
    }
}

/// A call to a model that never answers is `Timeout` at its deadline.
pub async fn silent_model_is_a_timeout_at_the_deadline(subject: Model) -> Outcome {
    let model = subject.handle.with(with_deadline());
    times_out("embed", subject.faults()?, || model.embed(TEXTS[0])).await
}

/// A call to a model that never answers is `Cancelled` once its scope is.
pub async fn silent_model_is_cancelled_at_once(subject: Model) -> Outcome {
    let call = |options| {
        let model = subject.handle.with(options);
        async move { model.embed(TEXTS[0]).await }
    };
    is_cancelled("embed", subject.faults()?, call).await
}

/// A call that is dropped leaves the client as it was.
pub async fn dropped_call_leaves_the_client_whole(subject: Model) -> Outcome {
    let before = subject.handle.embed(TEXTS[0]).await?;
    for _ in 0..20 {
        subject.faults()?.inject(Fault::Silent);
        let call = tokio::time::timeout(Duration::from_millis(2), subject.handle.embed(TEXTS[0])).await;
        holds("the call is dropped", call.is_err())?;
    }
    same("those before and after", &before, &subject.handle.embed(TEXTS[0]).await?)
}
