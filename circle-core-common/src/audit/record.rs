//! How a record is written: one line of canonical JSON (RFC 8785).

use serde::{Deserialize, Serialize};

use super::{AuditEvent, AuditRecord};
use crate::identifier::OperationId;
use crate::operation::Class;
use crate::units::Timestamp;

/// The version of the form of records.
pub(super) const VERSION: u8 = 1;

/// The largest integer that every reader of JSON keeps exact.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The fields in the order of their names, which with integers, and no fractions, is all that RFC 8785 asks for: so that
/// no canonicaliser is needed, and serde's output is hashed as it is.
#[derive(Serialize)]
struct Canonical<'a> {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    call: u64,
    class: Class,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    micros: Option<u64>,
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<&'a OperationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    resources: u64,
    seq: u64,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    v: u8,
}

/// What of a record is kept, beside what every record holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept<'a> {
    /// Who called: a pseudonym, or the principal itself.
    pub(super) principal: Option<&'a str>,
    /// Whether things are named, and not only counted.
    pub(super) named: bool,
}

/// The record at `seq` of a log, as its line without the end.
pub(super) fn encode(record: &AuditRecord, seq: u64, kept: Kept<'_>) -> serde_json::Result<Vec<u8>> {
    let (event, outcome, took, attempts, operation_id) = match &record.event {
        AuditEvent::Intent => ("intent", None, None, None, None),
        AuditEvent::Refused => ("refused", None, None, None, None),
        AuditEvent::Outcome { outcome, took, attempts, operation_id } => {
            ("outcome", Some(*outcome), Some(*took), Some(*attempts), operation_id.as_ref())
        }
    };
    let named = |name: Option<&std::sync::Arc<str>>| name.filter(|_| kept.named).cloned();
    let (resource, source) = (named(record.resource.as_ref()), named(record.source.as_ref()));
    serde_json::to_vec(&Canonical {
        at: record.at,
        attempts,
        call: record.call,
        class: record.class,
        event,
        micros: took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(INTEGER_MAX)),
        operation: record.operation,
        operation_id,
        outcome,
        policy: record.policy.as_deref(),
        principal: kept.principal,
        provider: record.parties.provider,
        resource: resource.as_deref(),
        resources: record.resources as u64,
        seq,
        service: &record.parties.service,
        source: source.as_deref(),
        tenant: record.parties.tenant.as_deref(),
        v: VERSION,
    })
}

/// The place that a line says it has; `None` of a line that is no record.
pub(super) fn seq_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Place {
        seq: u64,
        v: u8,
    }
    serde_json::from_slice(line).ok().filter(|place: &Place| place.v == VERSION).map(|place| place.seq)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::AuditParties;

    fn record(text: &str, number: u64, event: AuditEvent) -> AuditRecord {
        AuditRecord {
            at: Timestamp::UNIX_EPOCH + Duration::from_micros(number >> 20),
            call: number & INTEGER_MAX,
            parties: Arc::new(AuditParties {
                principal: Some(text.into()),
                tenant: Some(text.into()),
                service: text.into(),
                provider: "memory",
            }),
            operation: "object_store.put",
            class: Class::Write,
            policy: Some(text.into()),
            source: Some(text.into()),
            resource: Some(text.into()),
            resources: (number & INTEGER_MAX) as usize,
            event,
        }
    }

    fn outcome(took: Duration) -> AuditEvent {
        AuditEvent::Outcome { outcome: "ok", took, attempts: 2, operation_id: Some(OperationId::generated(7)) }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_canonicaliser(text in any::<String>(), seq in 0..=INTEGER_MAX, number in any::<u64>()) {
            for event in [AuditEvent::Intent, AuditEvent::Refused, outcome(Duration::from_secs(number))] {
                let record = record(&text, number, event);
                let line = encode(&record, seq, Kept { principal: Some(&text), named: true }).unwrap();
                let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
                prop_assert_eq!(&line, &serde_json_canonicalizer::to_vec(&value).unwrap());
                prop_assert_eq!(seq_of(&line), Some(seq));
                prop_assert!(!line.contains(&b'\n'));
            }
        }
    }

    /// T24: what is persisted is what is declared, and no more.
    #[test]
    fn a_record_holds_the_declared_fields() {
        const ALWAYS: &[&str] = &["at", "call", "class", "event", "operation", "provider", "resources", "seq", "service", "v"];
        const SAID: &[&str] = &["policy", "principal", "tenant"];
        const NAMES: &[&str] = &["resource", "source"];
        const OUTCOME: &[&str] = &["attempts", "micros", "operation_id", "outcome"];
        for (named, event) in [true, false]
            .into_iter()
            .flat_map(|named| [AuditEvent::Intent, AuditEvent::Refused, outcome(Duration::ZERO)].map(|event| (named, event)))
        {
            let ends = matches!(event, AuditEvent::Outcome { .. });
            let line = encode(&record("x", 1, event), 0, Kept { principal: Some("p"), named }).unwrap();
            let found: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
            let parts = [ALWAYS, SAID, if named { NAMES } else { &[] }, if ends { OUTCOME } else { &[] }];
            let mut declared = parts.concat();
            declared.sort_unstable();
            assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), declared);
            assert_eq!(found["principal"], "p");
        }
    }
}
