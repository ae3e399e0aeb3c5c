//! Several services in order: where one cannot serve, the next is asked.

mod decorable;
mod key_value_store;
mod messenger;
mod models;
mod notifier;
mod object_store;
mod secret_store;
#[cfg(test)]
mod tests;
mod vector_store;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::{CallContext, Environment, Error, ErrorKind, Provider, Result};

pub use decorable::{Decorable, Store};

use super::caller::looks_up_a_write;
use super::cooldown::Cooldown;
use super::forward::provided_by;
use super::leg::Leg;
use super::legs::{LegCall, Legs};
use super::move_on::MoveOn;
use super::tokens::Owner;
use super::vector_space::VectorSpace;

/// Asks services in order until one answers.
///
/// ```
/// # use circle_core::{ChatModel, ErrorKind, ObjectStore, orchestration::{Fallback, MoveOn}};
/// # fn example(gpt: ChatModel, claude: ChatModel, here: ObjectStore, copy: ObjectStore) -> (ChatModel, ObjectStore) {
/// let model = Fallback::new([gpt, claude]).move_on(MoveOn::new().at(ErrorKind::ContentFiltered));
/// (ChatModel::new(model), ObjectStore::new(Fallback::new([here, copy])))
/// # }
/// ```
///
/// - *What moves on* is [`MoveOn`]; any other error is the answer. Where no leg answers, the error is like that of the first
///   that may serve again, and names them all ([`LegErrors`](super::LegErrors)).
/// - *It can do* what all of its legs can do.
/// - *Time* is shared: each leg gets what is left of the deadline, or less where [`Leg`] says so.
/// - *A leg that keeps failing* rests, see [`Cooldown`].
/// - *Tokens* (versions, cursors, ids of uploads and messages) say whose they are: what names one goes to its leg, and to no
///   other.
/// - *Closing* it closes its legs.
///
/// Of models:
///
/// - *Streams* are opened once the first word, piece of reasoning or tool call has come: until then the next leg can take over,
///   and nothing of the failed one is seen; after it never. The stream that is handed out is the leg's own.
/// - *State* of an earlier answer goes back to the leg that it came from; another gets the conversation without it.
/// - *Embeddings* of different models do not compare: legs whose models or widths differ are refused, with `ConfigInvalid`,
///   unless [`one_space`](Self::one_space) says that they are the same.
///
/// Of stores, whose legs are copies of one another that something else keeps alike:
///
/// - *Reads* fall over; *writes* go to the first leg, unless [`split_writes`](Self::split_writes). So does what must know of
///   the last write: strong reads, and the look-up of a write whose answer was lost.
/// - *Absent* is an answer: it does not move on.
/// - *Content* falls over until its first byte is there. One that is cut later is resumed at its own leg and version.
///
/// Of messengers and notifiers:
///
/// - *Nothing is sent twice*: the next leg is asked only where the one before has certainly not sent. Else it is
///   `OutcomeUnknown`. They have no `idempotency`, which ends at the border between two services.
/// - *What was sent* (edits, replies, reactions) is changed at the leg that sent it.
///
/// There is none of webhook verifiers: that a request was not signed is an answer, and another secret is not to be tried.
pub struct Fallback<H: Decorable> {
    legs: Legs<H>,
    /// What all legs can do that had started when it was made, and how many those were.
    capabilities: H::Capabilities,
    known: usize,
    /// As `capabilities`, once more of them have started; by their number.
    later: Vec<OnceLock<H::Capabilities>>,
    split_writes: bool,
    space: VectorSpace,
}

impl<H: Decorable> Fallback<H> {
    /// The service id, in a config.
    pub const NAME: &'static str = "fallback";

    /// These services, in this order: handles, or [`Leg`]s.
    #[must_use]
    pub fn new<L: Into<Leg<H>>>(legs: impl IntoIterator<Item = L>) -> Self {
        let legs = Legs::new(Self::NAME, legs);
        let known: Vec<_> = legs.legs.iter().filter_map(|leg| leg.handle.known()).collect();
        let capabilities = H::common(&known, legs.legs.len());
        let (known, later) = (known.len(), (0..=legs.legs.len()).map(|_| OnceLock::new()).collect());
        Self { legs, capabilities, known, later, split_writes: false, space: VectorSpace::default() }
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

    /// Sets the environment; that of the first leg by default.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.legs = self.legs.environment(environment);
        self
    }

    /// The legs.
    pub fn legs(&self) -> impl Iterator<Item = &Leg<H>> {
        self.legs.legs.iter()
    }

    /// What all legs can do that have started; only more of them can.
    fn common(&self) -> &H::Capabilities {
        if self.known == self.legs.legs.len() {
            return &self.capabilities;
        }
        let known: Vec<_> = self.legs.legs.iter().filter_map(|leg| leg.handle.known()).collect();
        match self.later.get(known.len()) {
            Some(later) if known.len() != self.known => later.get_or_init(|| H::common(&known, self.legs.legs.len())),
            _ => &self.capabilities,
        }
    }

    fn order(&self) -> Range<usize> {
        0..self.legs.legs.len()
    }

    /// The leg that takes the writes.
    fn first(&self) -> Range<usize> {
        0..self.legs.legs.len().min(1)
    }

    /// Where a read goes: to whom it belongs, else to any leg.
    fn reads(&self, cx: &CallContext, owner: &Owner) -> Range<usize> {
        match owner.leg() {
            Some(at) => at..at + 1,
            None if looks_up_a_write(cx) => self.first(),
            None => self.order(),
        }
    }

    /// Where a write goes that is made whatever is there, and can be sent again.
    fn writes(&self, plain: bool) -> Range<usize> {
        if self.split_writes && plain { self.order() } else { self.first() }
    }

    /// Where a write goes that names what a leg has made, which can be the one that takes the writes alone.
    fn owned_writes(&self, owner: &Owner, plain: bool) -> Result<Range<usize>> {
        match owner.leg() {
            None => Ok(self.writes(plain)),
            Some(0) => Ok(self.first()),
            Some(at) => {
                let (at, first) = (self.legs.legs.get(at).map(Leg::label), self.legs.legs.first().map(Leg::label));
                let (at, first) = (at.unwrap_or_default(), first.unwrap_or_default());
                let text = format!("the version is of the copy at `{at}`, and `{first}` takes the writes: read it anew");
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    async fn ask<C: LegCall<H>>(&self, cx: &CallContext, order: Range<usize>, call: &C) -> Result<C::Answer> {
        self.legs.ask(cx, order, call).await.map(|(_, answer)| answer)
    }
}

impl<H: Store> Fallback<H> {
    /// Lets writes fall over, too. **That splits the data**: what the first leg did not take only the second has, the first one
    /// does not know of it when it serves again, and what was deleted at the second is still there at the first. It suits what
    /// is only ever added, such as logs and dumps, and is joined afterwards.
    ///
    /// Only writes that are made whatever is there fall over: never those with a condition or a fence, nor sums, nor the rest
    /// of an upload that has begun. A write whose outcome is unknown does not, either.
    #[must_use]
    pub fn split_writes(mut self) -> Self {
        self.split_writes = true;
        self
    }
}

impl Fallback<EmbeddingModel> {
    /// Says that the models of all legs are the same although they are called otherwise, so that their embeddings compare. The
    /// widths must still be equal.
    #[must_use]
    pub fn one_space(mut self) -> Self {
        self.space = VectorSpace::declared();
        self
    }
}

impl<H: Decorable> fmt::Debug for Fallback<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fallback({})", self.legs.info().target)
    }
}

provided_by!(Fallback<H: Decorable>, legs);
