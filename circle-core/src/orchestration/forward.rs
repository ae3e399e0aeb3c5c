//! What decorators say of themselves in the words of what they hold.

/// A provider that is known, watched and closed as its field is: `provided_by!(Cached<H: Handle>, frame)`.
macro_rules! provided_by {
    ($decorator:ident $(<$h:ident: $bound:ident>)?, $field:tt) => {
        #[async_trait::async_trait]
        impl $(<$h: $bound>)? circle_core_common::Provider for $decorator $(<$h>)? {
            fn info(&self) -> &circle_core_common::ProviderInfo {
                self.$field.info()
            }

            fn environment(&self) -> &circle_core_common::Environment {
                circle_core_common::Provider::environment(&self.$field)
            }

            async fn health(&self, cx: &circle_core_common::CallContext) -> circle_core_common::Result<circle_core_common::Health> {
                self.$field.health(cx).await
            }

            async fn close(&self, cx: &circle_core_common::CallContext) -> circle_core_common::Result<()> {
                self.$field.close(cx).await
            }

            fn inner(&self) -> Option<&dyn circle_core_common::Provider> {
                self.$field.inner()
            }
        }
    };
}

/// The chat model that a [`Frame`](super::frame::Frame) holds, in all but its calls.
macro_rules! chat_model_of_frame {
    () => {
        fn capabilities(&self) -> &ChatModelCapabilities {
            self.frame.handle.capabilities()
        }

        fn state_owner(&self) -> &str {
            self.frame.handle.provider().map_or(Self::NAME, |provider| provider.state_owner())
        }

        fn owns_state(&self, owner: &str) -> bool {
            self.frame.handle.provider().is_ok_and(|provider| provider.owns_state(owner))
        }

        fn models(&self) -> Vec<ModelId> {
            self.frame.handle.provider().map(|provider| provider.models()).unwrap_or_default()
        }

        fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
            self.frame.handle.provider().map(|provider| provider.models_for(request)).unwrap_or_default()
        }
    };
}

/// The chat model that several [`Legs`](super::legs::Legs) are, in all but its calls.
macro_rules! chat_model_of_legs {
    () => {
        fn capabilities(&self) -> &ChatModelCapabilities {
            &self.capabilities
        }

        fn owns_state(&self, owner: &str) -> bool {
            self.legs.owns_state(owner)
        }

        fn models(&self) -> Vec<ModelId> {
            self.legs.models_for(&ChatRequest::new())
        }

        fn models_for(&self, request: &ChatRequest) -> Vec<ModelId> {
            self.legs.models_for(request)
        }
    };
}

pub(super) use {chat_model_of_frame, chat_model_of_legs, provided_by};
