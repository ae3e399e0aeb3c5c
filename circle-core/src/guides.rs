//! The README, the guides of `docs/` and the pages of the providers, so that their Rust blocks are compiled and run by `cargo test`.

macro_rules! guides {
    ($($name:ident = $path:literal;)+) => {
        $(#[doc = include_str!($path)] mod $name {})+
    };
}

guides! {
    readme = "../../README.md";
    architecture = "../../docs/architecture.md";
    audit = "../../docs/audit.md";
    call_path = "../../docs/call-path.md";
    chat_models = "../../docs/chat-models.md";
    configuration = "../../docs/configuration.md";
    deployment = "../../docs/deployment.md";
    embeddings = "../../docs/embeddings.md";
    errors = "../../docs/errors.md";
    getting_started = "../../docs/getting-started.md";
    identity = "../../docs/identity.md";
    key_value_stores = "../../docs/key-value-stores.md";
    messaging = "../../docs/messaging.md";
    object_stores = "../../docs/object-stores.md";
    observability = "../../docs/observability.md";
    private_integrations = "../../docs/private-integrations.md";
    retrieval = "../../docs/retrieval.md";
    security = "../../docs/security.md";
    sending_requests = "../../docs/sending-requests.md";
    testing = "../../docs/testing.md";
    tool_loop = "../../docs/tool-loop.md";
    vectors = "../../docs/vectors.md";
    versioning = "../../docs/versioning.md";
    webhooks = "../../docs/webhooks.md";
    writing_a_provider = "../../docs/writing-a-provider.md";
}

#[cfg(feature = "encryption")]
guides! {
    secrets = "../../docs/secrets.md";
}

#[cfg(feature = "orchestration")]
guides! {
    orchestration = "../../docs/orchestration.md";
}

guides! {
    aws = "../../integrations/cloud/aws/README.md";
    console = "../../integrations/productivity/console/README.md";
    embedded = "../../integrations/ai/embedded/README.md";
    filesystem = "../../integrations/data-storage/filesystem/README.md";
    memory = "../../integrations/data-storage/memory/README.md";
    openai = "../../integrations/ai/openai/README.md";
    s3_compatible = "../../integrations/data-storage/s3-compatible/README.md";
    slack = "../../integrations/productivity/slack/README.md";
    webhooks_page = "../../integrations/security/webhooks/README.md";
}
