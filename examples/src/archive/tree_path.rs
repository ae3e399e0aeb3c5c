//! Paths within an archived folder.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path within the archived folder: bytes, because file names are; parts separated by `/`; the folder itself is empty.
///
/// A value never leads out of the folder: `..`, an absolute path and the like cannot be read back from an archive.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The archived folder itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path that these bytes write, if it stays within the folder.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let stays = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        (bytes.is_empty() || bytes.split(|byte| *byte == b'/').all(stays)).then(|| Self(bytes.to_vec()))
    }

    /// An entry of this folder.
    #[must_use]
    pub fn join(&self, name: &OsStr) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name.as_bytes());
        Self(bytes)
    }

    /// The folder that it is in, and its name there; `None` for the archived folder itself.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &OsStr)> {
        if self.0.is_empty() {
            return None;
        }
        let (parent, name) = match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&[][..], &self.0[..]),
        };
        Some((Self(parent.to_vec()), OsStr::from_bytes(name)))
    }

    /// The names on the way to it.
    pub fn parts(&self) -> impl Iterator<Item = &OsStr> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(OsStr::from_bytes)
    }

    /// Whether it is `folder` or lies in it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        match self.0.strip_prefix(&folder.0[..]) {
            Some(rest) => folder.0.is_empty() || rest.is_empty() || rest[0] == b'/',
            None => false,
        }
    }

    /// The path as the file system takes it, relative to the folder.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The order of a walk: a folder, what is in it, then its next neighbour.
impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        // No name has a 0, so the separator sorts before every byte of a name.
        let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        self.0.iter().map(key).cmp(other.0.iter().map(key))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One line, whatever the name is: control characters and bytes that are not UTF-8 are escaped.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() { write!(f, "{}", character.escape_default())? } else { write!(f, "{character}")? }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreePath({self})")
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = raw::deserialize(deserializer)?;
        Self::parse(&bytes).ok_or_else(|| serde::de::Error::custom("the path leads out of the archived folder"))
    }
}

/// Bytes in JSON: text where they are UTF-8, otherwise `{"hex": "…"}`.
pub(super) mod raw {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::archive::chunk::hex;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Raw<'a> {
        Text(std::borrow::Cow<'a, str>),
        Bytes { hex: String },
    }

    pub(in crate::archive) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Raw::Text(text.into()),
            Err(_) => Raw::Bytes { hex: hex::encode(bytes) },
        }
        .serialize(serializer)
    }

    pub(in crate::archive) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Raw::deserialize(deserializer)? {
            Raw::Text(text) => Ok(text.into_owned().into_bytes()),
            Raw::Bytes { hex } => hex::decode(&hex).ok_or_else(|| serde::de::Error::custom("not hexadecimal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_cannot_be_read() {
        for text in ["..", "a/../b", "/etc/passwd", "a//b", "a/", ".", "a/./b", "a\0b"] {
            assert!(TreePath::parse(text.as_bytes()).is_none(), "{text}");
            assert!(serde_json::from_value::<TreePath>(serde_json::json!(text)).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<TreePath>(r#"{"hex":"2e2e"}"#).is_err());
    }

    #[test]
    fn names_round_trip_byte_for_byte() {
        for bytes in [&b"a/b.txt"[..], b"", "Ä/\u{1F600}".as_bytes(), b"\xff\xfe/x", b"new\nline", b"..."] {
            let path = TreePath::parse(bytes).unwrap();
            let text = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<TreePath>(&text).unwrap(), path);
            assert!(!path.to_string().contains('\n') && !text.contains('\n'));
        }
        assert_eq!(TreePath::parse(b"a\n\xff").unwrap().to_string(), "a\\n\\xff");
    }

    #[test]
    fn the_order_is_that_of_a_walk() {
        let paths = ["", "a", "a/b", "a/b/c", "a.b", "a0", "b"].map(|text| TreePath::parse(text.as_bytes()).unwrap());
        assert!(paths.is_sorted());
        assert!(paths[2].is_within(&paths[1]) && !paths[4].is_within(&paths[1]) && paths[4].is_within(&paths[0]));
        assert_eq!(paths[3].split_last().unwrap(), (paths[2].clone(), OsStr::new("c")));
        assert!(paths[0].split_last().is_none());
    }
}
