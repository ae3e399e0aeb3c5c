//! The README and the guides of `docs/`, so that their Rust blocks are compiled and run by `cargo test`.

macro_rules! guides {
    ($($name:ident = $path:literal;)+) => {
        $(#[doc = include_str!($path)] mod $name {})+
    };
}

guides! {
    readme = "../../README.md";
    architecture = "../../docs/architecture.md";
    call_path = "../../docs/call-path.md";
    chat_models = "../../docs/chat-models.md";
    configuration = "../../docs/configuration.md";
    errors = "../../docs/errors.md";
    getting_started = "../../docs/getting-started.md";
    messaging = "../../docs/messaging.md";
    private_integrations = "../../docs/private-integrations.md";
    sending_requests = "../../docs/sending-requests.md";
    versioning = "../../docs/versioning.md";
    writing_a_provider = "../../docs/writing-a-provider.md";
}
