//! Ranking: every vector is looked at, so that the matches are exactly the best.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use circle_core_common::Result;
use circle_core_common::interfaces::embedding_model::{Embedding, similarity};
use circle_core_common::interfaces::vector_store::{Match, Metric, SparseVector, VectorQuery};

use super::keywords;
use super::snapshot::Snapshot;

/// Of each of several searches so many are joined at least.
const JOINED: usize = 200;
/// What a rank is damped by when rankings are joined (Cormack, Clarke and Büttcher, *Reciprocal Rank Fusion*, 2009).
const RANK_DAMPING: f32 = 60.0;

/// A record with its score. The greatest is the best; of equals the one with the smaller id, however segments lie.
struct Candidate<'a> {
    score: f32,
    id: &'a str,
    segment: usize,
    entry: usize,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.id.cmp(self.id))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

/// How many numbers a query looks at, about.
pub(super) fn work(snapshot: &Snapshot, query: &VectorQuery) -> usize {
    let name = query.using.as_deref().unwrap_or_default();
    let numbers = snapshot.segments.iter().filter_map(|live| live.segment.blocks.get(name)).map(|block| block.numbers.len());
    numbers.sum::<usize>() + 64 * snapshot.entries().0
}

/// The best matches, best first.
pub(super) fn run(snapshot: &Snapshot, namespace: Option<&str>, query: &VectorQuery) -> Result<Vec<Match>> {
    let search = Search { snapshot, namespace, query };
    let mut rankings = Vec::new();
    if let Some(vector) = &query.vector {
        rankings.push(search.near(vector));
    }
    if let Some(sparse) = &query.sparse {
        rankings.push(search.near_sparse(sparse));
    }
    if let Some(text) = &query.text {
        rankings.push(search.having(text));
    }
    let metric = match (rankings.len(), query.vector.is_some(), query.sparse.is_some()) {
        (1, true, _) => Some(snapshot.manifest.spec.metric),
        (1, _, true) => Some(Metric::Dot),
        _ => None,
    };
    let ranked = match rankings.len() {
        1 => rankings.pop().unwrap_or_default(),
        _ => search.joined(rankings)?,
    };
    search.best(ranked, metric)
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    namespace: Option<&'a str>,
    query: &'a VectorQuery,
}

impl<'a> Search<'a> {
    fn candidate(&self, segment: usize, entry: usize, score: f32) -> Candidate<'a> {
        let id = self.snapshot.segments[segment].segment.entries[entry].id.as_str();
        Candidate { score, id, segment, entry }
    }

    fn near(&self, vector: &Embedding) -> BinaryHeap<Candidate<'a>> {
        let (name, metric) = (self.query.using.as_deref().unwrap_or_default(), self.snapshot.manifest.spec.metric);
        let length = similarity::norm(vector);
        let mut found = Vec::new();
        for (at, live) in self.snapshot.segments.iter().enumerate() {
            let Some(block) = live.segment.blocks.get(name) else { continue };
            for (row, numbers) in block.numbers.chunks_exact(block.dimensions).enumerate() {
                let entry = block.entries[row] as usize;
                if !self.snapshot.is_live(at, entry, self.namespace) {
                    continue;
                }
                let score = match metric {
                    // The lengths are known: this is the cosine at the price of a dot product.
                    Metric::Cosine => match (length * block.norms[row], similarity::dot(vector, numbers)) {
                        (lengths, dot) if lengths.is_normal() && dot.is_finite() => (dot / lengths).clamp(-1.0, 1.0),
                        _ => similarity::cosine(vector, numbers),
                    },
                    metric => metric.score(vector, numbers),
                };
                found.push(self.candidate(at, entry, score));
            }
        }
        found.into()
    }

    fn near_sparse(&self, sparse: &SparseVector) -> BinaryHeap<Candidate<'a>> {
        let mut found = Vec::new();
        for (at, live) in self.snapshot.segments.iter().enumerate() {
            for entry in self.snapshot.live(at, self.namespace) {
                let content = live.segment.entries[entry].content.as_ref();
                let score = content.and_then(|content| content.sparse.as_ref()).map_or(0.0, |other| sparse.dot(other));
                if score != 0.0 {
                    found.push(self.candidate(at, entry, score));
                }
            }
        }
        found.into()
    }

    fn having(&self, text: &str) -> BinaryHeap<Candidate<'a>> {
        let found = keywords::search(self.snapshot, self.namespace, text);
        found.into_iter().map(|(segment, entry, score)| self.candidate(segment, entry, score)).collect()
    }

    fn passes(&self, candidate: &Candidate<'_>) -> Result<bool> {
        let content = self.snapshot.segments[candidate.segment].segment.entries[candidate.entry].content.as_ref();
        match (&self.query.filter, content) {
            (Some(filter), Some(content)) => filter.matches(&content.fields),
            (_, content) => Ok(content.is_some()),
        }
    }

    /// One ranking of several: what stands high in one of them stands high, what stands high in two stands higher.
    fn joined(&self, rankings: Vec<BinaryHeap<Candidate<'a>>>) -> Result<BinaryHeap<Candidate<'a>>> {
        // Groups may need any number of them.
        let enough = if self.query.group_by.is_some() { usize::MAX } else { JOINED.max(10 * self.query.top_k as usize) };
        let mut scores: HashMap<(usize, usize), f32> = HashMap::new();
        for mut ranking in rankings {
            let mut rank = 0;
            while let Some(candidate) = ranking.pop().filter(|_| rank < enough) {
                if self.passes(&candidate)? {
                    rank += 1;
                    *scores.entry((candidate.segment, candidate.entry)).or_default() += 1.0 / (RANK_DAMPING + rank as f32);
                }
            }
        }
        Ok(scores.into_iter().map(|((segment, entry), score)| self.candidate(segment, entry, score)).collect())
    }

    /// The best of a ranking that pass. Filters are looked at from the best downwards, and only until there are enough.
    fn best(&self, mut ranked: BinaryHeap<Candidate<'a>>, metric: Option<Metric>) -> Result<Vec<Match>> {
        let mut groups: HashMap<String, u32> = HashMap::new();
        let mut matches = Vec::new();
        while matches.len() < self.query.top_k as usize {
            let Some(candidate) = ranked.pop() else { break };
            if self.query.min_score.is_some_and(|min_score| candidate.score < min_score) {
                break;
            }
            if self.passes(&candidate)? && self.has_place(&candidate, &mut groups) {
                matches.extend(self.matched(&candidate, metric));
            }
        }
        Ok(matches)
    }

    /// Whether the candidate's group is not full yet.
    fn has_place(&self, candidate: &Candidate<'_>, groups: &mut HashMap<String, u32>) -> bool {
        let Some(group_by) = &self.query.group_by else { return true };
        let content = self.snapshot.segments[candidate.segment].segment.entries[candidate.entry].content.as_ref();
        let path = group_by.field.split('.');
        let value = content.and_then(|content| {
            let mut path = path;
            let first = content.fields.get(path.next()?)?;
            path.try_fold(first, |value, name| value.get(name))
        });
        // A record without the field is in no group.
        let Some(value) = value else { return false };
        let count = groups.entry(value.to_string()).or_default();
        *count += 1;
        *count <= group_by.per_group
    }

    fn matched(&self, candidate: &Candidate<'_>, metric: Option<Metric>) -> Option<Match> {
        let segment = &self.snapshot.segments[candidate.segment].segment;
        let content = segment.entries[candidate.entry].content.as_ref()?;
        let mut found = Match::new(candidate.id, candidate.score, metric);
        if metric == Some(Metric::Euclidean) {
            found.raw_score = 1.0 / candidate.score - 1.0;
        }
        found.fields = content.fields.clone();
        found.text = content.text.as_ref().map(Arc::clone);
        if self.query.with_vectors {
            found.vector = segment.vector(self.query.using.as_deref().unwrap_or_default(), candidate.entry);
        }
        Some(found)
    }
}
