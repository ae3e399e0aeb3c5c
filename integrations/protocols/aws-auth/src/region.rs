//! Where services of a region are.

use circle_core_common::{Error, ErrorKind, Result};

/// A region as it may stand in the name of a host.
///
/// # Errors
/// `ConfigInvalid` for what is made of anything but small letters, digits and `-`: it would name another host.
pub fn checked(region: &str) -> Result<&str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 63 || !region.bytes().all(plain) {
        // What stands in a file where a region should may be anything: it is not repeated.
        return Err(Error::new(ErrorKind::ConfigInvalid, "the region is not made of small letters, digits and `-`"));
    }
    Ok(region)
}

/// The address of a service in a region that is [`checked`].
#[must_use]
pub fn address(service: &str, region: &str) -> String {
    let suffix = match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{service}.{region}.{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_names_a_host_and_nothing_else() {
        for (region, expected) in [
            ("eu-west-1", "https://sts.eu-west-1.amazonaws.com"),
            ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "https://sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(address("sts", checked(region).unwrap()), expected);
        }
        for region in ["", "eu-west-1.example.org", "a/b", "a@b", "EU", "a b", "ä", &"a".repeat(64)] {
            assert!(checked(region).unwrap_err().is(ErrorKind::ConfigInvalid), "{region}");
        }
    }
}
