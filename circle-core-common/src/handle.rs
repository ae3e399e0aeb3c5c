//! What every handle is.

use std::any::Any;

/// A handle: what applications hold. Implemented by [`handle!`](macro@crate::handle) and by nothing else: outsiders add
/// providers, not interfaces.
pub trait Handle: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The interface's name: `ObjectStore`.
    const NAME: &'static str;
    /// What serde calls a reference to such a service in a config struct; the config reader knows it by this.
    #[doc(hidden)]
    const REFERENCE: &'static str;

    /// The provider behind it, whatever it is.
    fn as_provider(&self) -> &dyn crate::Provider;

    /// The same handle with this service name, in this environment.
    #[must_use]
    fn rebind(&self, environment: crate::Environment, service: &str) -> Self;

    /// The provider of type `T` behind the handle, through all decorators.
    #[must_use]
    fn native<T: Any>(&self) -> Option<&T> {
        crate::provider::native(self.as_provider())
    }
}

#[doc(hidden)]
pub mod sealed {
    pub trait Sealed {}
}

/// Declares a handle over a provider trait: construction, `with`, `capabilities`, `require`, `native`, `provider`,
/// `Debug`, `From` both ways.
#[macro_export]
macro_rules! handle {
    ($(#[$meta:meta])* $handle:ident over $provider:ident with $capabilities:ident as $name:literal) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $handle {
            provider: ::std::sync::Arc<dyn $provider>,
            core: $crate::scope::HandleCore,
        }

        impl $handle {
            /// A handle over any provider.
            #[must_use]
            pub fn new(provider: impl $provider) -> Self {
                Self::from(::std::sync::Arc::new(provider) as ::std::sync::Arc<dyn $provider>)
            }

            /// A handle with a name, access control or audit of its own; what the hub does.
            pub fn builder(provider: impl $provider) -> $crate::HandleBuilder<Self> {
                $crate::HandleBuilder::new(Self::new(provider))
            }

            /// The same handle with these options merged over its own, for the calls made through it.
            #[must_use]
            pub fn with(&self, options: $crate::CallOptions) -> Self {
                Self { provider: ::std::sync::Arc::clone(&self.provider), core: self.core.with(options) }
            }

            /// What the provider can do.
            #[must_use]
            pub fn capabilities(&self) -> &$capabilities {
                self.provider.capabilities()
            }

            /// The handle, if the provider can do all of this: for the start of an application.
            ///
            /// # Errors
            /// `Unsupported`, naming the first capability that is off.
            pub fn require(self, flags: impl IntoIterator<Item = $crate::Flag<$capabilities>>) -> $crate::Result<Self> {
                for flag in flags {
                    flag.check(self.capabilities()).map_err(|error| error.context(format_args!("{self:?}")))?;
                }
                Ok(self)
            }

            /// The provider of type `T` behind the handle, through all decorators.
            #[must_use]
            pub fn native<T: ::std::any::Any>(&self) -> Option<&T> {
                $crate::provider::native(self.as_inner())
            }

            /// The provider.
            #[must_use]
            pub fn provider(&self) -> &::std::sync::Arc<dyn $provider> {
                &self.provider
            }

            fn as_inner(&self) -> &dyn $crate::Provider {
                &*self.provider
            }
        }

        impl From<::std::sync::Arc<dyn $provider>> for $handle {
            fn from(provider: ::std::sync::Arc<dyn $provider>) -> Self {
                let core = $crate::scope::HandleCore::new(provider.environment().clone(), "", provider.info().name);
                Self { provider, core }
            }
        }

        impl From<$handle> for ::std::sync::Arc<dyn $provider> {
            fn from(handle: $handle) -> Self {
                handle.provider
            }
        }

        impl $crate::handle::sealed::Sealed for $handle {}

        impl $crate::Handle for $handle {
            const NAME: &'static str = $name;
            const REFERENCE: &'static str = concat!("$circle.service:", $name);

            fn as_provider(&self) -> &dyn $crate::Provider {
                self.as_inner()
            }

            fn rebind(&self, environment: $crate::Environment, service: &str) -> Self {
                let core = $crate::scope::HandleCore::new(environment, service, self.provider.info().name);
                let core = match self.core.options() {
                    Some(options) => core.with(options.clone()),
                    None => core,
                };
                Self { provider: ::std::sync::Arc::clone(&self.provider), core }
            }
        }

        /// `ObjectStore(documents: s3 acme-documents@eu-west-1)`.
        impl ::std::fmt::Debug for $handle {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!($name, "("))?;
                if !self.core.service().is_empty() {
                    write!(f, "{}: ", self.core.service())?;
                }
                write!(f, "{})", self.provider.info())
            }
        }
    };
}

/// Builds a handle with a name, access control or audit of its own.
#[must_use]
pub struct HandleBuilder<H> {
    handle: H,
    environment: crate::environment::EnvironmentBuilder,
    name: String,
}

impl<H: Handle> HandleBuilder<H> {
    /// Starts from a handle.
    pub fn new(handle: H) -> Self {
        let environment = handle.as_provider().environment().to_builder();
        Self { handle, environment, name: String::new() }
    }

    /// Sets the name that errors, spans and records call the service by.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Asks this access control before every call.
    pub fn access(mut self, access: impl crate::access::AccessControl) -> Self {
        self.environment = self.environment.access(access);
        self
    }

    /// Writes every call into this sink.
    pub fn audit(mut self, sink: impl crate::audit::AuditSink, mode: crate::audit::AuditMode) -> Self {
        self.environment = self.environment.audit(sink, mode);
        self
    }

    /// The handle.
    #[must_use]
    pub fn build(self) -> H {
        self.handle.rebind(self.environment.build(), &self.name)
    }
}

impl<H> std::fmt::Debug for HandleBuilder<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HandleBuilder({})", self.name)
    }
}
