//! Options and results that belong to one provider, typed.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// A provider's own option of the options type `O`: to another operation it does not compile, to another provider it
/// is `Unsupported`.
pub trait Extension<O>: Any + Send + Sync + fmt::Debug {
    /// The service id of the provider that understands it.
    const PROVIDER: &'static str;

    /// Other services that understand it, because they speak the same protocol.
    const ALSO: &'static [&'static str] = &[];
}

/// A set of extensions, one per type. Empty, it costs no allocation.
#[derive(Clone, Default)]
pub struct Extensions {
    entries: Option<Arc<Vec<Entry>>>,
}

#[derive(Clone)]
struct Entry {
    id: TypeId,
    provider: &'static str,
    also: &'static [&'static str],
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Extensions {
    /// Puts an extension of the options type `O` in; one of the same type is replaced.
    pub fn put<O, E: Extension<O>>(&mut self, extension: E) {
        let entry = Entry {
            id: TypeId::of::<E>(),
            provider: E::PROVIDER,
            also: E::ALSO,
            name: std::any::type_name::<E>(),
            value: Arc::new(extension),
        };
        let entries = Arc::make_mut(self.entries.get_or_insert_default());
        entries.retain(|other| other.id != entry.id);
        entries.push(entry);
    }

    /// The extension of this type.
    #[must_use]
    pub fn get<E: Any>(&self) -> Option<&E> {
        let entry = self.entries.as_deref()?.iter().find(|entry| entry.id == TypeId::of::<E>())?;
        entry.value.downcast_ref()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.as_deref().is_none_or(Vec::is_empty)
    }

    /// `Ok` when all of them are for this provider.
    ///
    /// # Errors
    /// `Unsupported`, naming the extension, its provider and this one.
    pub fn check(&self, provider: &str) -> Result<()> {
        let foreign = |entry: &&Entry| entry.provider != provider && !entry.also.contains(&provider);
        match self.entries.as_deref().and_then(|entries| entries.iter().find(foreign)) {
            None => Ok(()),
            Some(entry) => {
                let name = entry.name.rsplit("::").next().unwrap_or(entry.name);
                let text = format!("the option `{name}` is for the provider `{}`; this one is `{provider}`", entry.provider);
                Err(Error::new(ErrorKind::Unsupported, text))
            }
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().flat_map(|entries| entries.iter()).map(|entry| entry.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Class(&'static str);
    impl Extension<()> for Class {
        const PROVIDER: &'static str = "s3";
        const ALSO: &'static [&'static str] = &["s3-compatible"];
    }

    #[test]
    fn foreign_extensions_are_refused_by_name() {
        let mut extensions = Extensions::default();
        extensions.put::<(), _>(Class("a"));
        extensions.put::<(), _>(Class("b"));
        assert_eq!(extensions.get::<Class>().map(|class| class.0), Some("b"));
        assert!(extensions.check("s3").is_ok() && extensions.check("s3-compatible").is_ok());
        let error = extensions.check("memory").unwrap_err();
        assert_eq!(error.message(), "the option `Class` is for the provider `s3`; this one is `memory`");
    }
}
