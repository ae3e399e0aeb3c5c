//! Decorators as services of a `circle.toml`.

use std::sync::Arc;
use std::time::Duration;

use circle_core_common::config::duration;
use circle_core_common::interfaces::chat_model::{ChatModel, ModelId};
use circle_core_common::interfaces::key_value_store::KeyValueStore;
use circle_core_common::{BuildContext, ByteSize, Error, ErrorKind, Integration, Reason, Result, Service, ServiceRef};
use schemars::JsonSchema;
use serde::Deserialize;

use super::budget::{Budget, Budgeted, Per, UnknownPrice};
use super::cache::Cached;
use super::cooldown::Cooldown;
use super::estimate::Assumed;
use super::fallback::Fallback;
use super::leg::Leg;
use super::move_on::MoveOn;
use super::price::{NanoUsd, PriceTable};
use super::router::{Route, Router};

/// Which services, in which order, and what moves on from one to the next. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FallbackConfig {
    /// The services, in order.
    pub services: Vec<ServiceRef<ChatModel>>,
    /// Error kinds and reasons that have the next one asked, too: `["content_filtered", "context_length"]`.
    #[serde(default)]
    pub also: Vec<String>,
    /// Error kinds that do not.
    #[serde(default)]
    pub except: Vec<String>,
    /// How long one service may take before the next is asked.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub leg_timeout: Option<Duration>,
    /// How long a service rests that keeps failing; `"0s"` is never.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub rest: Option<Duration>,
}

/// Which services, and how one is chosen. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouterConfig {
    /// The services.
    pub services: Vec<ServiceRef<ChatModel>>,
    /// How one is chosen of those that can take a request.
    #[serde(default)]
    pub by: RouteBy,
    /// A price table of one's own, whose prices go before those of this crate.
    pub prices: Option<std::path::PathBuf>,
    /// Error kinds and reasons that have the next one asked, too.
    #[serde(default)]
    pub also: Vec<String>,
    /// Error kinds that do not.
    #[serde(default)]
    pub except: Vec<String>,
    /// How long one service may take before the next is asked.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub leg_timeout: Option<Duration>,
    /// How long a service rests that keeps failing; `"0s"` is never.
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    pub rest: Option<Duration>,
}

/// How a router of a config chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteBy {
    /// The first that can.
    #[default]
    Order,
    /// The cheapest.
    Cost,
    /// The fastest.
    Latency,
}

/// Which service, and how long its answers are kept where. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The service whose answers are kept.
    pub service: ServiceRef<ChatModel>,
    /// Where they are kept; in this process by default.
    pub store: Option<ServiceRef<KeyValueStore>>,
    /// How long.
    #[serde(default = "day", with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub ttl: Duration,
    /// The most answers that are kept in this process.
    #[serde(default = "entries")]
    pub entries: usize,
    /// The most that they may take in this process.
    #[serde(default = "bytes")]
    pub bytes: ByteSize,
    /// Whether answers to requests with a temperature above 0 are kept, too.
    #[serde(default)]
    pub any_temperature: bool,
    /// Whether one tenant is given what was answered to another.
    #[serde(default)]
    pub across_tenants: bool,
}

/// Which service, and how much may be used of it. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetsConfig {
    /// The service.
    pub service: ServiceRef<ChatModel>,
    /// The budgets; every one must allow a call. Budgets of one name are one budget, over however many services.
    pub budgets: Vec<BudgetConfig>,
    /// A price table of one's own, whose prices go before those of this crate.
    pub prices: Option<std::path::PathBuf>,
    /// Which model it is in the price table's words, as `vendor/model`, where the service does not say.
    pub priced_as: Option<String>,
    /// What a call counts as whose price nobody knows, in dollars; it is refused by default.
    pub unknown_price: Option<NanoUsd>,
    /// The tokens that an answer is taken to have where the request does not say how long it may be.
    pub assumed_output_tokens: Option<u32>,
}

/// One budget. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// What it is called.
    pub name: String,
    /// Who has an account of their own.
    #[serde(default)]
    pub per: BudgetPer,
    /// How long a window is.
    #[serde(default = "day", with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub every: Duration,
    /// How many tokens an account has in each window.
    pub tokens: Option<u64>,
    /// How many dollars an account has in each window: `"25"`, `"0.5"`.
    pub usd: Option<NanoUsd>,
}

/// Who has an account of their own, in a config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetPer {
    /// Nobody: all calls draw on one account.
    #[default]
    Everyone,
    /// Every tenant.
    Tenant,
    /// Every principal.
    Principal,
    /// Every service.
    Service,
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}

fn entries() -> usize {
    10_000
}

fn bytes() -> ByteSize {
    ByteSize::mib(64)
}

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

fn legs(cx: &BuildContext, services: &[ServiceRef<ChatModel>], timeout: Option<Duration>) -> Result<Vec<Leg<ChatModel>>> {
    if services.is_empty() {
        return Err(invalid("`services` is empty: there is nobody to ask".to_owned()));
    }
    let leg = |service: &ServiceRef<ChatModel>| {
        let leg = Leg::new(cx.service(service)?).name(service.name());
        Ok(timeout.into_iter().fold(leg, Leg::timeout))
    };
    services.iter().map(leg).collect()
}

fn prices(path: Option<&std::path::Path>) -> Result<PriceTable> {
    let Some(path) = path else { return Ok(PriceTable::builtin()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("the price table `{}` cannot be read", path.display())).with_source(error))?;
    let own = PriceTable::parse(&text).map_err(|error| error.context(path.display()))?;
    Ok(own.over(PriceTable::builtin()))
}

/// The service of one decorated model.
fn service<P>(decorated: P) -> Service
where
    P: circle_core_common::interfaces::chat_model::ChatModelProvider,
{
    let provider = Arc::new(decorated);
    let chat: Arc<dyn circle_core_common::interfaces::chat_model::ChatModelProvider> = provider.clone();
    Service::new(provider).offer::<ChatModel>(chat)
}

/// `provider = "fallback"`.
#[derive(Debug)]
pub struct FallbackService;

impl Integration for FallbackService {
    type Config = FallbackConfig;

    const NAME: &'static str = "fallback";
    const INTERFACES: &'static [&'static str] = &["ChatModel"];

    async fn build(config: FallbackConfig, cx: BuildContext) -> Result<Service> {
        let fallback = Fallback::new(legs(&cx, &config.services, config.leg_timeout)?)
            .move_on(rule(MoveOn::new(), &config.also, &config.except)?)
            .cooldown(cooldown(config.rest))
            .environment(cx.environment().clone());
        Ok(service(fallback))
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
        let route = match config.by {
            RouteBy::Order => Route::InOrder,
            RouteBy::Cost => Route::Cheapest(prices(config.prices.as_deref())?),
            RouteBy::Latency => Route::Fastest,
        };
        let move_on = MoveOn::new().at_reason(Reason::ContextLength);
        let router = Router::new(legs(&cx, &config.services, config.leg_timeout)?)
            .route(route)
            .move_on(rule(move_on, &config.also, &config.except)?)
            .cooldown(cooldown(config.rest))
            .environment(cx.environment().clone());
        Ok(service(router))
    }
}

/// `provider = "cache"`.
#[derive(Debug)]
pub struct CacheService;

impl Integration for CacheService {
    type Config = CacheConfig;

    const NAME: &'static str = "cache";
    const INTERFACES: &'static [&'static str] = &["ChatModel"];

    async fn build(config: CacheConfig, cx: BuildContext) -> Result<Service> {
        let mut cached = Cached::new(cx.service(&config.service)?)
            .ttl(config.ttl)
            .within(config.entries, config.bytes)
            .environment(cx.environment().clone());
        if let Some(store) = &config.store {
            cached = cached.store(cx.service(store)?);
        }
        if config.any_temperature {
            cached = cached.any_temperature();
        }
        if config.across_tenants {
            cached = cached.across_tenants();
        }
        Ok(service(cached))
    }
}

/// `provider = "budget"`.
#[derive(Debug)]
pub struct BudgetService;

impl Integration for BudgetService {
    type Config = BudgetsConfig;

    const NAME: &'static str = "budget";
    const INTERFACES: &'static [&'static str] = &["ChatModel"];

    async fn build(config: BudgetsConfig, cx: BuildContext) -> Result<Service> {
        let mut budgeted = Budgeted::new(cx.service(&config.service)?)
            .prices(prices(config.prices.as_deref())?)
            .environment(cx.environment().clone());
        for budget in &config.budgets {
            budgeted = budgeted.budget(budget.shared(&cx)?);
        }
        if let Some(text) = &config.priced_as {
            let wrong = || invalid(format!("`priced_as` is `vendor/model`, not `{}`", text.escape_debug()));
            let (vendor, model) = text.split_once('/').ok_or_else(wrong)?;
            budgeted = budgeted.priced_as([ModelId::new(vendor, model)]);
        }
        if let Some(amount) = config.unknown_price {
            budgeted = budgeted.unknown_price(UnknownPrice::Assume(amount));
        }
        if let Some(tokens) = config.assumed_output_tokens {
            budgeted = budgeted.assumed(Assumed::new().output_tokens(tokens));
        }
        Ok(service(budgeted))
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
