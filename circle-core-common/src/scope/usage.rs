//! What the calls of a service used, by tenant.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Key, Label};
use serde::Serialize;

use crate::resilience::shard::{Padded, SHARDS, mine};
use crate::telemetry::{Counter, USAGE_BYTES, USAGE_CALLS, USAGE_TOKENS};

/// What the calls of one tenant used of a service since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// The tenant; `None` for calls on nobody's behalf, `_OTHER` for all tenants behind the first hundred together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Calls.
    pub calls: u64,
    /// Calls that failed on the service's side.
    pub failures: u64,
    /// Tokens that models were given, as far as they were told.
    pub input_tokens: u64,
    /// Tokens that models gave, as far as they were told.
    pub output_tokens: u64,
    /// Content sent over HTTP, in bytes, repetitions included; without headers, and without streams of unknown length.
    pub bytes_sent: u64,
    /// Content received over HTTP, in bytes, of answers that were successes.
    pub bytes_received: u64,
}

/// What is counted, in the order of the fields of [`Usage`].
#[derive(Clone, Copy)]
enum Counted {
    Calls,
    Failures,
    InputTokens,
    OutputTokens,
    BytesSent,
    BytesReceived,
}

const COUNTED: usize = 6;

/// The counts of one tenant, or of all calls that have none.
#[derive(Debug)]
pub(crate) struct Account {
    shards: [Padded<[AtomicU64; COUNTED]>; SHARDS],
    service: Box<str>,
    /// Empty for calls that have none.
    tenant: Box<str>,
    told: OnceLock<Box<Told>>,
}

/// The same as metrics.
#[derive(Debug)]
struct Told {
    calls: Counter,
    tokens: [Counter; 2],
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only HTTP counts them"))]
    bytes: [Counter; 2],
}

impl Account {
    pub(super) fn new(service: &str, tenant: &str) -> Self {
        Self { shards: Default::default(), service: service.into(), tenant: tenant.into(), told: OnceLock::new() }
    }

    fn count(&self, what: Counted, count: u64) {
        self.shards[mine()].0[what as usize].fetch_add(count, Ordering::Relaxed);
    }

    fn sum(&self, what: Counted) -> u64 {
        self.shards.iter().map(|shard| shard.0[what as usize].load(Ordering::Relaxed)).sum()
    }

    fn told(&self) -> &Told {
        self.told.get_or_init(|| {
            let key = |name: &'static str, more: Option<(&'static str, &'static str)>| {
                let mut labels = vec![Label::new("circle.service", self.service.to_string())];
                if !self.tenant.is_empty() {
                    labels.push(Label::new("circle.tenant", self.tenant.to_string()));
                }
                labels.extend(more.map(|(key, value)| Label::from_static_parts(key, value)));
                Counter::new(Key::from_parts(name, labels))
            };
            Box::new(Told {
                calls: key(USAGE_CALLS, None),
                tokens: ["input", "output"].map(|kind| key(USAGE_TOKENS, Some(("gen_ai.token.type", kind)))),
                bytes: ["transmit", "receive"].map(|way| key(USAGE_BYTES, Some(("network.io.direction", way)))),
            })
        })
    }

    /// Counts a call; `heard` says whether anybody listens to metrics.
    pub(super) fn call(&self, failed: bool, heard: bool) {
        self.count(Counted::Calls, 1);
        if failed {
            self.count(Counted::Failures, 1);
        }
        if heard {
            self.told().calls.add(1);
        }
    }

    /// Counts the tokens of a call of a model.
    pub(crate) fn tokens(&self, input: Option<u64>, output: Option<u64>) {
        let both = [(Counted::InputTokens, input), (Counted::OutputTokens, output)];
        for (at, (what, count)) in both.into_iter().enumerate() {
            if let Some(count) = count.filter(|&count| count > 0) {
                self.count(what, count);
                self.told().tokens[at].add(count);
            }
        }
    }

    /// Counts content.
    #[cfg(feature = "http")]
    pub(crate) fn bytes(&self, sent: u64, received: u64) {
        for (at, (what, count)) in [(Counted::BytesSent, sent), (Counted::BytesReceived, received)].into_iter().enumerate() {
            if count > 0 {
                self.count(what, count);
                self.told().bytes[at].add(count);
            }
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.sum(Counted::Calls)
    }

    pub(super) fn failures(&self) -> u64 {
        self.sum(Counted::Failures)
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            tenant: (!self.tenant.is_empty()).then(|| self.tenant.to_string()),
            calls: self.calls(),
            failures: self.failures(),
            input_tokens: self.sum(Counted::InputTokens),
            output_tokens: self.sum(Counted::OutputTokens),
            bytes_sent: self.sum(Counted::BytesSent),
            bytes_received: self.sum(Counted::BytesReceived),
        }
    }
}
