//! Content on its way into memory.

use bytes::Bytes;
use circle_core_common::{Body, Error, ErrorKind, Reason, Result};

use crate::quota::Quota;

/// The whole body; bytes are kept as they are, without a copy.
///
/// Reading ends as soon as the content cannot fit even into the empty store.
pub(super) async fn read(body: &Body, quota: &Quota) -> Result<Bytes> {
    if let Some(bytes) = body.as_bytes() {
        return Ok(bytes.clone());
    }
    let announced = body.length().await?;
    if let Some(length) = announced.filter(|length| *length > quota.limit()) {
        return Err(quota.exceeded(quota.used(), length));
    }
    let mut stream = body.open().await?;
    let (mut chunks, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.try_next().await? {
        length += chunk.len() as u64;
        if length > quota.limit() {
            return Err(quota.exceeded(quota.used(), length));
        }
        chunks.push(chunk);
    }
    match announced {
        Some(announced) if announced != length => {
            let text = format!("the body has {length} bytes, and {announced} were announced; nothing was kept");
            Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
        }
        _ => Ok(join(&chunks)),
    }
}

pub(super) fn join(chunks: &[Bytes]) -> Bytes {
    match chunks {
        [] => Bytes::new(),
        [one] => one.clone(),
        many => many.concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::{ByteSize, ByteStream};

    use super::*;

    fn endless() -> ByteStream {
        ByteStream::unfold((), |()| async { Ok(Some((Bytes::from_static(&[0; 1024]), ()))) })
    }

    #[tokio::test]
    async fn an_endless_body_ends_at_the_capacity() {
        let quota = Quota::new(Some(ByteSize::kib(64)));
        let error = read(&Body::from_stream(endless(), None), &quota).await.unwrap_err();
        assert!(error.is(ErrorKind::QuotaExceeded));
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_announced_is_refused() {
        let body = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(4));
        assert!(read(&body, &Quota::new(None)).await.unwrap_err().is(ErrorKind::Corrupt));
    }
}
