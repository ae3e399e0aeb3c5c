//! The encoding `aws-chunked`: a payload in chunks, each with its signature where there is no TLS
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>, `sigv4-streaming-trailers.html`).

use std::collections::VecDeque;
use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use bytes::Bytes;
use circle_core_common::{ByteStream, Error, ErrorKind, Result, Timestamp};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use super::payload::{Trailer, TrailerChecksum};
use super::scope::{SigningScope, date_time};
use crate::credentials::AwsCredentials;

/// The payload of each chunk but the last; the service wants 8 KiB or more.
pub(super) const CHUNK: u64 = 64 * 1024;

/// The SHA-256 of nothing, which every chunk's signature names in place of headers.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SIGNATURE: u64 = 64;

/// Signs chunk after chunk, each signature over the one before.
pub(super) struct ChunkSigner {
    key: SecretSlice<u8>,
    date_time: String,
    scope: String,
    previous: String,
}

impl ChunkSigner {
    /// A signer that goes on from the signature of the request's headers.
    pub(super) fn new(credentials: &AwsCredentials, scope: &SigningScope, time: Timestamp, seed: String) -> Self {
        let secret = credentials.secret_access_key().expose_secret();
        let key = generate_signing_key(secret, SystemTime::from(time), &scope.region, &scope.service);
        Self { key: key.as_ref().to_vec().into(), date_time: date_time(time), scope: scope.at(time), previous: seed }
    }

    fn chunk(&mut self, hash: &str) -> &str {
        self.sign("AWS4-HMAC-SHA256-PAYLOAD", &format!("{EMPTY}\n{hash}"))
    }

    fn trailer(&mut self, line: &str) -> &str {
        self.sign("AWS4-HMAC-SHA256-TRAILER", &hex(&Sha256::digest(line.as_bytes())))
    }

    fn sign(&mut self, algorithm: &str, hashes: &str) -> &str {
        let text = format!("{algorithm}\n{}\n{}\n{}\n{hashes}", self.date_time, self.scope, self.previous);
        self.previous = calculate_signature(self.key.expose_secret(), text.as_bytes());
        &self.previous
    }
}

/// How many bytes a payload of this length has once it is encoded.
pub(super) fn encoded_length(length: u64, signed: bool, trailer: Option<&Trailer>) -> u64 {
    let signature = if signed { ";chunk-signature=".len() as u64 + SIGNATURE } else { 0 };
    let chunk = |size: u64| format!("{size:x}").len() as u64 + signature + 2 + size + if size > 0 { 2 } else { 0 };
    let (whole, rest) = (length / CHUNK, length % CHUNK);
    let chunks = whole * chunk(CHUNK) + if rest > 0 { chunk(rest) } else { 0 } + chunk(0);
    let trailer = trailer.map_or(0, |trailer| {
        let line = trailer.header().as_str().len() + 1 + trailer.value_length() + 2;
        line as u64 + if signed { "x-amz-trailer-signature:\r\n".len() as u64 + SIGNATURE } else { 0 }
    });
    chunks + trailer + 2
}

/// Encodes a payload of this length.
pub(super) fn encode(payload: ByteStream, length: u64, signer: Option<ChunkSigner>, trailer: Option<&Trailer>) -> ByteStream {
    let trailer = trailer.map(|trailer| (trailer.clone(), trailer.start()));
    let encoder = Encoder { payload, left: length, spare: Bytes::new(), signer, trailer, ready: VecDeque::new(), done: false };
    ByteStream::unfold(encoder, Encoder::next)
}

struct Encoder {
    payload: ByteStream,
    /// What is left of the announced length.
    left: u64,
    /// What came with the last piece and belongs to the next chunk.
    spare: Bytes,
    signer: Option<ChunkSigner>,
    trailer: Option<(Trailer, Box<dyn TrailerChecksum>)>,
    ready: VecDeque<Bytes>,
    done: bool,
}

impl Encoder {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.ready.is_empty() && !self.done {
            self.fill().await?;
        }
        Ok(self.ready.pop_front().map(|bytes| (bytes, self)))
    }

    /// Makes the next chunk ready, and everything behind the last one.
    async fn fill(&mut self) -> Result<()> {
        let size = self.left.min(CHUNK);
        let mut hash = self.signer.is_some().then(Sha256::new);
        let mut pieces = Vec::new();
        let mut missing = size as usize;
        while missing > 0 {
            if self.spare.is_empty() {
                self.spare = self.payload.try_next().await?.ok_or_else(|| wrong_length("fewer"))?;
            }
            let piece = self.spare.split_to(missing.min(self.spare.len()));
            missing -= piece.len();
            if let Some(hash) = &mut hash {
                hash.update(&piece);
            }
            if let Some((_, checksum)) = &mut self.trailer {
                checksum.update(&piece);
            }
            pieces.push(piece);
        }
        self.left -= size;
        let hash = hash.map(|hash| hex(&hash.finalize()));
        let head = self.head(size, hash.as_deref());
        self.ready.push_back(head.into());
        if size == 0 {
            return self.end().await;
        }
        self.ready.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
        self.ready.push_back(Bytes::from_static(b"\r\n"));
        Ok(())
    }

    fn head(&mut self, size: u64, hash: Option<&str>) -> String {
        match (&mut self.signer, hash) {
            (Some(signer), Some(hash)) => format!("{size:x};chunk-signature={}\r\n", signer.chunk(hash)),
            _ => format!("{size:x}\r\n"),
        }
    }

    async fn end(&mut self) -> Result<()> {
        // The announced length goes out with the headers, so a byte more than that must not pass silently.
        while self.spare.is_empty() {
            match self.payload.try_next().await? {
                Some(more) => self.spare = more,
                None => break,
            }
        }
        if !self.spare.is_empty() {
            return Err(wrong_length("more"));
        }
        let mut tail = String::new();
        if let Some((trailer, checksum)) = self.trailer.take() {
            let (name, value) = (trailer.header().as_str(), checksum.finish());
            if value.len() != trailer.value_length() {
                let text = format!("the checksum `{name}` has {} characters, not {}", value.len(), trailer.value_length());
                return Err(Error::new(ErrorKind::Internal, text));
            }
            tail = format!("{name}:{value}\r\n");
            if let Some(signer) = &mut self.signer {
                let signature = signer.trailer(&format!("{name}:{value}\n"));
                tail += &format!("x-amz-trailer-signature:{signature}\r\n");
            }
        }
        self.ready.push_back((tail + "\r\n").into());
        self.done = true;
        Ok(())
    }
}

fn wrong_length(than: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the body gave {than} bytes than its length says"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    struct Crc32c;

    impl TrailerChecksum for Crc32c {
        fn update(&mut self, _: &[u8]) {}

        /// Of 65 KiB of `a`, from AWS's example.
        fn finish(self: Box<Self>) -> String {
            "sOO8/Q==".to_owned()
        }
    }

    fn crc32c() -> Trailer {
        Trailer::new(HeaderName::from_static("x-amz-checksum-crc32c"), 8, || Box::new(Crc32c))
    }

    /// The access key, region, service and time of AWS's examples.
    fn signer(seed: &str) -> ChunkSigner {
        let credentials = AwsCredentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let time = "2013-05-24T00:00:00Z".parse().unwrap();
        ChunkSigner::new(&credentials, &SigningScope::new("us-east-1", "s3"), time, seed.to_owned())
    }

    /// A payload that comes in pieces of this size.
    fn payload(length: usize, piece: usize) -> ByteStream {
        ByteStream::unfold(length, move |left| async move {
            let size = left.min(piece);
            Ok((size > 0).then(|| (Bytes::from(vec![b'a'; size]), left - size)))
        })
    }

    async fn encoded(length: usize, piece: usize, signer: Option<ChunkSigner>, trailer: Option<&Trailer>) -> String {
        let bytes = encode(payload(length, piece), length as u64, signer, trailer).collect(None).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_chunks_of_awss_example() {
        let (first, second) = ("a".repeat(65536), "a".repeat(1024));
        let expected = format!(
            "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n{first}\r\n\
             400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n{second}\r\n\
             0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
        );
        for piece in [66560, 1000, 65536, 65537] {
            let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
            assert!(encoded(66560, piece, Some(signer(seed)), None).await == expected, "pieces of {piece}");
        }
        assert_eq!((encoded_length(66560, true, None), expected.len()), (66824, 66824));
    }

    #[tokio::test]
    async fn the_chunks_and_the_trailer_of_awss_example() {
        let (first, second) = ("a".repeat(65536), "a".repeat(1024));
        let expected = format!(
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n{first}\r\n\
             400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n{second}\r\n\
             0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
             x-amz-checksum-crc32c:sOO8/Q==\r\n\
             x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
        );
        let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
        assert!(encoded(66560, 4096, Some(signer(seed)), Some(&crc32c())).await == expected);
        assert_eq!(encoded_length(66560, true, Some(&crc32c())), 66946);
    }

    #[tokio::test]
    async fn without_signatures_the_trailer_alone_stands_behind() {
        let expected = "3\r\naaa\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n";
        assert_eq!(encoded(3, 2, None, Some(&crc32c())).await, expected);
        for length in [0, 1, 65535, 65536, 65537, 3 * 65536] {
            for (signed, trailer) in [(false, Some(crc32c())), (true, None), (true, Some(crc32c()))] {
                let signer = signed.then(|| signer("seed"));
                let text = encoded(length, 30_000, signer, trailer.as_ref()).await;
                assert_eq!(text.len() as u64, encoded_length(length as u64, signed, trailer.as_ref()), "{length} {signed}");
            }
        }
    }

    #[tokio::test]
    async fn a_payload_of_another_length_than_announced_is_an_error() {
        for (announced, words) in [(9, "more"), (11, "fewer")] {
            let error = encode(payload(10, 3), announced, None, None).collect(None).await.unwrap_err();
            assert!(error.is(ErrorKind::InvalidInput) && error.message().contains(words), "{error}");
        }
    }
}
