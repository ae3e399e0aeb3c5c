use proptest::prelude::*;

use super::*;

fn round_trip(options: &PutOptions, operation: Option<&OperationId>, encoding: MetadataEncoding) -> Result<ObjectMeta> {
    let key = ObjectKey::from("k");
    let sent = headers(&key, options, operation, encoding)?;
    Ok(meta(key, 0, &sent, false))
}

#[test]
fn what_is_sent_comes_back() {
    let options = PutOptions::new()
        .content_type("text/csv; charset=utf-8")
        .content_encoding("identity")
        .content_language("lv")
        .content_disposition("attachment; filename=\"a.csv\"")
        .cache_control("max-age=60")
        .metadata("Author", "Ana")
        .metadata("x-empty.name_1", "v");
    let read = round_trip(&options, None, MetadataEncoding::Ascii).unwrap();
    assert_eq!(read.metadata, options.metadata);
    assert_eq!(read.content_type, options.content_type);
    assert_eq!(read.content_encoding, options.content_encoding);
    assert_eq!(read.content_language, options.content_language);
    assert_eq!(read.content_disposition, options.content_disposition);
    assert_eq!(read.cache_control, options.cache_control);
}

#[test]
fn what_a_header_cannot_carry_is_refused() {
    for value in ["Rīga", " a ", "=?utf-8?q?a?=", "a\tb"] {
        let options = PutOptions::new().metadata("place", value);
        assert!(round_trip(&options, None, MetadataEncoding::Ascii).unwrap_err().is(ErrorKind::InvalidInput), "{value:?}");
    }
    let own = PutOptions::new().metadata("Circle-Operation", "x");
    assert_eq!(round_trip(&own, None, MetadataEncoding::Ascii).unwrap_err().reason(), Some(Reason::NameInvalid));
    let large = PutOptions::new().metadata("a", "x".repeat(USER_MAX));
    assert_eq!(round_trip(&large, None, MetadataEncoding::Ascii).unwrap_err().reason(), Some(Reason::OutsideLimit));
}

#[test]
fn an_operation_belongs_to_its_key() {
    let (key, id) = (ObjectKey::from("a"), OperationId::generated(7));
    let sent = headers(&key, &PutOptions::new(), Some(&id), MetadataEncoding::Ascii).unwrap();
    assert_eq!(meta(key, 0, &sent, false).operation, Some(id));
    let copied = meta(ObjectKey::from("b"), 0, &sent, false);
    assert_eq!(copied.operation, None);
    assert!(copied.metadata.is_empty());
    let dotted = OperationId::from("order.42");
    assert_eq!(round_trip(&PutOptions::new(), Some(&dotted), MetadataEncoding::Ascii).unwrap().operation, Some(dotted));
}

#[test]
fn versions_are_what_the_bucket_keeps() {
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("\"e\""));
    headers.insert("x-amz-version-id", HeaderValue::from_static("v1"));
    assert_eq!(version(&headers, false), Some(Version::etag("e")));
    assert_eq!(version(&headers, true), Some(Version::new("e", "v1")));
}

/// The sample of Amazon's page on user-defined metadata, whose value is one beyond ASCII.
#[test]
fn encoded_words_are_read() {
    for (value, expected) in [
        ("=?UTF-8?B?w4PChE1hem9u?= S3", "Ã\u{84}Mazon S3"),
        ("=?UTF-8?Q?=C3=84_S3?=", "Ä S3"),
        ("=?UTF-8?B?w4Q=?= =?UTF-8?B?w5Y=?=", "ÄÖ"),
        ("=?ISO-8859-1?Q?=C4?=", "=?ISO-8859-1?Q?=C4?="),
        ("a =? b", "a =? b"),
    ] {
        assert_eq!(decoded_words(value), expected);
    }
}

#[test]
fn checksums_are_written_in_base64() {
    // RFC 3720, appendix B.4: 32 bytes of zeroes.
    let (name, value) = checksum_header(Checksum::Crc32c(0x8a91_36aa)).unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-amz-checksum-crc32c", "ipE2qg=="));
    let mut headers = HeaderMap::new();
    headers.insert(name, value);
    assert_eq!(checksum(&headers), Some(Checksum::Crc32c(0x8a91_36aa)));
    // That of "hello", as a service answers it.
    let (name, value) = checksum_header(Checksum::Crc64Nvme(0x3377_8570_0652_4257)).unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="));
    headers.insert(name, value);
    assert_eq!(checksum(&headers), Some(Checksum::Crc64Nvme(0x3377_8570_0652_4257)));
    headers.insert("x-amz-checksum-type", HeaderValue::from_static("COMPOSITE"));
    assert_eq!(checksum(&headers), None);
}

proptest! {
    #[test]
    fn any_value_round_trips_as_encoded_words(value in "\\PC*") {
        let options = PutOptions::new().metadata("place", &value);
        // White space at the ends is refused where nothing else asks for encoded words.
        if let Ok(read) = round_trip(&options, None, MetadataEncoding::Rfc2047) {
            prop_assert_eq!(read.metadata.get("place"), Some(&value));
        } else {
            prop_assert!(value.trim() != value || value.len() > 1000);
        }
    }
}
