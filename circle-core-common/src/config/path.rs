//! The way from the root of a tree to a value.

use std::fmt;
use std::sync::Arc;

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a table.
    Key(Arc<str>),
    /// A position in a list, from 0.
    Index(usize),
}

/// The keys from the root to a value: `services.documents.bucket`, `services.jobs.hosts[2]`.
///
/// `Display` quotes a key that TOML would want quoted, so a path is always one line and unambiguous.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath {
    segments: Vec<Segment>,
}

impl KeyPath {
    /// The root of the tree; it displays as nothing.
    #[must_use]
    pub const fn root() -> Self {
        Self { segments: Vec::new() }
    }

    /// `services.<name>`.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::root().key("services").key(name)
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.child(Segment::Key(key.into()))
    }

    /// This path and one list position more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// This path without its last step; the root is its own parent.
    pub(super) fn parent(&self) -> Self {
        let segments = self.segments.split_last().map_or(&[][..], |(_, rest)| rest);
        Self { segments: segments.to_vec() }
    }

    fn child(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.segments.len() + 1);
        segments.extend_from_slice(&self.segments);
        segments.push(segment);
        Self { segments }
    }

    /// The steps from `ancestor` to this path, when it lies at or below it.
    pub(super) fn below(&self, ancestor: &Self) -> Option<&[Segment]> {
        self.segments.strip_prefix(ancestor.segments.as_slice())
    }

    /// Whether one of the keys sounds like a secret's, so that its value must not be shown.
    pub(super) fn sounds_secret(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Key(key) => {
                let key = key.to_ascii_lowercase();
                ["password", "passphrase", "secret", "token", "key", "credential"].iter().any(|word| key.contains(word))
            }
            Segment::Index(_) => false,
        })
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if !key.is_empty() && key.chars().all(bare) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{}\"", key.escape_debug())?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_quotes_what_toml_would() {
        let services = KeyPath::root().key("services");
        for (path, text) in [
            (KeyPath::root(), ""),
            (services.key("documents").key("bucket"), "services.documents.bucket"),
            (services.key("jobs").key("hosts").index(2).key("port"), "services.jobs.hosts[2].port"),
            (services.key("a.b").key("").key("x\ny"), r#"services."a.b".""."x\ny""#),
        ] {
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn below_is_the_rest_of_the_way() {
        let service = KeyPath::root().key("services").key("a");
        assert_eq!(service.key("b").below(&service), Some(&[Segment::Key("b".into())][..]));
        assert_eq!(service.below(&service), Some(&[][..]));
        assert_eq!(KeyPath::root().key("x").below(&service), None);
    }
}
