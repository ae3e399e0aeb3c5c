//! How a task ends: clean, with problems that it lists, or unable to run.

use std::{fmt, process::ExitCode};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a task could not do its work at all (exit code 2).
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self(format!("{error}; `--help` lists the arguments"))
    }
}

/// Adds what was being done to an error of another kind.
pub(crate) trait Context<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure(format!("{doing}: {error}")))
    }
}

/// One broken rule: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) at: String,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Problem {
    pub(crate) fn new(rule: &'static str, at: impl fmt::Display, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: at.to_string(), rule, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, rule, what, remedy } = self;
        write!(f, "{at}: {what}; {remedy} [{rule}]")
    }
}

/// What a task found. Nothing found is success.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// Prints one line per problem, ordered by place, and says what the process exits with.
    pub(crate) fn finish(mut self, task: &str) -> ExitCode {
        self.0.sort();
        self.0.dedup();
        for problem in &self.0 {
            println!("{problem}");
        }
        match self.0.len() {
            0 => {
                println!("{task}: clean");
                ExitCode::SUCCESS
            }
            1 => {
                println!("{task}: 1 problem");
                ExitCode::FAILURE
            }
            n => {
                println!("{task}: {n} problems");
                ExitCode::FAILURE
            }
        }
    }
}
