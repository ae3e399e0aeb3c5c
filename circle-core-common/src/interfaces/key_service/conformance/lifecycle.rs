//! The client itself: closing, cancelling, what it shows of itself and what it leaves in spans and logs.

use std::time::Duration;

use super::{Caps, Keys};
use crate::context::CallOptions;
use crate::error::ErrorKind;
use crate::interfaces::key_service::LIST;
use crate::suite::{Failed, Outcome, Telemetry, cancelled, equal, expect_kind, is_late_or_done};

/// A client can be closed twice, and every call after that is `Closed`.
pub async fn close_is_idempotent_and_ends_every_call(subject: Keys) -> Outcome {
    let keys = &subject.handle;
    let capabilities = keys.capabilities();
    subject.closes_twice(&LIST).await?;
    if capabilities.encrypt {
        let key = subject.key()?;
        expect_kind("encrypt", keys.encrypt(key, "a", ()).await, ErrorKind::Closed)?;
        expect_kind("decrypt", keys.decrypt(key, "a", ()).await, ErrorKind::Closed)?;
    }
    if capabilities.data_key {
        expect_kind("generate_data_key", keys.generate_data_key(subject.key()?, ()).await, ErrorKind::Closed)?;
    }
    if capabilities.sign {
        let (key, algorithm) = &subject.signing_keys()?[0];
        expect_kind("sign", keys.sign(key, algorithm.clone(), "a").await, ErrorKind::Closed)?;
        expect_kind("verify", keys.verify(key, algorithm.clone(), "a", "b").await, ErrorKind::Closed)?;
        expect_kind("public_key", keys.public_key(key).await, ErrorKind::Closed)?;
    }
    if capabilities.rotate {
        expect_kind("rotate", keys.rotate(subject.key()?).await, ErrorKind::Closed)?;
    }
    if capabilities.list {
        expect_kind("list", keys.list("").page().await, ErrorKind::Closed)?;
    }
    subject.stays_closed(&LIST).await
}

/// A client that works says so.
pub async fn health_of_a_working_client_is_healthy(subject: Keys) -> Outcome {
    subject.is_healthy(&LIST).await
}

/// `native` finds the type that the provider's page names, through all decorators, and no other.
pub async fn native_finds_the_documented_type(subject: Keys) -> Outcome {
    subject.has_its_native_type()
}

/// `Debug` is one line that names interface and provider, without secret, query and user-info.
pub async fn debug_is_one_line_without_secrets(subject: Keys) -> Outcome {
    subject.debug_is_one_line().map(drop)
}

/// A call whose scope is cancelled already is `Cancelled`, and nothing is sent.
pub async fn cancelled_before_the_call_sends_nothing(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key) = (subject.handle.with(cancelled()), subject.key()?);
    let calls = async {
        expect_kind("encrypt", keys.encrypt(key, "a", ()).await, ErrorKind::Cancelled)?;
        expect_kind("decrypt", keys.decrypt(key, "a", ()).await, ErrorKind::Cancelled)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// Every call of the handle leaves exactly one span of its own, named by its operation, also when it fails.
pub async fn every_call_has_exactly_one_span(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (telemetry, keys, key) = (Telemetry::new(), &subject.handle, subject.key()?);
    let mut operations = vec!["encrypt", "decrypt", "decrypt"];
    telemetry
        .within(async {
            let encrypted = keys.encrypt(key, "a", ()).await?;
            keys.decrypt(key, encrypted.ciphertext, ()).await?;
            expect_kind("decrypt", keys.decrypt(key, "x", ()).await, ErrorKind::Corrupt)?;
            if keys.capabilities().data_key {
                operations.push("generate_data_key");
                keys.generate_data_key(key, ()).await?;
            }
            if keys.capabilities().list {
                operations.push("list");
                keys.list("").page().await?;
            }
            Ok::<_, Failed>(())
        })
        .await?;
    let operations: Vec<String> = operations.iter().map(|verb| format!("key_service.{verb}")).collect();
    equal("the spans", &telemetry.calls(), &operations)
}

/// No span, log or error shows a plaintext.
pub async fn no_plaintext_in_spans_logs_and_errors(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (telemetry, keys, key) = (Telemetry::new(), &subject.handle, subject.key()?);
    let (plaintext, context) = (subject.canary.secret(), subject.context("a"));
    let mut texts = Vec::new();
    telemetry
        .within(async {
            let encrypted = keys.encrypt(key, plaintext, &context).await?;
            texts.push(format!("{encrypted:?}"));
            texts.push(format!("{:?}", keys.decrypt(key, encrypted.ciphertext.clone(), &context).await?));
            let cut = encrypted.ciphertext.slice(1..);
            texts.push(format!("{:?}", keys.decrypt(key, cut, &context).await));
            texts.push(format!("{:?}", keys.decrypt(subject.other_key()?, encrypted.ciphertext, &context).await));
            texts.push(format!("{:?}", keys.encrypt("no-such-key-at-all", plaintext, &context).await));
            Ok::<_, Failed>(())
        })
        .await?;
    subject.leaves_no_secret(&telemetry, &texts)
}

/// A deadline that has passed is `Timeout`, or the call was faster; nothing else, and the client works on.
pub async fn deadline_that_has_passed_is_a_timeout(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let key = subject.key()?;
    let keys = subject.handle.with(CallOptions::new().timeout(Duration::ZERO));
    is_late_or_done("encrypt", keys.encrypt(key, "a", ()).await)?;
    subject.handle.encrypt(key, "a", ()).await?;
    Ok(())
}
