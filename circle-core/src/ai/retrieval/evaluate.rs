//! How well passages are found: questions whose answers' places are known.

use std::fmt;

use circle_core_common::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::DocumentIndex;
use super::passage::Passage;
use super::search::RetrieveOptions;

/// A question, and where its answer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Question {
    /// The question.
    pub question: String,
    /// The document with the answer.
    pub source: String,
    /// The heading right above the answer; any of the document by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
}

impl Question {
    /// A question that a document answers.
    #[must_use]
    pub fn new(question: impl Into<String>, source: impl Into<String>) -> Self {
        Self { question: question.into(), source: source.into(), heading: None }
    }

    /// Sets the heading.
    #[must_use]
    pub fn heading(mut self, heading: impl Into<String>) -> Self {
        self.heading = Some(heading.into());
        self
    }

    /// A table of questions: a JSON list of objects with `question`, `source` and `heading`.
    ///
    /// # Errors
    /// `InvalidInput` with the line of what is wrong.
    pub fn table(json: &str) -> Result<Vec<Self>> {
        let wrong = |error: serde_json::Error| Error::new(ErrorKind::InvalidInput, format!("the table of questions: {error}"));
        serde_json::from_str(json).map_err(wrong)
    }

    fn is_answered_by(&self, passage: &Passage) -> bool {
        passage.source == self.source && self.heading.as_deref().is_none_or(|heading| passage.heading() == Some(heading))
    }
}

/// What a question found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The question.
    pub question: Question,
    /// At which rank its answer was found, from 1; `None` where it was not.
    pub rank: Option<u32>,
    /// What was found, best first.
    pub passages: Vec<Passage>,
}

/// How well passages were found. As text it is one line; with `{:#}` every question that did not find its answer first
/// follows, with what it found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation {
    /// What each question found, in their order.
    pub findings: Vec<Finding>,
    /// How many passages each could find.
    pub top_k: u32,
}

impl Evaluation {
    /// How many questions there are.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.findings.len()
    }

    /// How many found their answer first.
    #[must_use]
    pub fn found_first(&self) -> usize {
        self.findings.iter().filter(|finding| finding.rank == Some(1)).count()
    }

    /// How many found their answer at all, within `top_k`.
    #[must_use]
    pub fn found(&self) -> usize {
        self.findings.iter().filter(|finding| finding.rank.is_some()).count()
    }

    /// The mean of 1 / rank, 0 where the answer was not found: 1 is perfect. Of no questions it is 0.
    #[must_use]
    pub fn mean_reciprocal_rank(&self) -> f64 {
        let reciprocals = self.findings.iter().filter_map(|finding| finding.rank).map(|rank| 1.0 / f64::from(rank));
        reciprocals.sum::<f64>() / self.findings.len().max(1) as f64
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, questions, found) = (self.found_first(), self.questions(), self.found());
        let (top_k, rank) = (self.top_k, self.mean_reciprocal_rank());
        write!(f, "{first} of {questions} found first, {found} among {top_k}; mean reciprocal rank {rank:.2}")?;
        if f.alternate() {
            for Finding { question, passages, .. } in self.findings.iter().filter(|finding| finding.rank != Some(1)) {
                let heading = question.heading.as_deref().unwrap_or("any heading");
                write!(f, "\n{}\n  expected {} > {heading}", question.question, question.source)?;
                for passage in passages {
                    write!(f, "\n  {} {:.3} {}", passage.number, passage.score, passage.place())?;
                }
            }
        }
        Ok(())
    }
}

impl DocumentIndex {
    /// Asks each question, and looks at which rank its answer is.
    ///
    /// # Errors
    /// As [`retrieve_with`](Self::retrieve_with): the first failure ends it.
    pub async fn evaluate(&self, questions: &[Question], options: RetrieveOptions) -> Result<Evaluation> {
        let mut findings = Vec::with_capacity(questions.len());
        for question in questions {
            let passages = self.retrieve_with(&question.question, options.clone()).await?;
            let rank = passages.iter().find(|passage| question.is_answered_by(passage)).map(|passage| passage.number);
            findings.push(Finding { question: question.clone(), rank, passages });
        }
        Ok(Evaluation { findings, top_k: options.top_k })
    }
}
