//! Which providers a config may name.

mod enabled;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use circle_core_common::config::{self, Common, Decoded, KeyPath, Node, Problems, Reference, SecretUse};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{BuildContext, Error, ErrorKind, Integration, Result, Service};

type Building = Pin<Box<dyn Future<Output = Result<Service>> + Send>>;

/// The providers that a hub can build: a value, without anything global. Private providers are equals of ours.
///
/// ```
/// use circle_core::Registry;
/// let registry = Registry::with_enabled(); // and `.with::<Acme>()` for a private one
/// assert!(registry.iter().any(|entry| entry.name() == "memory"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
    /// Those of the application's own.
    operations: Vec<&'static RemoteOperation>,
}

/// One provider of a [`Registry`].
#[derive(Clone, Copy)]
pub struct Entry {
    name: &'static str,
    interfaces: &'static [&'static str],
    remote: bool,
    decorates: bool,
    operations: &'static [&'static RemoteOperation],
    schema: fn() -> serde_json::Value,
    inspect: fn(&Node, &KeyPath) -> Inspected,
    build: fn(&Node, &KeyPath, BuildContext) -> Building,
}

/// What a service's table says, without building anything.
pub(crate) struct Inspected {
    pub(crate) problems: Problems,
    pub(crate) references: Vec<Reference>,
    pub(crate) secrets: Vec<SecretUse>,
}

impl Registry {
    /// No providers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The providers whose features are on.
    #[must_use]
    pub fn with_enabled() -> Self {
        enabled::fill(Self::new())
    }

    /// Adds a provider; one of the same name is replaced.
    #[must_use]
    pub fn with<I: Integration>(mut self) -> Self {
        let entry = Entry {
            name: I::NAME,
            interfaces: I::INTERFACES,
            remote: I::REMOTE,
            decorates: I::DECORATES,
            operations: I::OPERATIONS,
            schema: config::schema_of::<I::Config>,
            inspect: |node, path| {
                let Decoded { value, references, secrets } = decode::<I>(node, path);
                Inspected { problems: value.err().unwrap_or_default(), references, secrets }
            },
            build: |node, path, cx| match decode::<I>(node, path).value {
                Ok(config) => Box::pin(I::build(config, cx)),
                Err(problems) => Box::pin(std::future::ready(Err(problems.into()))),
            },
        };
        self.entries.insert(I::NAME, entry);
        self
    }

    /// Adds remote operations that the application describes itself, for requests through native clients: the config may name
    /// them in `resilience.operations` of any service.
    #[must_use]
    pub fn with_operations(mut self, operations: impl IntoIterator<Item = &'static RemoteOperation>) -> Self {
        self.operations.extend(operations);
        self
    }

    /// What is wrong with the name of a remote operation: whether it is, and the name that was probably meant.
    pub(crate) fn misspelt(&self, entry: &Entry, name: &str) -> Option<Option<&'static str>> {
        let every = || entry.operations.iter().chain(&self.operations).map(|operation| operation.name());
        let told = entry.operations.is_empty() || every().any(|known| known == name);
        (!told).then(|| config::nearest(name, every()))
    }

    /// The provider of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Every provider, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The JSON Schema of a `circle.toml` with these providers, for editors.
    #[must_use]
    pub fn document_schema(&self) -> serde_json::Value {
        let common = |entry: &Entry| if entry.remote { Common::remote_schema() } else { Common::schema() };
        let services =
            self.iter().map(|entry| (entry.name, config::schema_for_service(entry.name, entry.schema(), common(entry))));
        config::document_schema(services, crate::hub::sections())
    }

    /// What to say of a provider that is not here.
    pub(crate) fn explain_missing(&self, name: &str) -> (String, Option<String>) {
        if let Some((_, feature)) = enabled::FEATURES.iter().find(|(id, _)| *id == name) {
            let text = format!(
                "the provider `{name}` is not in this registry: turn on the feature `{feature}` of circle-core, or add it"
            );
            return (text, None);
        }
        let every = self.entries.keys().copied().chain(enabled::FEATURES.iter().map(|(id, _)| *id));
        if let Some(nearest) = config::nearest(name, every) {
            return (format!("unknown provider `{name}`"), Some(nearest.to_owned()));
        }
        let here: Vec<&str> = self.entries.keys().copied().collect();
        let known = if here.is_empty() { "none is compiled in".to_owned() } else { format!("known here: {}", here.join(", ")) };
        (format!("unknown provider `{name}`; {known}"), None)
    }
}

fn decode<I: Integration>(node: &Node, path: &KeyPath) -> Decoded<I::Config> {
    config::decode(node, path, Common::KEYS)
}

impl Entry {
    /// The service id.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The interfaces that it offers; what [decorates](Self::decorates) others may offer fewer.
    #[must_use]
    pub fn interfaces(&self) -> &'static [&'static str] {
        self.interfaces
    }

    /// Whether it offers, of its interfaces, only those of the services that it decorates.
    #[must_use]
    pub fn decorates(&self) -> bool {
        self.decorates
    }

    /// The requests that it makes; none where it does not tell them.
    #[must_use]
    pub fn operations(&self) -> &'static [&'static RemoteOperation] {
        self.operations
    }

    /// Whether its calls leave the process.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    /// The JSON Schema of its own config keys.
    #[must_use]
    pub fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }

    /// Builds it of a table in JSON, without a hub: for tools that try every provider. Services that it refers to are the context's.
    ///
    /// # Errors
    /// `ConfigInvalid` for what is no such table; what the provider says.
    pub async fn build_json(&self, table: &str, cx: BuildContext) -> Result<Service> {
        let building = {
            let document = format!("{{\"services\":{{\"it\":{table}}}}}");
            let tree = config::Tree::from_json(&document, self.name)?;
            let nothing = || Error::new(ErrorKind::ConfigInvalid, "the config is no table");
            self.build(tree.service("it").ok_or_else(nothing)?, &KeyPath::service("it"), cx)
        };
        building.await
    }

    pub(crate) fn inspect(&self, node: &Node, path: &KeyPath) -> Inspected {
        (self.inspect)(node, path)
    }

    pub(crate) fn build(&self, node: &Node, path: &KeyPath, cx: BuildContext) -> Building {
        (self.build)(node, path, cx)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}: {})", self.name, self.interfaces.join(", "))
    }
}
