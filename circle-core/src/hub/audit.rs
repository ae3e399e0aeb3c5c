//! The section `[audit]`: what it says, and the log that it asks for.

use std::sync::Arc;

use circle_core_common::audit::note::SigningKey;
use circle_core_common::audit::{AuditLog, AuditMode, FileAnchor, ObjectStoreAnchor};
use circle_core_common::config::{self, KeyPath, Node, Problem, Problems, Reference};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{Result, SecretRef, ServiceRef};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Hub;
use super::plan::check_secrets;

/// Where audit records go, and what vouches for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditConfig {
    /// The file that records are appended to.
    file: std::path::PathBuf,
    /// What happens to a call whose record cannot be written.
    #[serde(default)]
    pub(super) mode: AuditMode,
    /// The key that signs checkpoints, as `circle-audit key new` makes it; otherwise one is made in `<file>.key`.
    key: Option<SecretRef>,
    /// What a new log is called in its checkpoints; otherwise by its key's name and a random number.
    origin: Option<String>,
    /// Whether principals are written by pseudonym or as they are.
    #[serde(default)]
    principals: Principals,
    /// Whether the things that a call names are named or only counted.
    #[serde(default)]
    resources: Resources,
    /// Second places that keep the checkpoints.
    #[serde(default)]
    anchors: Vec<AnchorConfig>,
}

/// How principals are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Principals {
    /// By a pseudonym, whose key can be destroyed.
    #[default]
    Pseudonymous,
    /// As they are.
    Clear,
}

/// What is written of the things that a call names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Resources {
    /// The first one's name, and how many.
    #[default]
    Named,
    /// How many.
    Counted,
}

/// A second place for checkpoints: a file, or an object store.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AnchorConfig {
    /// A file that checkpoints are appended to.
    file: Option<std::path::PathBuf>,
    /// A service that keeps each checkpoint as an object.
    store: Option<ServiceRef<ObjectStore>>,
    /// What the objects' keys begin with; otherwise `audit/`.
    prefix: Option<String>,
}

/// Reads the section; and which services it refers to.
pub(super) fn plan(node: &Node, profile: Option<&str>, problems: &mut Problems) -> (Option<AuditConfig>, Vec<Reference>) {
    let path = KeyPath::root().key("audit");
    let decoded = config::decode::<AuditConfig>(node, &path, &[]);
    check_secrets(decoded.secrets, node, &path, profile, problems);
    let value = decoded.value.map_err(|found| problems.extend(found)).ok();
    for (at, anchor) in value.iter().flat_map(|audit| audit.anchors.iter().enumerate()) {
        let message = match (&anchor.file, &anchor.store) {
            (Some(_), None) if anchor.prefix.is_some() => "a file has no prefix",
            (Some(_), None) | (None, Some(_)) => continue,
            _ => "an anchor is either a `file` or a `store`",
        };
        problems.push(Problem::new(path.key("anchors").index(at), node.origin.clone(), message));
    }
    (value, decoded.references)
}

pub(super) async fn open(config: &AuditConfig) -> Result<Arc<AuditLog>> {
    let mut log = AuditLog::builder(&config.file);
    if let Some(key) = &config.key {
        let named = |error: circle_core_common::Error| error.context("audit.key");
        log = log.key(SigningKey::parse(&key.resolve().await.map_err(named)?).map_err(named)?);
    }
    if let Some(origin) = &config.origin {
        log = log.origin(origin);
    }
    if config.principals == Principals::Clear {
        log = log.clear_principals();
    }
    if config.resources == Resources::Counted {
        log = log.without_resources();
    }
    Ok(Arc::new(log.open()?))
}

/// Anchors the log, once the services are there that keep its checkpoints.
pub(super) fn anchor(log: &AuditLog, config: &AuditConfig, hub: &Hub) -> Result<()> {
    for anchor in &config.anchors {
        if let Some(file) = &anchor.file {
            log.anchor(FileAnchor::new(file));
        }
        if let Some(store) = &anchor.store {
            let store: ObjectStore = hub.get(store.name())?;
            log.anchor(ObjectStoreAnchor::new(&store, anchor.prefix.as_deref().unwrap_or("audit/")));
        }
    }
    Ok(())
}
