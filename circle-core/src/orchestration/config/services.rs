//! How the services of a config are built.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::{ChatModel, ChatModelProvider, ModelId};
use circle_core_common::interfaces::embedding_model::{EmbeddingModel, EmbeddingModelProvider};
use circle_core_common::interfaces::key_value_store::{KeyValueStore, KeyValueStoreProvider};
use circle_core_common::interfaces::messenger::{Messenger, MessengerProvider};
use circle_core_common::interfaces::notifier::{Notifier, NotifierProvider};
use circle_core_common::interfaces::object_store::{ObjectStore, ObjectStoreProvider};
use circle_core_common::interfaces::secret_store::{SecretStore, SecretStoreProvider};
use circle_core_common::interfaces::vector_store::{VectorStore, VectorStoreProvider};
use circle_core_common::{
    AnyServiceRef, BuildContext, Environment, Error, ErrorKind, Handle, Integration, Provider, Reason, Result, Service,
};

use super::{BudgetConfig, BudgetPer, BudgetsConfig, CacheConfig, CoalesceConfig, FallbackConfig, RouteBy, RouterConfig};
use crate::orchestration::budget::{Budget, Budgeted, Per, UnknownPrice};
use crate::orchestration::cache::{Answers, Cacheable, Cached};
use crate::orchestration::coalesced::Coalesced;
use crate::orchestration::cooldown::Cooldown;
use crate::orchestration::estimate::Assumed;
use crate::orchestration::fallback::{Decorable, Fallback, Store};
use crate::orchestration::leg::Leg;
use crate::orchestration::move_on::MoveOn;
use crate::orchestration::price::PriceTable;
use crate::orchestration::router::{Route, Router};

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, text)
}

/// A rule out of the codes of kinds and reasons.
fn rule(mut rule: MoveOn, also: &[String], except: &[String]) -> Result<MoveOn> {
    let kind = |code: &String| ErrorKind::ALL.iter().copied().find(|kind| kind.code() == code);
    for code in also {
        rule = match (kind(code), Reason::ALL.iter().copied().find(|reason| reason.code() == code)) {
            (Some(kind), _) => rule.at(kind),
            (None, Some(reason)) => rule.at_reason(reason),
            (None, None) => return Err(invalid(format!("`also` names `{}`, which is no kind or reason", code.escape_debug()))),
        };
    }
    for code in except {
        let unknown = || invalid(format!("`except` names `{}`, which is no kind of error", code.escape_debug()));
        rule = rule.not_at(kind(code).ok_or_else(unknown)?);
    }
    Ok(rule)
}

fn cooldown(rest: Option<Duration>) -> Cooldown {
    match rest {
        None => Cooldown::new(),
        Some(Duration::ZERO) => Cooldown::off(),
        Some(rest) => Cooldown::new().rest(rest).rest_max(rest.max(Cooldown::new().rest_max)),
    }
}

fn legs<H: Handle>(handles: Vec<(&str, H)>, timeout: Option<Duration>) -> Vec<Leg<H>> {
    let leg = |(name, handle): (&str, H)| timeout.into_iter().fold(Leg::new(handle).name(name), Leg::timeout);
    handles.into_iter().map(leg).collect()
}

/// The handles of this interface, where every one of the services offers it.
fn all<'s, H: Handle>(cx: &BuildContext, services: &'s [AnyServiceRef]) -> Result<Option<Vec<(&'s str, H)>>> {
    let mut handles = Vec::with_capacity(services.len());
    for reference in services {
        let service = cx.any_service(reference)?;
        if !service.interfaces().contains(&H::NAME) {
            return Ok(None);
        }
        handles.push((reference.name(), service.get(reference.name())?));
    }
    Ok(Some(handles).filter(|handles| !handles.is_empty()))
}

/// A service of what is made of the handles, for every interface that all of the services have.
macro_rules! offered {
    ($cx:expr, $services:expr; $($handle:ident by $provider:ident: $make:expr;)+) => {{
        let (cx, services): (&BuildContext, &[AnyServiceRef]) = ($cx, $services);
        if services.is_empty() {
            return Err(invalid("`services` is empty: there is nobody to ask".to_owned()));
        }
        let mut offered: Option<Service> = None;
        $(
            if let Some(handles) = all::<$handle>(cx, services)? {
                let made: Arc<dyn $provider> = Arc::new($make(handles));
                let service = offered.take().unwrap_or_else(|| Service::new(Arc::clone(&made) as Arc<dyn Provider>));
                offered = Some(service.offer::<$handle>(made));
            }
        )+
        offered.ok_or_else(|| nothing_in_common(cx, services, &[$($handle::NAME),+]))
    }};
}

fn nothing_in_common(cx: &BuildContext, services: &[AnyServiceRef], known: &[&str]) -> Error {
    let offers = |reference: &AnyServiceRef| {
        let offered = cx.any_service(reference).map(Service::interfaces).unwrap_or_default().join(", ");
        format!("`{}` offers {offered}", reference.name())
    };
    let offered = services.iter().map(offers).collect::<Vec<_>>().join(", ");
    let text = format!("what is decorated so is one of {}; {offered}", known.join(", "));
    invalid(text).with_reason(Reason::WrongInterface)
}

fn prices(path: Option<&Path>) -> Result<PriceTable> {
    let Some(path) = path else { return Ok(PriceTable::builtin()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("the price table `{}` cannot be read", path.display())).with_source(error))?;
    let own = PriceTable::parse(&text).map_err(|error| error.context(path.display()))?;
    Ok(own.over(PriceTable::builtin()))
}

/// `provider = "fallback"`.
#[derive(Debug)]
pub struct FallbackService;

impl Integration for FallbackService {
    type Config = FallbackConfig;

    const NAME: &'static str = "fallback";
    const INTERFACES: &'static [&'static str] =
        &["ChatModel", "EmbeddingModel", "ObjectStore", "KeyValueStore", "SecretStore", "VectorStore", "Messenger", "Notifier"];
    const DECORATES: bool = true;

    async fn build(config: FallbackConfig, cx: BuildContext) -> Result<Service> {
        let behind = Behind {
            rule: rule(MoveOn::new(), &config.also, &config.except)?,
            rest: cooldown(config.rest),
            timeout: config.leg_timeout,
            split_writes: config.split_writes,
            environment: cx.environment().clone(),
        };
        if let Some(unknown) = config.channels.keys().find(|name| config.services.iter().all(|service| service.name() != **name))
        {
            return Err(invalid(format!("`channels` names `{}`, which is none of `services`", unknown.escape_debug())));
        }
        offered!(&cx, &config.services;
            ChatModel by ChatModelProvider: |handles| behind.legs(handles);
            EmbeddingModel by EmbeddingModelProvider: |handles| {
                let fallback = behind.legs(handles);
                if config.one_space { fallback.one_space() } else { fallback }
            };
            ObjectStore by ObjectStoreProvider: |handles| behind.stores(handles);
            KeyValueStore by KeyValueStoreProvider: |handles| behind.stores(handles);
            SecretStore by SecretStoreProvider: |handles| behind.stores(handles);
            VectorStore by VectorStoreProvider: |handles| behind.stores(handles);
            Messenger by MessengerProvider: |handles: Vec<(&str, Messenger)>| {
                let channels: Vec<_> = handles.iter().map(|(name, _)| config.channels.get(*name)).collect();
                let legs = legs(handles, behind.timeout).into_iter().zip(channels);
                behind.fallback(legs.map(|(leg, channel)| channel.into_iter().fold(leg, Leg::channel)).collect())
            };
            Notifier by NotifierProvider: |handles| behind.legs(handles);
        )
    }
}

/// What a config says of services behind one another.
struct Behind {
    rule: MoveOn,
    rest: Cooldown,
    timeout: Option<Duration>,
    split_writes: bool,
    environment: Environment,
}

impl Behind {
    fn fallback<H: Decorable>(&self, legs: Vec<Leg<H>>) -> Fallback<H> {
        Fallback::new(legs).move_on(self.rule.clone()).cooldown(self.rest).environment(self.environment.clone())
    }

    fn legs<H: Decorable>(&self, handles: Vec<(&str, H)>) -> Fallback<H> {
        self.fallback(legs(handles, self.timeout))
    }

    fn stores<H: Store>(&self, handles: Vec<(&str, H)>) -> Fallback<H> {
        let fallback = self.legs(handles);
        if self.split_writes { fallback.split_writes() } else { fallback }
    }
}

/// `provider = "router"`.
#[derive(Debug)]
pub struct RouterService;

impl Integration for RouterService {
    type Config = RouterConfig;

    const NAME: &'static str = Router::NAME;
    const INTERFACES: &'static [&'static str] = &["ChatModel"];

    async fn build(config: RouterConfig, cx: BuildContext) -> Result<Service> {
        if config.services.is_empty() {
            return Err(invalid("`services` is empty: there is nobody to ask".to_owned()));
        }
        let route = match config.by {
            RouteBy::Order => Route::InOrder,
            RouteBy::Cost => Route::Cheapest(prices(config.prices.as_deref())?),
            RouteBy::Latency => Route::Fastest,
        };
        let move_on = MoveOn::new().at_reason(Reason::ContextLength);
        let models = config.services.iter().map(|service| Ok((service.name(), cx.service(service)?)));
        let router = Router::new(legs(models.collect::<Result<_>>()?, config.leg_timeout))
            .route(route)
            .move_on(rule(move_on, &config.also, &config.except)?)
            .cooldown(cooldown(config.rest))
            .environment(cx.environment().clone());
        let router: Arc<dyn ChatModelProvider> = Arc::new(router);
        Ok(Service::new(Arc::clone(&router) as Arc<dyn Provider>).offer::<ChatModel>(router))
    }
}

/// `provider = "cache"`.
#[derive(Debug)]
pub struct CacheService;

impl Integration for CacheService {
    type Config = CacheConfig;

    const NAME: &'static str = "cache";
    const INTERFACES: &'static [&'static str] = &["ChatModel", "EmbeddingModel", "ObjectStore", "KeyValueStore", "VectorStore"];
    const DECORATES: bool = true;

    async fn build(config: CacheConfig, cx: BuildContext) -> Result<Service> {
        let store = config.store.as_ref().map(|store| cx.service(store)).transpose()?;
        let environment = cx.environment();
        let service = offered!(&cx, std::slice::from_ref(&config.service);
            ChatModel by ChatModelProvider: |handles| answers(&config, store.clone(), environment, handles);
            EmbeddingModel by EmbeddingModelProvider: |handles| answers(&config, store.clone(), environment, handles);
            ObjectStore by ObjectStoreProvider: |handles| {
                let cached = cached::<ObjectStore>(&config, environment, handles);
                let cached = config.missing_ttl.into_iter().fold(cached, Cached::<ObjectStore>::missing_ttl);
                config.object_max.into_iter().fold(cached, Cached::<ObjectStore>::object_max)
            };
            KeyValueStore by KeyValueStoreProvider: |handles| {
                let cached = cached::<KeyValueStore>(&config, environment, handles);
                config.missing_ttl.into_iter().fold(cached, Cached::<KeyValueStore>::missing_ttl)
            };
            VectorStore by VectorStoreProvider: |handles| cached::<VectorStore>(&config, environment, handles);
        )?;
        let is_model = |interface: &&str| [ChatModel::NAME, EmbeddingModel::NAME].contains(interface);
        if config.store.is_some() && !service.interfaces().iter().any(is_model) {
            let text = "`store` keeps the answers of models; those of stores are kept in this process";
            return Err(invalid(text.to_owned()));
        }
        Ok(service)
    }
}

fn cached<H: Cacheable>(config: &CacheConfig, environment: &Environment, handles: Vec<(&str, H)>) -> Cached<H> {
    let cached = Cached::new(only(handles)).within(config.entries, config.bytes).environment(environment.clone());
    let cached = config.ttl.into_iter().fold(cached, Cached::ttl);
    if config.across_tenants { cached.across_tenants() } else { cached }
}

fn answers<H: Cacheable<Kept = Answers>>(
    config: &CacheConfig,
    store: Option<KeyValueStore>,
    environment: &Environment,
    handles: Vec<(&str, H)>,
) -> Cached<H> {
    let cached = store.into_iter().fold(cached(config, environment, handles), Cached::store);
    if config.any_temperature { cached.any_temperature() } else { cached }
}

/// `provider = "coalesce"`.
#[derive(Debug)]
pub struct CoalesceService;

impl Integration for CoalesceService {
    type Config = CoalesceConfig;

    const NAME: &'static str = "coalesce";
    const INTERFACES: &'static [&'static str] = &["EmbeddingModel", "ObjectStore", "KeyValueStore", "SecretStore", "VectorStore"];
    const DECORATES: bool = true;

    async fn build(config: CoalesceConfig, cx: BuildContext) -> Result<Service> {
        let environment = || cx.environment().clone();
        offered!(&cx, std::slice::from_ref(&config.service);
            EmbeddingModel by EmbeddingModelProvider: |handles| {
                Coalesced::<EmbeddingModel>::new(only(handles)).environment(environment())
            };
            ObjectStore by ObjectStoreProvider: |handles| {
                let coalesced = Coalesced::<ObjectStore>::new(only(handles)).environment(environment());
                config.object_max.into_iter().fold(coalesced, Coalesced::<ObjectStore>::object_max)
            };
            KeyValueStore by KeyValueStoreProvider: |handles| {
                Coalesced::<KeyValueStore>::new(only(handles)).environment(environment())
            };
            SecretStore by SecretStoreProvider: |handles| {
                Coalesced::<SecretStore>::new(only(handles)).environment(environment())
            };
            VectorStore by VectorStoreProvider: |handles| {
                Coalesced::<VectorStore>::new(only(handles)).environment(environment())
            };
        )
    }
}

/// `provider = "encrypt"`.
#[cfg(feature = "encryption")]
#[derive(Debug)]
pub struct EncryptService;

#[cfg(feature = "encryption")]
impl Integration for EncryptService {
    type Config = super::EncryptConfig;

    const NAME: &'static str = "encrypt";
    const INTERFACES: &'static [&'static str] = &["ObjectStore", "KeyValueStore"];
    const DECORATES: bool = true;

    async fn build(config: super::EncryptConfig, cx: BuildContext) -> Result<Service> {
        use crate::orchestration::encrypted::{Encryptable, Encrypted};

        let keys = cx.service(&config.keys)?;
        fn made<H: Encryptable>(
            handles: Vec<(&str, H)>,
            config: &super::EncryptConfig,
            keys: &circle_core_common::interfaces::key_service::KeyService,
            environment: Environment,
        ) -> Encrypted<H> {
            let encrypted = Encrypted::new(only(handles), keys.clone(), config.key.as_str()).environment(environment);
            let encrypted = encrypted
                .context(config.context.clone().into_iter().collect::<circle_core_common::interfaces::key_service::Context>());
            if config.by_tenant { encrypted.by_tenant() } else { encrypted }
        }
        offered!(&cx, std::slice::from_ref(&config.service);
            ObjectStore by ObjectStoreProvider: |handles| made(handles, &config, &keys, cx.environment().clone());
            KeyValueStore by KeyValueStoreProvider: |handles| made(handles, &config, &keys, cx.environment().clone());
        )
    }
}

/// `provider = "budget"`.
#[derive(Debug)]
pub struct BudgetService;

impl Integration for BudgetService {
    type Config = BudgetsConfig;

    const NAME: &'static str = "budget";
    const INTERFACES: &'static [&'static str] = &["ChatModel", "EmbeddingModel"];
    const DECORATES: bool = true;

    async fn build(config: BudgetsConfig, cx: BuildContext) -> Result<Service> {
        let settings = BudgetSettings::of(&config, &cx)?;
        offered!(&cx, std::slice::from_ref(&config.service);
            ChatModel by ChatModelProvider: |handles| settings.over::<ChatModel>(only(handles));
            EmbeddingModel by EmbeddingModelProvider: |handles| settings.over::<EmbeddingModel>(only(handles));
        )
    }
}

/// The handle of the one service that is decorated.
fn only<H>(mut handles: Vec<(&str, H)>) -> H {
    // There is one for the one reference.
    handles.swap_remove(0).1
}

/// What a config says of its budgets, read.
struct BudgetSettings {
    budgets: Vec<Budget>,
    prices: PriceTable,
    priced_as: Option<ModelId>,
    unknown: UnknownPrice,
    assumed: Assumed,
    environment: Environment,
}

impl BudgetSettings {
    fn of(config: &BudgetsConfig, cx: &BuildContext) -> Result<Self> {
        let id = |text: &String| {
            let wrong = || invalid(format!("`priced_as` is `vendor/model`, not `{}`", text.escape_debug()));
            text.split_once('/').map(|(vendor, model)| ModelId::new(vendor, model)).ok_or_else(wrong)
        };
        Ok(Self {
            budgets: config.budgets.iter().map(|budget| budget.shared(cx)).collect::<Result<_>>()?,
            prices: prices(config.prices.as_deref())?,
            priced_as: config.priced_as.as_ref().map(id).transpose()?,
            unknown: config.unknown_price.map_or(UnknownPrice::Refuse, UnknownPrice::Assume),
            assumed: config.assumed_output_tokens.into_iter().fold(Assumed::new(), Assumed::output_tokens),
            environment: cx.environment().clone(),
        })
    }

    fn over<H: Handle>(&self, handle: H) -> Budgeted<H> {
        let budgeted = Budgeted::new(handle)
            .prices(self.prices.clone())
            .unknown_price(self.unknown)
            .assumed(self.assumed)
            .environment(self.environment.clone());
        let budgeted = self.budgets.iter().cloned().fold(budgeted, Budgeted::budget);
        self.priced_as.iter().fold(budgeted, |budgeted, id| budgeted.priced_as([id.clone()]))
    }
}

impl BudgetConfig {
    /// The one budget of this name in the hub.
    fn shared(&self, cx: &BuildContext) -> Result<Budget> {
        if self.tokens.is_none() && self.usd.is_none() {
            return Err(invalid(format!("the budget `{}` has neither `tokens` nor `usd`: it limits nothing", self.name)));
        }
        let per = match self.per {
            BudgetPer::Everyone => Per::Everyone,
            BudgetPer::Tenant => Per::Tenant,
            BudgetPer::Principal => Per::Principal,
            BudgetPer::Service => Per::Service,
        };
        let mut budget = Budget::new(self.name.as_str()).per(per).every(self.every);
        budget = self.tokens.into_iter().fold(budget, Budget::tokens);
        budget = self.usd.into_iter().fold(budget, Budget::money);
        let shared = cx.shared(&format!("budget/{}", self.name), || budget.clone());
        if !shared.has_the_limits_of(&budget) {
            return Err(invalid(format!("there are two budgets `{}` with different limits", self.name)));
        }
        Ok((*shared).clone())
    }
}
