//! What the options and the requests of every interface have in common.

/// The constructor of an options type, the extension setter, and the setters of the fields that are listed: `Option`s.
macro_rules! options {
    ($($(#[$meta:meta])* $field:ident: $type:ty),* $(,)?) => {
        /// Nothing chosen.
        #[must_use]
        pub fn new() -> Self {
            Self::default()
        }

        extension_setter!();

        $($(#[$meta])*
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            self.$field = Some($field.into());
            self
        })*
    };
}

/// The extension setter of what a call is told.
macro_rules! extension_setter {
    () => {
        /// Adds a provider's own option; another provider refuses it as `Unsupported`.
        #[must_use]
        pub fn extension<E: $crate::Extension<Self>>(mut self, extension: E) -> Self {
            self.extensions.put::<Self, E>(extension);
            self
        }
    };
}

/// A request: owned public fields, and a constructor of all of them.
macro_rules! request {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl $name {
            /// A request of these parts.
            #[must_use]
            pub fn new($($field: $type),+) -> Self {
                Self { $($field),+ }
            }
        }
    };
}

/// A shared provider is a provider, so that decorators take one that is shared already. What is the interface's own stands
/// beside it.
macro_rules! shared_provider {
    ($provider:ident) => {
        #[async_trait]
        impl Provider for Arc<dyn $provider> {
            fn info(&self) -> &ProviderInfo {
                (**self).info()
            }

            fn environment(&self) -> &Environment {
                (**self).environment()
            }

            async fn health(&self, cx: &CallContext) -> Result<Health> {
                (**self).health(cx).await
            }

            async fn close(&self, cx: &CallContext) -> Result<()> {
                (**self).close(cx).await
            }

            fn inner(&self) -> Option<&dyn Provider> {
                Some(&**self)
            }
        }
    };
}
