//! Where a value came from.

use std::fmt;
use std::sync::Arc;

/// The place a configured value came from, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A configuration file.
    File {
        /// The file's name, as it was given.
        name: Arc<str>,
        /// The line, from 1; absent where the file as a whole is meant.
        line: Option<u32>,
        /// The profile whose table holds the value.
        profile: Option<Arc<str>>,
    },
    /// The environment variable of this name.
    Environment(Arc<str>),
    /// The application's own code.
    Code,
}

impl Origin {
    /// A file as a whole.
    #[must_use]
    pub fn file(name: &str) -> Self {
        Self::File { name: name.into(), line: None, profile: None }
    }

    pub(super) fn is_environment(&self) -> bool {
        matches!(self, Self::Environment(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, profile } => {
                f.write_str(name)?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                match profile {
                    Some(profile) => write!(f, " (profile {profile})"),
                    None => Ok(()),
                }
            }
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Code => f.write_str("set in code"),
        }
    }
}

/// Turns byte offsets of one text into origins.
pub(super) struct Lines {
    name: Arc<str>,
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1).collect();
        Self { name: name.into(), starts }
    }

    pub(super) fn at(&self, offset: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= offset) + 1;
        Origin::File { name: Arc::clone(&self.name), line: u32::try_from(line).ok(), profile: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_file_line_profile_variable_or_code() {
        let file =
            |line, profile: Option<&str>| Origin::File { name: "circle.toml".into(), line, profile: profile.map(Into::into) };
        for (origin, text) in [
            (file(Some(7), None), "circle.toml:7"),
            (file(Some(12), Some("production")), "circle.toml:12 (profile production)"),
            (file(None, None), "circle.toml"),
            (Origin::Environment("CIRCLE__A__B".into()), "environment variable CIRCLE__A__B"),
            (Origin::Code, "set in code"),
        ] {
            assert_eq!(origin.to_string(), text);
        }
    }

    #[test]
    fn offsets_become_lines() {
        let lines = Lines::new("f", "a\nbc\n\nd");
        let found: Vec<String> = [0, 1, 2, 4, 5, 6, 99].iter().map(|at| lines.at(*at).to_string()).collect();
        assert_eq!(found, ["f:1", "f:1", "f:2", "f:2", "f:3", "f:4", "f:4"]);
    }
}
