//! What is wrong with a configuration: every problem, each on one line.

use std::fmt;

use super::{KeyPath, Origin};
use crate::error::{Error, ErrorKind};

/// How many problems one reading or decoding reports; a file with more is not a configuration with mistakes in it.
pub(super) const MAX_PROBLEMS: usize = 100;

/// One thing that is wrong in a configuration, with its place and the nearest valid key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The key; the root when the file as a whole is meant.
    pub path: KeyPath,
    /// File and line, or variable. A key that is missing has none of its own: it is that of the table.
    pub origin: Origin,
    /// What is wrong, without place and without any secret.
    pub message: String,
    /// The valid key or value that was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem of the value at `path`.
    #[must_use]
    pub fn new(path: KeyPath, origin: Origin, message: impl Into<String>) -> Self {
        Self { path, origin, message: message.into(), suggestion: None }
    }

    /// Sets the key or value that was probably meant.
    #[must_use]
    pub fn with_suggestion(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, origin, message, suggestion } = self;
        let mut line =
            if path.segments().is_empty() { format!("{origin}: {message}") } else { format!("{path} ({origin}): {message}") };
        if let Some(suggestion) = suggestion {
            line += &format!(", did you mean `{suggestion}`?");
        }
        // Names and values come from the file, and one problem is one line whatever is in them.
        f.write_str(&line.replace(char::is_control, " "))
    }
}

impl std::error::Error for Problem {}

/// All problems of a configuration; `Display` is one line each, without a line break at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
}

impl Problems {
    /// No problem yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { problems: Vec::new() }
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// The problems, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// Orders them as a person reads the files: by file and line, then variables, then what code set.
    pub fn sort(&mut self) {
        self.problems.sort_by(|a, b| (&a.origin, &a.path).cmp(&(&b.origin, &b.path)));
    }

    /// `value` when nothing is wrong.
    ///
    /// # Errors
    ///
    /// All problems, in the order of [`Problems::sort`].
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.sort();
        Err(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    /// `ConfigInvalid` with every problem in its message; [`Error::provider_error`] gives the [`Problems`] back.
    fn from(problems: Problems) -> Self {
        let message = match problems.len() {
            1 => problems.to_string(),
            count => format!("{count} problems\n{problems}"),
        };
        Self::new(ErrorKind::ConfigInvalid, message).with_source(problems)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.problems.extend(problems);
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self { problems: problems.into_iter().collect() }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Origin {
        Origin::File { name: "circle.toml".into(), line: Some(line), profile: None }
    }

    #[test]
    fn one_line_each_in_reading_order() {
        let retry = KeyPath::root().key("services").key("jobs").key("resilience");
        let problems: Problems = [
            Problem::new(KeyPath::root().key("version"), Origin::Environment("CIRCLE__VERSION".into()), "not here"),
            Problem::new(retry.key("max_atempts"), at(7), "unknown key").with_suggestion(Some("max_attempts")),
            Problem::new(KeyPath::root(), at(3), "expected\na\tvalue"),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            problems.or(()).unwrap_err().to_string(),
            "circle.toml:3: expected a value\n\
             services.jobs.resilience.max_atempts (circle.toml:7): unknown key, did you mean `max_attempts`?\n\
             version (environment variable CIRCLE__VERSION): not here"
        );
        assert_eq!(Problems::new().or(5), Ok(5));
    }

    #[test]
    fn whatever_is_in_the_file_a_problem_is_one_line() {
        let origin = Origin::File { name: "a\nb".into(), line: Some(1), profile: Some("p\r\nq".into()) };
        let problem = Problem::new(KeyPath::root().key("x\ny"), origin, "expected\u{1b} a").with_suggestion(Some("z\n"));
        assert_eq!(problem.to_string(), r#""x\ny" (a b:1 (profile p  q)): expected  a, did you mean `z `?"#);
    }

    #[test]
    fn the_error_keeps_the_problems() {
        let problem = |line| Problem::new(KeyPath::root().key("a"), at(line), "missing key");
        let one = Error::from(Problems::from(problem(1)));
        assert_eq!(one.kind(), ErrorKind::ConfigInvalid);
        assert_eq!(one.message(), "a (circle.toml:1): missing key");
        let two = Error::from(Problems::from_iter([problem(1), problem(2)]));
        assert_eq!(two.message(), "2 problems\na (circle.toml:1): missing key\na (circle.toml:2): missing key");
        assert_eq!(two.provider_error::<Problems>().map(Problems::len), Some(2));
    }
}
