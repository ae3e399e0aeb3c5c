//! All that a provider is held to, in one binary.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use circle_core_common::interfaces::chat_model::{ChatModel, conformance::ScriptedAnswers};
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::interfaces::identity_provider::{IdentityProvider, conformance::LogsIn};
use circle_core_common::interfaces::key_service::{KeyService, conformance::SuiteKeys};
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::interfaces::messenger::Messenger;
use circle_core_common::interfaces::notifier::Notifier;
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::interfaces::secret_store::{SecretStore, conformance::PutsSecrets};
use circle_core_common::interfaces::token_verifier::{TokenVerifier, conformance::IssuesTokens};
use circle_core_common::interfaces::vector_store::VectorStore;
use circle_core_common::interfaces::webhook_verifier::{WebhookVerifier, conformance::SignsWebhooks};
use circle_core_common::suite::{Addresses, Failed, Scale, Subject, equal};
use circle_core_common::{BuildContext, Environment, Flag, Handle, Integration, Result, Service};

use crate::metadata::sorted;
use crate::{Fixture, Runner, Suited, assert_metadata};

/// The suites of every interface that an integration offers, over services that it builds: the path of a hub.
pub struct Conformance<I: Integration> {
    manifest_dir: &'static str,
    subjects: Arc<Subjects<I>>,
    without: HashMap<&'static str, Box<dyn Any>>,
}

type MakeAnswers = Box<dyn Fn(&Fixture) -> Arc<dyn ScriptedAnswers> + Send + Sync>;

type MakeSigner = Box<dyn Fn(&Fixture) -> Arc<dyn SignsWebhooks> + Send + Sync>;

type MakeTokens = Box<dyn Fn(&Fixture) -> Arc<dyn IssuesTokens> + Send + Sync>;

type MakeUsers = Box<dyn Fn(&Fixture) -> Arc<dyn LogsIn> + Send + Sync>;

type MakeSecrets = Box<dyn Fn(&Fixture) -> Arc<dyn PutsSecrets> + Send + Sync>;

type MakeKeys = Box<dyn Fn(&Fixture) -> SuiteKeys + Send + Sync>;

type MakeConfig<C> = Box<dyn Fn(&Fixture) -> Result<C> + Send + Sync>;

type MakeServices = Box<dyn Fn(&Fixture) -> Result<Vec<(String, Service)>> + Send + Sync>;

struct Subjects<I: Integration> {
    config: MakeConfig<I::Config>,
    services: Option<MakeServices>,
    answers: Option<MakeAnswers>,
    webhooks: Option<MakeSigner>,
    tokens: Option<MakeTokens>,
    users: Option<MakeUsers>,
    secrets: Option<MakeSecrets>,
    keys: Option<MakeKeys>,
    addresses: Addresses,
    own_clients: bool,
    scale: Scale,
    native: Option<Native>,
}

/// One function per interface: a generic one cannot be kept.
#[derive(Clone, Copy)]
struct Native {
    chat_model: fn(&ChatModel) -> bool,
    object_store: fn(&ObjectStore) -> bool,
    key_value_store: fn(&KeyValueStore) -> bool,
    embedding_model: fn(&EmbeddingModel) -> bool,
    messenger: fn(&Messenger) -> bool,
    key_service: fn(&KeyService) -> bool,
    notifier: fn(&Notifier) -> bool,
    secret_store: fn(&SecretStore) -> bool,
    vector_store: fn(&VectorStore) -> bool,
    webhook_verifier: fn(&WebhookVerifier) -> bool,
    identity_provider: fn(&IdentityProvider) -> bool,
    token_verifier: fn(&TokenVerifier) -> bool,
}

type Without<H> = Arc<dyn Fn(Flag<<H as Suited>::Capabilities>) -> H + Send + Sync>;

impl<I: Integration> Conformance<I> {
    /// Holds an integration to its suites. `manifest_dir` is `env!("CARGO_MANIFEST_DIR")`; every trial builds a service
    /// of the config that the function gives.
    #[must_use]
    pub fn of(manifest_dir: &'static str, config: impl Fn(&Fixture) -> Result<I::Config> + Send + Sync + 'static) -> Self {
        let subjects = Subjects {
            config: Box::new(config),
            services: None,
            answers: None,
            webhooks: None,
            tokens: None,
            users: None,
            secrets: None,
            keys: None,
            addresses: Addresses::new(),
            own_clients: false,
            scale: Scale::Full,
            native: None,
        };
        Self { manifest_dir, subjects: Arc::new(subjects), without: HashMap::new() }
    }

    fn set(mut self, set: impl FnOnce(&mut Subjects<I>)) -> Self {
        if let Some(subjects) = Arc::get_mut(&mut self.subjects) {
            set(subjects);
        }
        self
    }

    /// Sets the services that the config refers to, by name; asked for at every build of the trial.
    #[must_use]
    pub fn services(self, services: impl Fn(&Fixture) -> Result<Vec<(String, Service)>> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.services = Some(Box::new(services)))
    }

    /// Sets what tells the model behind a chat model what to answer: the server that the config of this fixture points to,
    /// which the config's function has [put](Fixture::put) there.
    #[must_use]
    pub fn answers(self, answers: impl Fn(&Fixture) -> Arc<dyn ScriptedAnswers> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.answers = Some(Box::new(answers)))
    }

    /// Sets what signs webhooks as the service would, with the secrets of the config that this fixture has.
    #[must_use]
    pub fn webhooks(self, signer: impl Fn(&Fixture) -> Arc<dyn SignsWebhooks> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.webhooks = Some(Box::new(signer)))
    }

    /// Sets what issues tokens as the authority would, to which the config of this fixture points.
    #[must_use]
    pub fn tokens(self, authority: impl Fn(&Fixture) -> Arc<dyn IssuesTokens> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.tokens = Some(Box::new(authority)))
    }

    /// Sets the user with a browser, of the service to which the config of this fixture points.
    #[must_use]
    pub fn users(self, user: impl Fn(&Fixture) -> Arc<dyn LogsIn> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.users = Some(Box::new(user)))
    }

    /// Sets what puts secrets into a store that is only read, and that the config of this fixture names.
    #[must_use]
    pub fn secrets(self, secrets: impl Fn(&Fixture) -> Arc<dyn PutsSecrets> + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.secrets = Some(Box::new(secrets)))
    }

    /// Sets which keys a key service of the config has.
    #[must_use]
    pub fn keys(self, keys: impl Fn(&Fixture) -> SuiteKeys + Send + Sync + 'static) -> Self {
        self.set(|subjects| subjects.keys = Some(Box::new(keys)))
    }

    /// Sets to whom a messenger or a notifier of the config may write. By default any name will do.
    #[must_use]
    pub fn addresses(self, addresses: Addresses) -> Self {
        self.set(|subjects| subjects.addresses = addresses)
    }

    /// Says that services of one config share their store, so that a second client is a second service, and the store
    /// can be opened again. By default the second client is a second handle over the same provider.
    #[must_use]
    pub fn second_client(self) -> Self {
        self.set(|subjects| subjects.own_clients = true)
    }

    /// Sets how large the cases are.
    #[must_use]
    pub fn scale(self, scale: Scale) -> Self {
        self.set(|subjects| subjects.scale = scale)
    }

    /// Sets the type that the provider's page says `native` finds.
    #[must_use]
    pub fn native<T: Any>(self) -> Self {
        let native = Native {
            chat_model: |handle| handle.native::<T>().is_some(),
            object_store: |handle| handle.native::<T>().is_some(),
            key_value_store: |handle| handle.native::<T>().is_some(),
            embedding_model: |handle| handle.native::<T>().is_some(),
            messenger: |handle| handle.native::<T>().is_some(),
            key_service: |handle| handle.native::<T>().is_some(),
            notifier: |handle| handle.native::<T>().is_some(),
            secret_store: |handle| handle.native::<T>().is_some(),
            vector_store: |handle| handle.native::<T>().is_some(),
            webhook_verifier: |handle| handle.native::<T>().is_some(),
            identity_provider: |handle| handle.native::<T>().is_some(),
            token_verifier: |handle| handle.native::<T>().is_some(),
        };
        self.set(|subjects| subjects.native = Some(native))
    }

    /// Runs the negatives of an interface over handles whose provider really lacks the capability. By default, a
    /// capability that is on is masked.
    #[must_use]
    pub fn without<H: Suited>(mut self, handle: impl Fn(Flag<H::Capabilities>) -> H + Send + Sync + 'static) -> Self {
        let without: Without<H> = Arc::new(handle);
        self.without.insert(H::NAME, Box::new(without));
        self
    }

    /// Adds the trials to a runner.
    #[must_use]
    pub fn add_to(self, mut runner: Runner) -> Runner {
        let manifest_dir = self.manifest_dir;
        runner = runner
            .test("metadata_names_the_interfaces", move || async move { assert_metadata(manifest_dir, I::NAME, I::INTERFACES) });
        let subjects = Arc::clone(&self.subjects);
        runner = runner.test("build_offers_the_interfaces", move || async move {
            let service = subjects.build(&Fixture::new()).await?;
            equal("the interfaces that `build` offers", &sorted(&service.interfaces()), &sorted(I::INTERFACES))
        });
        for interface in I::INTERFACES {
            runner = match *interface {
                ChatModel::NAME => self.add_suite::<ChatModel>(runner, |native| native.chat_model),
                ObjectStore::NAME => self.add_suite::<ObjectStore>(runner, |native| native.object_store),
                KeyValueStore::NAME => self.add_suite::<KeyValueStore>(runner, |native| native.key_value_store),
                EmbeddingModel::NAME => self.add_suite::<EmbeddingModel>(runner, |native| native.embedding_model),
                Messenger::NAME => self.add_suite::<Messenger>(runner, |native| native.messenger),
                Notifier::NAME => self.add_suite::<Notifier>(runner, |native| native.notifier),
                SecretStore::NAME => self.add_suite::<SecretStore>(runner, |native| native.secret_store),
                KeyService::NAME => self.add_suite::<KeyService>(runner, |native| native.key_service),
                VectorStore::NAME => self.add_suite::<VectorStore>(runner, |native| native.vector_store),
                WebhookVerifier::NAME => self.add_suite::<WebhookVerifier>(runner, |native| native.webhook_verifier),
                IdentityProvider::NAME => self.add_suite::<IdentityProvider>(runner, |native| native.identity_provider),
                TokenVerifier::NAME => self.add_suite::<TokenVerifier>(runner, |native| native.token_verifier),
                unknown => runner.test(format!("{unknown}::suite"), move || async move {
                    Err(Failed::Skipped(format!("there is no suite of {unknown}")))
                }),
            };
        }
        runner
    }

    /// Runs the trials that the command line chooses, and ends the process.
    pub fn main(self) -> ! {
        self.add_to(Runner::new()).main()
    }

    fn add_suite<H: Suited>(&self, runner: Runner, native: fn(&Native) -> fn(&H) -> bool) -> Runner {
        let subjects = Arc::clone(&self.subjects);
        let runner = runner.suite(H::NAME, H::SUITE, move || {
            let subjects = Arc::clone(&subjects);
            async move { subjects.subject(native).await }
        });
        let without = self.without.get(H::NAME).and_then(|without| without.downcast_ref::<Without<H>>()).cloned();
        let subjects = Arc::clone(&self.subjects);
        runner.negatives(H::NAME, H::NEGATIVES, move |flag| {
            let (without, subjects) = (without.clone(), Arc::clone(&subjects));
            async move {
                match without {
                    Some(without) => without(flag).subject(),
                    None => subjects.subject(native).await,
                }
            }
        })
    }
}

impl<I: Integration> Subjects<I> {
    async fn build(&self, fixture: &Fixture) -> Result<Service> {
        let mut cx = BuildContext::from(&Environment::default());
        if let Some(services) = &self.services {
            cx = cx.services(services(fixture)?);
        }
        I::build((self.config)(fixture)?, cx).await
    }

    async fn subject<H: Suited>(self: Arc<Self>, native: fn(&Native) -> fn(&H) -> bool) -> Result<Subject<H>> {
        let fixture = Arc::new(Fixture::new());
        let handle = self.build(&fixture).await?.get::<H>(I::NAME)?;
        let mut subject = handle.subject()?;
        subject.second = Some(if self.own_clients { self.build(&fixture).await?.get(I::NAME)? } else { handle });
        subject.scale = self.scale;
        subject.canary = fixture.canary().clone();
        subject.native = self.native.as_ref().map(native);
        subject.model = self.answers.as_ref().map(|answers| answers(&fixture));
        subject.webhooks = self.webhooks.as_ref().map(|signer| signer(&fixture));
        subject.tokens = self.tokens.as_ref().map(|tokens| tokens(&fixture));
        subject.users = self.users.as_ref().map(|users| users(&fixture));
        subject.secrets = self.secrets.as_ref().map(|secrets| secrets(&fixture));
        subject.keys = self.keys.as_ref().map(|keys| keys(&fixture)).unwrap_or_default();
        subject.addresses = self.addresses.clone();
        if self.own_clients {
            let (subjects, fixture) = (Arc::clone(&self), Arc::clone(&fixture));
            subject.reopen = Some(Arc::new(move || {
                let (subjects, fixture) = (Arc::clone(&subjects), Arc::clone(&fixture));
                Box::pin(async move { subjects.build(&fixture).await?.get::<H>(I::NAME) })
            }));
        }
        subject.keep = Some(fixture);
        Ok(subject)
    }
}

impl<I: Integration> fmt::Debug for Conformance<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conformance({}: {})", I::NAME, I::INTERFACES.join(", "))
    }
}
