//! What every handle is.

use std::any::Any;
use std::sync::{Arc, OnceLock};

/// A handle: what applications hold. Implemented by [`handle!`](macro@crate::handle) and by nothing else: outsiders add
/// providers, not interfaces.
pub trait Handle: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The interface's name: `ObjectStore`.
    const NAME: &'static str;
    /// What serde calls a reference to such a service in a config struct; the config reader knows it by this.
    #[doc(hidden)]
    const REFERENCE: &'static str;

    /// The provider behind it, whatever it is; `None` while the service has not started.
    fn as_provider(&self) -> Option<&dyn crate::Provider>;

    /// The configured name of the service; empty where there is none.
    fn service(&self) -> &str;

    /// The environment that it calls in.
    fn environment(&self) -> &crate::Environment;

    /// The same handle with this service name, in this environment.
    #[must_use]
    fn rebind(&self, environment: crate::Environment, service: &str) -> Self;

    /// A handle over a service that has not started yet: its calls fail with the reason until it has.
    #[must_use]
    fn deferred(environment: crate::Environment, service: std::sync::Arc<crate::service::Deferred>) -> Self;

    /// The provider of type `T` behind the handle, through all decorators.
    #[must_use]
    fn native<T: Any>(&self) -> Option<&T> {
        self.as_provider().and_then(crate::provider::native)
    }
}

/// The provider of a handle, which may have to start first.
#[doc(hidden)]
pub struct Provided<P: ?Sized> {
    now: OnceLock<Arc<P>>,
    later: Option<Arc<crate::service::Deferred>>,
}

impl<P: ?Sized> Provided<P> {
    /// It is there.
    #[must_use]
    pub fn ready(provider: Arc<P>) -> Self {
        Self { now: OnceLock::from(provider), later: None }
    }

    /// It has not started yet.
    #[must_use]
    pub fn deferred(service: Arc<crate::service::Deferred>) -> Self {
        Self { now: OnceLock::new(), later: Some(service) }
    }

    /// The provider, taken out of the handle that the service offers once it has started.
    ///
    /// # Errors
    /// Why the service has not started.
    pub fn get<H: Handle>(&self, provider: impl FnOnce(&H) -> crate::Result<Arc<P>>) -> crate::Result<&Arc<P>> {
        if let Some(provider) = self.now.get() {
            return Ok(provider);
        }
        let handle = match &self.later {
            Some(service) => service.started()?.get::<H>(service.name())?,
            None => return Err(crate::Error::new(crate::ErrorKind::Internal, "the handle has no provider")),
        };
        let started = provider(&handle)?;
        Ok(self.now.get_or_init(|| started))
    }
}

impl<P: ?Sized> Clone for Provided<P> {
    fn clone(&self) -> Self {
        Self { now: self.now.clone(), later: self.later.clone() }
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
        $crate::handle! { $(#[$meta])* $handle over $provider with $capabilities as $name, calls begin with open }
    };
    // For an interface that has a method `open` of its own.
    (
        $(#[$meta:meta])*
        $handle:ident over $provider:ident with $capabilities:ident as $name:literal, calls begin with $open:ident
    ) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $handle {
            provider: $crate::handle::Provided<dyn $provider>,
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
                Self { provider: self.provider.clone(), core: self.core.with(options) }
            }

            /// What the provider can do. Of a service that has not started yet everything is assumed; its calls fail
            /// with the reason.
            #[must_use]
            pub fn capabilities(&self) -> &$capabilities {
                static UNKNOWN: ::std::sync::OnceLock<$capabilities> = ::std::sync::OnceLock::new();
                match self.provider() {
                    Ok(provider) => provider.capabilities(),
                    Err(_) => UNKNOWN.get_or_init($capabilities::all),
                }
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
                $crate::Handle::native(self)
            }

            /// The provider.
            ///
            /// # Errors
            /// Why the service has not started, of one that has not.
            pub fn provider(&self) -> $crate::Result<&::std::sync::Arc<dyn $provider>> {
                self.provider.get(|handle: &Self| handle.provider().cloned())
            }

            /// The same handle with its timeout turned into a deadline from now, for a method that makes several calls.
            #[allow(dead_code, reason = "an interface whose methods are one call each needs none")]
            fn bounded(&self) -> Self {
                Self { provider: self.provider.clone(), core: self.core.bounded() }
            }

            /// Opens the scope of one call.
            fn $open(&self, operation: &'static $crate::Operation) -> $crate::scope::Call<'_> {
                self.core.open(operation)
            }

            /// Gives the provider to make this call with.
            fn start<'a>(
                &'a self,
                call: &mut $crate::scope::Call<'_>,
                resources: $crate::scope::Resources<'_>,
            ) -> impl Future<Output = $crate::Result<&'a dyn $provider>> + Send {
                call.start(resources, move || self.provider().map(|provider| &**provider))
            }
        }

        impl From<::std::sync::Arc<dyn $provider>> for $handle {
            fn from(provider: ::std::sync::Arc<dyn $provider>) -> Self {
                let core = $crate::scope::HandleCore::new(provider.environment().clone(), "", provider.info().name);
                Self { provider: $crate::handle::Provided::ready(provider), core }
            }
        }

        impl TryFrom<$handle> for ::std::sync::Arc<dyn $provider> {
            type Error = $crate::Error;

            fn try_from(handle: $handle) -> $crate::Result<Self> {
                handle.provider().cloned()
            }
        }

        impl $crate::handle::sealed::Sealed for $handle {}

        impl $crate::Handle for $handle {
            const NAME: &'static str = $name;
            const REFERENCE: &'static str = concat!("$circle.service:", $name);

            fn as_provider(&self) -> Option<&dyn $crate::Provider> {
                self.provider().ok().map(|provider| &**provider as &dyn $crate::Provider)
            }

            fn service(&self) -> &str {
                self.core.service()
            }

            fn environment(&self) -> &$crate::Environment {
                self.core.environment()
            }

            fn rebind(&self, environment: $crate::Environment, service: &str) -> Self {
                let core = $crate::scope::HandleCore::new(environment, service, self.core.provider());
                let core = match self.core.options() {
                    Some(options) => core.with(options.clone()),
                    None => core,
                };
                Self { provider: self.provider.clone(), core }
            }

            fn deferred(environment: $crate::Environment, service: ::std::sync::Arc<$crate::service::Deferred>) -> Self {
                let core = $crate::scope::HandleCore::new(environment, service.name(), service.provider());
                Self { provider: $crate::handle::Provided::deferred(service), core }
            }
        }

        /// `ObjectStore(documents: s3 acme-documents@eu-west-1)`.
        impl ::std::fmt::Debug for $handle {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!($name, "("))?;
                if !self.core.service().is_empty() {
                    write!(f, "{}: ", self.core.service())?;
                }
                match self.provider() {
                    Ok(provider) => write!(f, "{})", provider.info()),
                    Err(_) => write!(f, "{}, not started)", self.core.provider()),
                }
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
        let environment =
            handle.as_provider().map_or_else(crate::Environment::builder, |provider| provider.environment().to_builder());
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
