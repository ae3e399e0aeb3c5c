//! What is kept beside the content.

use super::{Caps, Store};
use crate::error::ErrorKind;
use crate::interfaces::object_store::{ObjectMeta, PutOptions};
use crate::suite::{Outcome, equal, expect_kind, holds};

pub(super) fn described() -> PutOptions {
    PutOptions::new()
        .content_type("text/csv; charset=utf-8")
        .content_encoding("identity")
        .content_language("lv")
        .content_disposition("attachment; filename=\"a.csv\"")
        .cache_control("max-age=60")
        .metadata("author", "Ana")
        .metadata("x-empty.name_1", "v")
}

pub(super) fn check_described(what: &str, meta: &ObjectMeta) -> Outcome {
    let expected = described();
    equal(format!("the content type of {what}"), &meta.content_type, &expected.content_type)?;
    equal(format!("the content encoding of {what}"), &meta.content_encoding, &expected.content_encoding)?;
    equal(format!("the content language of {what}"), &meta.content_language, &expected.content_language)?;
    equal(format!("the content disposition of {what}"), &meta.content_disposition, &expected.content_disposition)?;
    equal(format!("the cache control of {what}"), &meta.cache_control, &expected.cache_control)?;
    equal(format!("the metadata of {what}"), &meta.metadata, &expected.metadata)
}

/// Metadata and content headers come back as they went.
pub async fn metadata_round_trips(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    let key = subject.name("a");
    subject.handle.put_with(&key, "a,b", described()).await?;
    check_described("head", &subject.handle.head(&key).await?)?;
    check_described("get", &subject.handle.get(&key).await?.meta)?;
    equal("the content", &subject.content(&key).await?, "a,b".as_bytes())
}

/// A put replaces all metadata, too: what is not given again is gone.
pub async fn metadata_is_replaced_with_the_object(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    let key = subject.name("a");
    subject.handle.put_with(&key, "a", described()).await?;
    subject.handle.put_with(&key, "b", PutOptions::new().metadata("other", "1")).await?;
    let meta = subject.handle.head(&key).await?;
    equal("the metadata", &meta.metadata, &PutOptions::new().metadata("other", "1").metadata)?;
    holds("the content type is the default again", meta.content_type != described().content_type)?;
    equal("the cache control", &meta.cache_control, &None)?;
    subject.handle.put(&key, "c").await?;
    equal("the metadata of a put without", &subject.handle.head(&key).await?.metadata.len(), &0)
}

/// The content type that is given wins over what the name suggests.
pub async fn content_type_given_wins(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    let key = subject.name("page.html");
    subject.handle.put_with(&key, "<html></html>", PutOptions::new().content_type("application/x-own")).await?;
    equal("the content type", &subject.handle.head(&key).await?.content_type.as_deref(), &Some("application/x-own"))
}

async fn refused(subject: &Store, what: &str, options: PutOptions) -> Outcome {
    let call = async {
        expect_kind(what, subject.handle.put_with(subject.name("a"), "", options.clone()).await, ErrorKind::InvalidInput)?;
        expect_kind(what, subject.handle.writer_with(subject.name("a"), options).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(call).await.map(drop)
}

/// What is no media type is `InvalidInput`, and nothing is sent.
pub async fn content_type_that_is_none_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    for content_type in ["", "text", "/plain", "text/", "te xt/plain", "text/plain\r\nx-evil: 1"] {
        refused(&subject, content_type, PutOptions::new().content_type(content_type)).await?;
    }
    Ok(())
}

/// An empty metadata name is `InvalidInput`, and so is one that no header can carry.
pub async fn metadata_name_that_is_none_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    for name in ["", "a b", "ä", "a:b", "a\nb"] {
        refused(&subject, name, PutOptions::new().metadata(name, "v")).await?;
    }
    Ok(())
}

/// Two names that differ in case only are `InvalidInput`: many services would merge them.
pub async fn metadata_names_that_differ_in_case_are_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    refused(&subject, "two names", PutOptions::new().metadata("Author", "1").metadata("author", "2")).await
}

/// A control character in a value or header is `InvalidInput`: it could break out of a header.
pub async fn metadata_with_control_characters_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    let evil = "v\r\nx-evil: 1";
    for options in [
        PutOptions::new().metadata("a", evil),
        PutOptions::new().cache_control(evil),
        PutOptions::new().content_disposition(evil),
        PutOptions::new().content_language(evil),
        PutOptions::new().content_encoding(evil),
    ] {
        refused(&subject, "a line break", options).await?;
    }
    Ok(())
}

/// A value beyond ASCII round-trips, or is `InvalidInput`; it is never mangled.
pub async fn metadata_beyond_ascii_is_never_mangled(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    for value in ["Rīga", "日本", "🦀", " a ", "=?utf-8?q?a?=", "100%25"] {
        let key = subject.name("a");
        match subject.handle.put_with(&key, "", PutOptions::new().metadata("place", value)).await {
            Ok(_) => {
                let meta = subject.handle.head(&key).await?;
                equal("the value", &meta.metadata.get("place").map(String::as_str), &Some(value))?;
            }
            result => expect_kind(format!("put with {value:?}"), result, ErrorKind::InvalidInput).map(drop)?,
        }
    }
    Ok(())
}

/// A conditional put that is refused leaves the metadata, too.
pub async fn metadata_stays_when_a_put_is_refused(subject: Store) -> Outcome {
    subject.needs(Caps::PUT_METADATA)?;
    subject.needs(Caps::PUT_IF_ABSENT)?;
    let key = subject.name("a");
    subject.handle.put_with(&key, "a", described()).await?;
    let other = PutOptions::new().if_absent().metadata("other", "1");
    expect_kind("create", subject.handle.put_with(&key, "b", other).await, ErrorKind::AlreadyExists)?;
    check_described("what stayed", &subject.handle.head(&key).await?)
}
