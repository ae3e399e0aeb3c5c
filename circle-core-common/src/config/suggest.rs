//! The nearest valid key or name, and when two spellings are the same key.

/// The candidate that a person most probably meant, if one is near enough.
#[must_use]
pub fn nearest<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Keys have a few dozen characters; a longer one is no typing mistake, and the comparison is quadratic.
    const LONGEST: usize = 100;
    // Six characters of ten in common: catches `buckt`, `endpoint_url` for `endpoint` and `uri` for `url`, not `host` for `port`.
    const ALIKE: f64 = 0.6;
    if given.len() > LONGEST {
        return None;
    }
    let given = fold(given);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&given, &fold(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Whether two keys differ at most in case and in `-` against `_`: all that a variable's name can tell apart.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().map(fold_byte).eq(b.bytes().map(fold_byte))
}

fn fold(key: &str) -> String {
    key.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

fn fold_byte(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }
}

/// "`a`, `b`, `c`", for messages that list what is valid.
pub(super) fn list<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_typing_mistakes_only() {
        let keys = ["bucket", "region", "endpoint", "max_attempts", "port", "url"];
        for (given, meant) in [
            ("buckt", Some("bucket")),
            ("Bucket", Some("bucket")),
            ("max-atempts", Some("max_attempts")),
            ("ergion", Some("region")),
            ("endpoint_url", Some("endpoint")),
            ("uri", Some("url")),
            ("host", None),
            ("", None),
            ("a_key_from_another_world", None),
        ] {
            assert_eq!(nearest(given, keys), meant, "{given}");
        }
        assert_eq!(nearest(&"bucket".repeat(20), keys), None);
    }

    #[test]
    fn same_key_ignores_case_and_dash() {
        for (a, b, same) in [
            ("MAX_ATTEMPTS", "max-attempts", true),
            ("Max_Attempts", "max_attempts", true),
            ("max_attempt", "max_attempts", false),
            ("maxattempts", "max_attempts", false),
        ] {
            assert_eq!(same_key(a, b), same, "{a} {b}");
        }
    }
}
