//! A call that several services can answer, made at one after the other.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::{
    Bulk, CallContext, Class, Environment, Error, ErrorKind, Handle, Health, HealthState, Provider, ProviderInfo, Result, Sent,
};

use super::cooldown::{Admission, Cooldown, Trial};
use super::leg::Leg;
use super::move_on::MoveOn;
use super::tokens;

/// One call of an interface, as it is made at any of several services: all that a decorator over several legs needs to know of
/// an interface.
#[async_trait]
pub(super) trait LegCall<H>: Send + Sync {
    /// The answer.
    type Answer: Send;

    /// Whether the answer goes on after it was given, so that the time of a leg bounds its beginning only.
    const STREAMS: bool = false;

    /// Makes the call.
    async fn make(&self, leg: &Leg<H>, cx: &CallContext) -> Result<Self::Answer>;
}

/// The services, and what decides between them.
pub(super) struct Legs<H> {
    pub(super) legs: Vec<Leg<H>>,
    pub(super) move_on: MoveOn,
    pub(super) cooldown: Cooldown,
    info: ProviderInfo,
    environment: Environment,
}

impl<H: Handle> Legs<H> {
    pub(super) fn new<L: Into<Leg<H>>>(name: &'static str, legs: impl IntoIterator<Item = L>) -> Self {
        let mut legs: Vec<Leg<H>> = legs.into_iter().map(Into::into).collect();
        for at in 0..legs.len() {
            let label = legs[at].label();
            let same_before = legs[..at].iter().filter(|leg| leg.label() == label).count();
            legs[at].tag = tokens::tag(&label, same_before);
        }
        let target = legs.iter().map(|leg| leg.label().to_string()).collect::<Vec<_>>().join(", ");
        let started = legs.iter().find_map(|leg| leg.handle.as_provider());
        Self {
            environment: started.map(|provider| provider.environment().clone()).unwrap_or_default(),
            info: ProviderInfo::new(name, env!("CARGO_PKG_VERSION"), target),
            move_on: MoveOn::new(),
            cooldown: Cooldown::new(),
            legs,
        }
    }

    pub(super) fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Asks the legs in this order until one answers; those that rest are asked last. Also says which one it was.
    pub(super) async fn ask<C: LegCall<H>>(
        &self,
        cx: &CallContext,
        order: impl IntoIterator<Item = usize, IntoIter: Send> + Send,
        call: &C,
    ) -> Result<(usize, C::Answer)> {
        let mut round = Round { legs: self, cx, failed: Vec::new(), attempts: 0 };
        let mut resting = Vec::new();
        for at in order {
            // What names a leg may be older than the last change of the legs.
            let Some(leg) = self.legs.get(at) else { continue };
            match leg.health.admit(cx.clock().now()) {
                Admission::Resting => resting.push(at),
                Admission::Ready(trial) => {
                    if let Some(answer) = round.ask(at, trial, call).await? {
                        return Ok((at, answer));
                    }
                }
            }
        }
        for at in resting {
            if let Some(answer) = round.ask(at, self.legs[at].health.last_resort(), call).await? {
                return Ok((at, answer));
            }
        }
        Err(round.failed())
    }

    /// As [`ask`](Self::ask), for many things at once: those that one leg fails at, and that another may serve, are asked of the
    /// legs behind it. `call` makes the call for the things at these places.
    pub(super) async fn ask_each<T: Send, C: LegCall<H, Answer = Bulk<T>>>(
        &self,
        cx: &CallContext,
        order: std::ops::Range<usize>,
        count: usize,
        call: impl Fn(&[usize]) -> C + Send + Sync,
    ) -> Result<Bulk<T>> {
        let mut places: Vec<usize> = (0..count).collect();
        let (mut at, answer) = self.ask(cx, order.clone(), &call(&places)).await?;
        let mut results: Vec<Result<T>> = answer.into_iter().collect();
        loop {
            let moves = |place: &usize| match results.get(*place) {
                Some(Err(error)) => self.move_on.moves(error, cx.operation().class()),
                _ => false,
            };
            places.retain(moves);
            if places.is_empty() || at + 1 >= order.end {
                return Ok(Bulk::new(results));
            }
            let (next, answer) = match self.ask(cx, at + 1..order.end, &call(&places)).await {
                Ok(asked) => asked,
                // Where the others cannot be asked, what the first one said of each stands; but what they may have done is
                // not undone by it.
                Err(error) => {
                    if cx.operation().class() != Class::Read && error.sent() != Sent::No {
                        places.iter().for_each(|place| results[*place] = Err(error.clone()));
                    }
                    return Ok(Bulk::new(results));
                }
            };
            at = next;
            for (place, result) in places.iter().zip(answer) {
                results[*place] = result;
            }
        }
    }
}

/// One call on its way through the legs.
struct Round<'a, H> {
    legs: &'a Legs<H>,
    cx: &'a CallContext,
    failed: Vec<(Arc<str>, Error)>,
    attempts: u32,
}

impl<H: Handle> Round<'_, H> {
    /// The leg's answer; `None` where the next one is to be asked.
    async fn ask<C: LegCall<H>>(&mut self, at: usize, trial: Trial<'_>, call: &C) -> Result<Option<C::Answer>> {
        let (leg, now) = (&self.legs.legs[at], self.cx.clock().now());
        let limited = self.cx.part(leg.deadline(self.cx, now));
        let whole = self.cx.part(None);
        let given = if C::STREAMS { &whole } else { &limited };
        let result = limited.guard(call.make(leg, given)).await;
        let attempts = result.as_ref().err().map_or(1, Error::attempts).max(given.attempts());
        self.attempts = self.attempts.saturating_add(attempts);
        self.cx.note_attempts(self.attempts);
        let error = match result {
            Ok(answer) => {
                trial.served();
                return Ok(Some(answer));
            }
            Err(error) => placed(leg, self.cx, error),
        };
        let now = self.cx.clock().now();
        if !self.legs.move_on.moves(&error, self.cx.operation().class()) {
            // It has answered, if only with what is wrong with the request.
            if !error.is(ErrorKind::Cancelled) && !error.kind().is_service_fault() {
                trial.served();
            }
            return Err(error.with_attempts(self.attempts));
        }
        if error.kind().is_service_fault() || error.is(ErrorKind::Unauthenticated) {
            trial.failed(&self.legs.cooldown, now, &error);
        }
        let name = leg.label();
        tracing::warn!(target: "circle", leg = &*name, error_type = error.kind().code(), "the next leg is asked");
        self.failed.push((name, error));
        // With no time left there is nobody left to ask.
        if self.cx.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(self.take_failed());
        }
        Ok(None)
    }

    fn failed(mut self) -> Error {
        self.take_failed()
    }

    fn take_failed(&mut self) -> Error {
        let mut failed = std::mem::take(&mut self.failed);
        match failed.len() {
            0 => Error::new(ErrorKind::ConfigInvalid, format!("`{}` has no leg that can be asked", self.legs.info.name)),
            1 => failed.remove(0).1,
            _ => LegErrors::into_error(failed).with_attempts(self.attempts),
        }
    }
}

/// Says in an error which leg it comes from.
fn placed<H: Handle>(leg: &Leg<H>, cx: &CallContext, error: Error) -> Error {
    let provider = leg.handle.as_provider().map_or("not started", |provider| provider.info().name);
    error.with_place(cx.operation(), &leg.label(), provider)
}

/// What every leg said, where none has answered; in the source chain of the error.
///
/// ```
/// # use circle_core::{ChatModel, orchestration::LegErrors};
/// # async fn example(model: ChatModel) {
/// if let Err(error) = model.chat("Is it?").await {
///     for (leg, said) in LegErrors::of(&error).into_iter().flat_map(LegErrors::iter) {
///         println!("{leg}: {said}");
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct LegErrors {
    legs: Vec<(Arc<str>, Error)>,
    /// The one that the whole error is like.
    told: usize,
}

impl LegErrors {
    /// What every leg said, of a call that several were asked for.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.provider_error::<Self>()
    }

    /// The legs in the order in which they were asked, and what they said.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.legs.iter().map(|(leg, error)| (&**leg, error))
    }

    /// The whole error: like that of the first leg that may serve again later, else like that of the first.
    fn into_error(legs: Vec<(Arc<str>, Error)>) -> Error {
        let told = legs.iter().position(|(_, error)| error.is_retryable()).unwrap_or(0);
        let said = |(leg, error): &(Arc<str>, Error)| format!("`{leg}`: {}: {}", error.kind().title(), error.message());
        let text = format!("none of {} legs answered: {}", legs.len(), legs.iter().map(said).collect::<Vec<_>>().join("; "));
        let like = &legs[told].1;
        let sent = legs.iter().map(|(_, error)| error.sent()).max_by_key(|sent| match sent {
            Sent::No => 0,
            Sent::Yes => 1,
            Sent::Maybe => 2,
        });
        let mut error = Error::new(like.kind(), text).with_retryable(like.is_retryable()).with_sent(sent.unwrap_or(Sent::No));
        if let Some(reason) = like.reason() {
            error = error.with_reason(reason);
        }
        if let Some(detail) = like.detail() {
            error = error.with_detail(detail.clone());
        }
        error.with_source(Self { legs, told })
    }
}

impl fmt::Display for LegErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} legs were asked", self.legs.len())
    }
}

impl StdError for LegErrors {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.legs.get(self.told).map(|(_, error)| error as &(dyn StdError + 'static))
    }
}

#[async_trait]
impl<H: Handle> Provider for Legs<H> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Healthy where every leg is, impaired where some are.
    async fn health(&self, cx: &CallContext) -> Result<Health> {
        let (mut serving, mut notes, mut first) = (0, Vec::new(), None);
        for leg in &self.legs {
            let health = match leg.handle.as_provider() {
                Some(provider) => provider.health(cx).await,
                None => Ok(Health::new(HealthState::Degraded, "it has not started")),
            };
            let serves = |health: &Health| matches!(health.state, HealthState::Healthy | HealthState::Impaired);
            let resting = leg.health.is_resting(cx.clock().now());
            match health {
                Ok(health) if serves(&health) && !resting => {
                    serving += 1;
                    if health.state == HealthState::Impaired {
                        notes.push(format!("`{}` is impaired", leg.label()));
                    }
                }
                Ok(health) if serves(&health) => notes.push(format!("`{}` rests after failures", leg.label())),
                Ok(health) => notes.push(format!("`{}` is {}", leg.label(), health.state)),
                Err(error) => {
                    notes.push(format!("`{}`: {}", leg.label(), error.kind().title()));
                    first.get_or_insert(error);
                }
            }
        }
        match (serving, first) {
            (_, _) if notes.is_empty() => Ok(Health::healthy()),
            (0, Some(error)) => Err(error),
            (0, None) => Ok(Health::new(HealthState::Unhealthy, notes.join("; "))),
            _ => Ok(Health::new(HealthState::Impaired, notes.join("; "))),
        }
    }

    /// Closes every leg.
    async fn close(&self, cx: &CallContext) -> Result<()> {
        let mut first = Ok(());
        for provider in self.legs.iter().filter_map(|leg| leg.handle.as_provider()) {
            first = first.and(provider.close(cx).await);
        }
        first
    }

    fn inner(&self) -> Option<&dyn Provider> {
        self.legs.first().and_then(|leg| leg.handle.as_provider())
    }
}
