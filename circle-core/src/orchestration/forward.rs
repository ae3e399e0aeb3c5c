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

/// Calls of the provider that a [`Frame`](super::frame::Frame) holds, made as they are; those that write say of which things.
macro_rules! forwarded {
    ($($method:ident($request:ty) -> $output:ty $(, writes |$writes:ident| $things:expr)?;)+) => {
        $(
            // As `async_trait` writes it, which does not look into macros.
            fn $method<'life0, 'life1, 'async_trait>(
                &'life0 self,
                cx: &'life1 circle_core_common::CallContext,
                request: $request,
            ) -> ::std::pin::Pin<Box<dyn Future<Output = circle_core_common::Result<$output>> + Send + 'async_trait>>
            where
                'life0: 'async_trait,
                'life1: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let provider = self.frame.handle.provider()?;
                    $(
                        let _writing = {
                            let $writes = &request;
                            self.stamps().writing($things)
                        };
                    )?
                    provider.$method(cx, request).await
                })
            }
        )+
    };
}

/// The object store that a frame holds, in all but `head` and `get`.
macro_rules! object_store_of_frame {
    () => {
        fn capabilities(&self) -> &ObjectStoreCapabilities {
            self.frame.handle.capabilities()
        }

        $crate::orchestration::forward::forwarded! {
            put(PutRequest) -> ObjectMeta, writes |request| [request.key.as_str()];
            list(ListRequest) -> Page<Entry>;
            delete(DeleteRequest) -> Bulk<Deleted>, writes |request| request.items.iter().map(|item| item.key.as_str());
            copy(CopyRequest) -> ObjectMeta, writes |request| [request.to.as_str()];
            presign(PresignRequest) -> PresignedRequest;
            start_upload(StartUploadRequest) -> UploadId;
            upload_part(UploadPartRequest) -> PartTag;
            end_upload(EndUploadRequest) -> Option<ObjectMeta>, writes |request| [request.upload.key.as_str()];
        }
    };
}

/// The key-value store that a frame holds, in all but `get`.
macro_rules! key_value_store_of_frame {
    () => {
        fn capabilities(&self) -> &KeyValueStoreCapabilities {
            self.frame.handle.capabilities()
        }

        $crate::orchestration::forward::forwarded! {
            write(WriteRequest) -> Bulk<Written>, writes |request| request.writes.iter().map(|write| write.key.as_str());
            transaction(TransactionRequest) -> Vec<Written>,
                writes |request| request.writes.iter().map(|write| write.key.as_str());
            increment(IncrementRequest) -> i64, writes |request| [request.key.as_str()];
            list(ListRequest) -> Page<Entry>;
            watch(WatchRequest) -> Watch<Change>;
        }
    };
}

/// The secret store that a frame holds, in all but `get`.
macro_rules! secret_store_of_frame {
    () => {
        fn capabilities(&self) -> &SecretStoreCapabilities {
            self.frame.handle.capabilities()
        }

        $crate::orchestration::forward::forwarded! {
            put(PutRequest) -> Version, writes |request| [request.name.as_str()];
            delete(DeleteRequest) -> Deleted, writes |request| [request.name.as_str()];
            list(ListRequest) -> Page<SecretMeta>;
            watch(WatchRequest) -> Watch<SecretChange>;
            renew_lease(RenewRequest) -> Lease;
            revoke_lease(RevokeRequest) -> ();
        }
    };
}

/// The vector store that a frame holds, in all but `query`. Its collections are what is written.
macro_rules! vector_store_of_frame {
    () => {
        fn capabilities(&self) -> &VectorStoreCapabilities {
            self.frame.handle.capabilities()
        }

        $crate::orchestration::forward::forwarded! {
            ensure(EnsureRequest) -> (), writes |request| [request.collection.as_str()];
            drop_collection(DropRequest) -> (), writes |request| [request.collection.as_str()];
            put(PutRequest) -> Bulk<()>, writes |request| [request.location.collection.as_str()];
            get(GetRequest) -> Bulk<Option<Record>>;
            delete(DeleteRequest) -> Option<u64>, writes |request| [request.location.collection.as_str()];
            list(ListRequest) -> Page<Record>;
            count(CountRequest) -> u64;
        }
    };
}

/// Calls of an interface, as they are made at one of several legs: the leg's tokens say whose they are.
macro_rules! leg_calls {
    ($handle:ident: $($call:ident($request:ty) -> $answer:ty = $method:ident;)+) => {
        $(
            struct $call<'a>(&'a $request);

            #[async_trait::async_trait]
            impl LegCall<$handle> for $call<'_> {
                type Answer = $answer;

                async fn make(&self, leg: &Leg<$handle>, cx: &CallContext) -> Result<$answer> {
                    let answer = leg.handle.provider()?.$method(cx, self.0.clone()).await?;
                    Ok(Marked::marked(answer, &leg.tag))
                }
            }
        )+
    };
}

pub(super) use {
    chat_model_of_frame, chat_model_of_legs, forwarded, key_value_store_of_frame, leg_calls, object_store_of_frame, provided_by,
    secret_store_of_frame, vector_store_of_frame,
};
