//! What is called of a service.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::interfaces::identity_provider::{
    AccessToken, DeviceRequest, IdentityProvider, LoginRequest, Session, TokenSet,
};
use circle_core_common::interfaces::key_service::KeyService;
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::messenger::{MessageId, Messenger, Sent};
use circle_core_common::interfaces::notifier::{Notification, Notifier};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore};
use circle_core_common::interfaces::secret_store::SecretStore;
use circle_core_common::interfaces::token_verifier::{Claims, Expect, TokenVerifier};
use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery, VectorStore};
use circle_core_common::interfaces::webhook_verifier::WebhookVerifier;
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{CallContext, Error, ErrorKind, Handle, Result, Service, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::config::NAME;
use crate::Capture;

type Call = (&'static str, Pin<Box<dyn Future<Output = Result<String>> + Send>>);

/// A call, and all that `Debug` says of its result.
fn call<T: Debug>(name: &'static str, work: impl Future<Output = Result<T>> + Send + 'static) -> Call {
    (name, Box::pin(async move { work.await.map(|value| format!("{value:?}\n{value:#?}")) }))
}

/// Calls of a handle, each on a clone of its own.
macro_rules! calls {
    ($handle:ident: $($name:literal => $work:expr,)+) => {
        vec![$({
            let $handle = $handle.clone();
            call($name, async move { $work.await })
        }),+]
    };
}

/// The calls of every interface that a service offers.
pub(super) fn of(service: &Service, capture: &Capture) -> Vec<Call> {
    let mut all = Vec::new();
    for interface in service.interfaces() {
        all.extend(match interface {
            ObjectStore::NAME => of_handle(service, capture, object_store),
            KeyValueStore::NAME => of_handle(service, capture, key_value_store),
            ChatModel::NAME => of_handle(service, capture, chat_model),
            EmbeddingModel::NAME => of_handle(service, capture, embedding_model),
            VectorStore::NAME => of_handle(service, capture, vector_store),
            Messenger::NAME => of_handle(service, capture, messenger),
            Notifier::NAME => of_handle(service, capture, notifier),
            WebhookVerifier::NAME => of_handle(service, capture, webhook_verifier),
            SecretStore::NAME => of_handle(service, capture, secret_store),
            KeyService::NAME => of_handle(service, capture, key_service),
            IdentityProvider::NAME => of_handle(service, capture, identity_provider),
            TokenVerifier::NAME => of_handle(service, capture, token_verifier),
            // A panic, so that a new interface is not silently left out.
            _ => vec![call(interface, async move { unknown(interface) })],
        });
    }
    all
}

fn unknown(interface: &str) -> Result<()> {
    panic!("no calls of {interface} are known: add them beside this line")
}

fn of_handle<H: Handle + Debug>(service: &Service, capture: &Capture, calls: fn(H) -> Vec<Call>) -> Vec<Call> {
    let handle = match service.get::<H>("leaks") {
        Ok(handle) => handle,
        Err(error) => {
            capture.error(&error);
            return Vec::new();
        }
    };
    capture.debug("a handle", &handle);
    let asked = handle.clone();
    let health = call("health", async move {
        let provider = asked.as_provider().ok_or_else(|| Error::new(ErrorKind::Unavailable, "it has not started"))?;
        let cx = CallContext::new(provider.environment(), &HEAD, None);
        provider.health(&cx).await
    });
    std::iter::once(health).chain(calls(handle)).collect()
}

fn object_store(store: ObjectStore) -> Vec<Call> {
    calls! { store:
        "put" => store.put("a/b", "content"),
        // Not the content: that is the service's, whatever it repeats in it.
        "get" => async { store.get("a/b").await?.bytes().await.map(|content| content.len()) },
        "head" => store.head("a/b"),
        "list" => store.list("a/").page(),
        "delete" => store.delete("a/b"),
        "delete_many" => async { store.delete_many(["a/b", "a/c"]).await?.all() },
        "copy" => store.copy("a/b", "a/c"),
        "presign_get" => store.presign_get("a/b", Duration::from_secs(60)),
        "upload" => async { store.upload("a/b").await.map(|upload| format!("{upload:?}")) },
    }
}

fn key_value_store(store: KeyValueStore) -> Vec<Call> {
    calls! { store:
        "put" => store.put("a", "value"),
        "get" => store.get("a"),
        "delete" => store.delete("a"),
        "increment" => store.increment("n", 1),
        "list" => store.list("a").page(),
    }
}

fn chat_model(model: ChatModel) -> Vec<Call> {
    calls! { model:
        "chat" => model.chat("Hello"),
        "stream" => async { model.stream("Hello").await?.finish().await },
        "count_tokens" => model.count_tokens("Hello"),
    }
}

fn embedding_model(model: EmbeddingModel) -> Vec<Call> {
    calls! { model:
        "embed" => model.embed("Hello"),
        "embed_many" => model.embed_many(["Hello", "again"]),
    }
}

fn vector_store(store: VectorStore) -> Vec<Call> {
    calls! { store:
        "ensure" => store.collection("documents").ensure(CollectionSpec::new(2)),
        "put" => store.collection("documents").put(Record::new("a", vec![0.5_f32, 0.5])),
        "query" => store.collection("documents").query(VectorQuery::near(vec![0.5_f32, 0.5])),
        "drop_collection" => store.drop_collection("documents"),
    }
}

fn messenger(messenger: Messenger) -> Vec<Call> {
    calls! { messenger:
        "send" => messenger.send("C0123456789", "Hello"),
        "edit" => messenger.edit(Sent::new("C0123456789", MessageId::new("1700000000.000100")), "Hello"),
        "delete" => messenger.delete(Sent::new("C0123456789", MessageId::new("1700000000.000100"))),
        "channels" => messenger.channels().page(),
        "history" => messenger.history("C0123456789").page(),
    }
}

fn notifier(notifier: Notifier) -> Vec<Call> {
    calls! { notifier:
        "notify" => async { notifier.notify(Notification::new("The disk is full").to([NAME])).await?.all() },
    }
}

fn secret_store(store: SecretStore) -> Vec<Call> {
    calls! { store:
        "put" => store.put("a", [("value", "text")]),
        "get" => store.get("a"),
        "list" => store.list("a").page(),
        "delete" => store.delete("a"),
    }
}

fn key_service(keys: KeyService) -> Vec<Call> {
    calls! { keys:
        "encrypt" => keys.encrypt("a", "plaintext", [("purpose", "test")]),
        "decrypt" => keys.decrypt("a", Bytes::from_static(b"no ciphertext"), [("purpose", "test")]),
        "generate_data_key" => keys.generate_data_key("a", [("purpose", "test")]),
        "public_key" => keys.public_key("a"),
        "list" => keys.list("a").page(),
    }
}

fn webhook_verifier(verifier: WebhookVerifier) -> Vec<Call> {
    calls! { verifier:
        "verify" => async { verifier.verify(&forged(), &Bytes::from_static(b"{\"type\":\"event\"}")).await },
    }
}

fn identity_provider(users: IdentityProvider) -> Vec<Call> {
    calls! { users:
        "start_login" => users.start_login(LoginRequest::new("https://back.example.org")),
        "finish_login" => async {
            let login = users.start_login(LoginRequest::new("https://back.example.org")).await?;
            let answer = format!("code=a&state={}", login.state.state.expose_secret());
            users.finish_login(login.state, &answer).await
        },
        "refresh" => async { users.refresh(&made_up()?).await },
        "user_info" => async { users.user_info(&made_up()?).await },
        "logout_url" => async { users.logout_url(&made_up()?).await },
        "start_device" => users.start_device(DeviceRequest::new()),
        "revoke" => async { users.revoke(made_up()?).await },
    }
}

/// A session that nobody has begun.
fn made_up() -> Result<Session> {
    let mut tokens = TokenSet::new(AccessToken::new("access-token")?, Timestamp::UNIX_EPOCH);
    tokens.refresh_token = Some("refresh-token".into());
    Ok(Session::new(tokens, Claims::from_json(br#"{"sub":"ann"}"#)?))
}

fn token_verifier(verifier: TokenVerifier) -> Vec<Call> {
    // Of an algorithm that every verifier may have chosen, so that the keys are asked for.
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.YQ";
    calls! { verifier:
        "verify" => async { verifier.verify(&TOKEN.into(), Expect::audience("orders")).await },
        "introspect" => async { verifier.introspect(&TOKEN.into(), None).await },
    }
}

/// The headers of a webhook that nobody signed, in the names of every service that we know.
fn forged() -> HeaderMap {
    let signatures =
        ["x-hub-signature-256", "x-slack-signature", "stripe-signature", "x-shopify-hmac-sha256", "webhook-signature"];
    let others = ["x-slack-request-timestamp", "webhook-timestamp", "webhook-id", "x-github-delivery", "x-shopify-webhook-id"];
    let signed = signatures.map(|name| (name, "v1=0000000000000000000000000000000000000000000000000000000000000000"));
    let named = others.map(|name| (name, "1700000000"));
    signed
        .into_iter()
        .chain(named)
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}
