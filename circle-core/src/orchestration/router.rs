//! Several chat models of which the one that suits a request is asked.

mod latency;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::interfaces::chat_model::{
    ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream, ModelId, TokenCount, Usage,
};
use circle_core_common::{CallContext, Environment, Error, Provider, Reason, Result, Timestamp};

use self::latency::Latency;
use super::capabilities;
use super::chat_legs::{Chat, Count, Stream, models_of};
use super::cooldown::Cooldown;
use super::estimate::Assumed;
use super::forward::{chat_model_of_legs, provided_by};
use super::leg::Leg;
use super::legs::Legs;
use super::move_on::MoveOn;
use super::price::{Billing, Cost, PriceTable};

/// How a [`Router`] chooses.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Route {
    /// The first that can, in the order of the legs.
    #[default]
    InOrder,
    /// The cheapest by this table, as far as it can be estimated before; what has no price comes last.
    Cheapest(PriceTable),
    /// The one that has begun to answer soonest of late. One that has not been asked for a minute is tried by a single call.
    Fastest,
    /// What the application says: the places of the legs to ask, in order. Others are not asked.
    Rule(Rule),
}

/// A rule of the application.
pub type Rule = Arc<dyn Fn(&ChatRequest, &[Candidate]) -> Vec<usize> + Send + Sync>;

impl Route {
    /// A rule of the application: of the candidates, the [`Candidate::leg`]s to ask, in order.
    #[must_use]
    pub fn rule(rule: impl Fn(&ChatRequest, &[Candidate]) -> Vec<usize> + Send + Sync + 'static) -> Self {
        Self::Rule(Arc::new(rule))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InOrder => "InOrder",
            Self::Cheapest(_) => "Cheapest",
            Self::Fastest => "Fastest",
            Self::Rule(_) => "Rule",
        })
    }
}

/// A leg that can take a request, and what is known of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Its place among the legs.
    pub leg: usize,
    /// What it is called.
    pub name: Arc<str>,
    /// The models that it may answer with.
    pub models: Vec<ModelId>,
    /// What the request costs there, by estimate; unknown without a price table.
    pub cost: Cost,
    /// How long it has taken of late until it began to answer.
    pub latency: Option<Duration>,
    /// Whether the request is likely to fit into its context.
    pub fits: bool,
}

/// Asks the chat model that suits a request, and the next best where it cannot serve.
///
/// ```
/// # use circle_core::{ChatModel, orchestration::{PriceTable, Route, Router}};
/// # fn example(small: ChatModel, large: ChatModel) -> ChatModel {
/// ChatModel::new(Router::new([small, large]).route(Route::Cheapest(PriceTable::builtin())))
/// # }
/// ```
///
/// - *Only legs that can take a request* are asked: those that have the capabilities and limits that it needs. It can do what
///   any of its legs can do; a request that none can take is `Unsupported`, and nothing is sent.
/// - *Legs whose context is too small* by an estimate come last, and `ContextLength` has the next one asked.
/// - In all else it is a [`Fallback`](super::Fallback) over the legs in the order that was chosen: what moves on, streams, time,
///   rest, state.
pub struct Router {
    legs: Legs<ChatModel>,
    latencies: Vec<Latency>,
    capabilities: ChatModelCapabilities,
    route: Route,
    assumed: Assumed,
}

impl Router {
    /// The service id, in a config.
    pub const NAME: &'static str = "router";

    /// These models: handles, or [`Leg`]s. In order, as long as no [`route`](Self::route) is set.
    #[must_use]
    pub fn new<L: Into<Leg<ChatModel>>>(legs: impl IntoIterator<Item = L>) -> Self {
        let mut legs = Legs::new(Self::NAME, legs);
        legs.move_on = MoveOn::new().at_reason(Reason::ContextLength);
        // What has not started may be able to do anything.
        let known: Option<Vec<_>> = legs.legs.iter().map(|leg| Some(leg.handle.provider().ok()?.capabilities())).collect();
        let capabilities = capabilities::any_chat(&known.unwrap_or_default());
        let latencies = legs.legs.iter().map(|_| Latency::default()).collect();
        Self { legs, latencies, capabilities, route: Route::InOrder, assumed: Assumed::default() }
    }

    /// Sets how it chooses.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    /// Sets which errors have the next leg asked.
    #[must_use]
    pub fn move_on(mut self, rule: MoveOn) -> Self {
        self.legs.move_on = rule;
        self
    }

    /// Sets when a failing leg rests.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Cooldown) -> Self {
        self.legs.cooldown = cooldown;
        self
    }

    /// Sets what is assumed of requests that do not say how long their answer may be.
    #[must_use]
    pub fn assumed(mut self, assumed: Assumed) -> Self {
        self.assumed = assumed;
        self
    }

    /// Sets the environment; that of the first leg by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.legs = self.legs.environment(environment);
        self
    }

    /// The legs that can take a request, the best first.
    ///
    /// # Errors
    /// `Unsupported`, or what else speaks against the first leg, where none can.
    fn order(&self, cx: &CallContext, request: &ChatRequest) -> Result<Vec<usize>> {
        let mut refused = None;
        let mut candidates = Vec::with_capacity(self.legs.legs.len());
        for (at, leg) in self.legs.legs.iter().enumerate() {
            match leg.handle.accepts(request) {
                Ok(()) => candidates.push(self.candidate(cx, at, leg, request)),
                Err(error) => drop(refused.get_or_insert(error)),
            }
        }
        if let (true, Some(error)) = (candidates.is_empty(), refused) {
            return Err(error.context("no leg can take this request"));
        }
        let order = match &self.route {
            Route::Rule(rule) => {
                let mut chosen = rule(request, &candidates);
                chosen.retain(|leg| candidates.iter().any(|candidate| candidate.leg == *leg));
                return Ok(chosen);
            }
            Route::InOrder => None,
            Route::Cheapest(_) => {
                // Stable: of the same cost the first comes first.
                candidates.sort_by_key(|candidate| (candidate.cost.ceiling().is_none(), candidate.cost.ceiling()));
                None
            }
            Route::Fastest => {
                candidates.sort_by_key(|candidate| (candidate.latency.is_none(), candidate.latency));
                let now = cx.clock().now();
                candidates.iter().find(|candidate| self.latencies[candidate.leg].claims_trial(now)).map(|candidate| candidate.leg)
            }
        };
        candidates.sort_by_key(|candidate| (order != Some(candidate.leg), !candidate.fits));
        Ok(candidates.into_iter().map(|candidate| candidate.leg).collect())
    }

    fn candidate(&self, cx: &CallContext, leg: usize, of: &Leg<ChatModel>, request: &ChatRequest) -> Candidate {
        let capabilities = of.handle.capabilities();
        let models = models_of(of, request);
        let input = self.assumed.input_tokens_of(request);
        let output = self.assumed.output_tokens_of(request, capabilities);
        let fits = capabilities.context_tokens.is_none_or(|context| input.saturating_add(output) <= context);
        let cost = match &self.route {
            Route::Cheapest(prices) => estimated_cost(prices, &models, input, output, request, cx.clock().timestamp()),
            _ => Cost::Unknown,
        };
        Candidate { leg, name: of.label(), models, cost, latency: self.latencies[leg].get(), fits }
    }
}

/// What a request costs at the most, of the models that may answer it.
fn estimated_cost(
    prices: &PriceTable,
    models: &[ModelId],
    input: u64,
    output: u64,
    request: &ChatRequest,
    on: Timestamp,
) -> Cost {
    let media = request.estimate().media > 0;
    let usage = Usage::exclusive(Some(input), Some(0), Some(0)).output(Some(output));
    let of = |id: &ModelId| {
        let price = prices.find(id, on).filter(|price| !(media && price.text_only))?;
        price.cost(&usage, Billing::Standard).ceiling()
    };
    let costs: Option<Vec<_>> = models.iter().map(of).collect();
    costs.and_then(|costs| costs.into_iter().max()).map_or(Cost::Unknown, Cost::AtMost)
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Router({}, {:?})", self.legs.info().target, self.route)
    }
}

provided_by!(Router, legs);

#[async_trait]
impl ChatModelProvider for Router {
    chat_model_of_legs!();

    async fn chat(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        let (at, (response, took)) = self.legs.ask(cx, self.order(cx, &request)?, &latency::Timed(Chat(&request))).await?;
        self.latencies[at].record(took, cx.clock().now());
        Ok(response)
    }

    async fn stream(&self, cx: &CallContext, request: ChatRequest) -> Result<ChatStream> {
        let (at, (stream, took)) = self.legs.ask(cx, self.order(cx, &request)?, &latency::Timed(Stream(&request))).await?;
        self.latencies[at].record(took, cx.clock().now());
        Ok(stream)
    }

    async fn count_tokens(&self, cx: &CallContext, request: ChatRequest) -> Result<TokenCount> {
        let able = |at: &usize| self.legs.legs[*at].handle.capabilities().count_tokens;
        let order: Vec<usize> = self.order(cx, &request)?.into_iter().filter(able).collect();
        if order.is_empty() {
            return Err(Error::unsupported(ChatModelCapabilities::COUNT_TOKENS.name()));
        }
        self.legs.ask(cx, order, &Count(&request)).await.map(|(_, count)| count)
    }
}
