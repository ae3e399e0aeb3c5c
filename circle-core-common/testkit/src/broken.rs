//! Providers with one defect each: what a suite must find.

mod chat_model;
mod embedding_model;
mod identity_provider;
mod key_service;
mod key_value_store;
mod messenger;
mod notifier;
mod object_store;
mod secret_store;
mod token_verifier;
mod vector_store;
mod webhook_verifier;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::key_value_store::Key;
use circle_core_common::interfaces::object_store::ObjectStoreCapabilities;
use circle_core_common::{CallContext, Environment, Health, OperationId, Provider, ProviderInfo, Result, Version};

/// What is wrong with a provider. Each has been met in the wild.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// An object store overwrites where it must create.
    IgnoresIfAbsent,
    /// An object store overwrites whatever version there is.
    IgnoresIfMatch,
    /// An object store repeats a conditional put whose answer was lost, and reports the second answer.
    RefusesItself,
    /// An object store gives whole blocks for ranges.
    RoundsRanges,
    /// An object store lists in the reverse order.
    ListsOutOfOrder,
    /// An object store lists one page and says it is all.
    ListsOnePage,
    /// An object store lists from the key on that it should start behind.
    StartsAtTheKey,
    /// An object store keeps content alone.
    LosesMetadata,
    /// An object store shows half an object while it is written.
    PutsInHalves,
    /// An object store takes `a//b` for `a/b`.
    NormalisesKeys,
    /// An object store deletes what lies below a key, too.
    DeletesFolders,
    /// An object store says of a missing source that the target is missing.
    BlamesTheTarget,
    /// An object store declares a capability that it does not have.
    Overstates,
    /// An object store logs what it is given.
    LogsContent,
    /// A provider works on after it was closed.
    IgnoresClose,
    /// A key-value store overwrites on any condition.
    IgnoresConditions,
    /// A key-value store takes an empty value for an absent key.
    TakesEmptyForAbsent,
    /// A key-value store versions by content.
    VersionsByContent,
    /// A key-value store makes the writes of a transaction one by one.
    TearsTransactions,
    /// A key-value store lets entries expire at a quarter of their life.
    ExpiresEarly,
    /// A key-value store never lets anything expire.
    NeverExpires,
    /// A key-value store adds by reading and writing.
    IncrementsByReadAndWrite,
    /// A key-value store answers a bulk in another order.
    ReordersBulks,
    /// A key-value store compares prefixes without regard to case.
    IgnoresCase,
    /// A key-value store does not tell of deletes.
    WatchesPutsOnly,
    /// A key-value store takes any fence.
    IgnoresFences,
    /// A chat model takes an answer that is cut for one that is complete.
    TakesCutsForEnds,
    /// A chat model writes the arguments of all tool calls into one.
    MergesToolCalls,
    /// A chat model gives its events once the last is there.
    WaitsForTheEnd,
    /// A chat model loses pieces of text.
    LosesDeltas,
    /// A chat model says that tokens which the service does not tell are none.
    CountsUnknownAsZero,
    /// A chat model fails at a finish reason that it does not know.
    ClosedFinishReasons,
    /// A chat model gives state back another than it was.
    AltersState,
    /// A chat model sends tools in any order.
    ShufflesTools,
    /// A chat model takes reasoning for the answer.
    TakesReasoningForText,
    /// An embedding model embeds the beginning of a text.
    CutsTexts,
    /// An embedding model gives its own width, whatever was chosen.
    IgnoresWidth,
    /// An embedding model says that embeddings have length 1, and gives others.
    Unnormalised,
    /// A vector store leaves a collection as it is, whatever is asked for.
    EnsuresAnything,
    /// A vector store keeps the fields of the record before.
    MergesRecords,
    /// A vector store gives distances for scores.
    ScoresDistances,
    /// A vector store filters what it has found.
    FiltersLate,
    /// A vector store takes a missing field for one of another value.
    MatchesTheMissing,
    /// A vector store gives every match of a group.
    IgnoresGroups,
    /// A vector store gives matches of any score.
    IgnoresMinScore,
    /// A vector store has one namespace.
    IgnoresNamespaces,
    /// A messenger sends the beginning of a text.
    CutsMessages,
    /// A messenger, or a notifier, takes every call for a new one, whatever its id.
    IgnoresIds,
    /// A messenger lets control characters through.
    PassesControlCharacters,
    /// A messenger takes text for markup.
    ReadsMarkup,
    /// A messenger replies into the channel.
    ForgetsThreads,
    /// A messenger shows every reply in the channel too.
    ShowsReplies,
    /// A messenger edits by a new message.
    EditsByResending,
    /// A messenger takes a reaction that is given again for another one.
    CountsReactionsAgain,
    /// A messenger gives one page of a history and says it is all.
    EndsHistoriesEarly,
    /// A messenger says of every message that it was not sent.
    DeniesMessages,
    /// A messenger says of a channel that does not exist that it is empty.
    InventsChannels,
    /// A notifier takes every notification for a new one, whatever its key.
    IgnoresDedup,
    /// A notifier notifies at once, whatever the time.
    IgnoresSchedules,
    /// A notifier says of a recipient that failed that it was notified.
    HidesFailures,
    /// A notifier takes nothing back.
    IgnoresClears,
    /// A verifier of webhooks takes a signature for right that is not.
    IgnoresSignatures,
    /// A verifier of webhooks takes requests of any age.
    IgnoresMoments,
    /// A verifier of webhooks takes a header for an id that is not signed.
    TrustsUnsignedIds,
    /// A verifier of webhooks reads the body and writes it again.
    TrimsBodies,
    /// A verifier of webhooks takes the first of two headers.
    TakesTheFirstHeader,
    /// A verifier of webhooks knows the first secret alone.
    KnowsOneSecret,
    /// A verifier of webhooks tells what signature it expected.
    TellsTheSignature,
    /// A verifier of tokens, or an identity provider, takes a signature for right that is not.
    TrustsTokens,
    /// A verifier of tokens, or an identity provider, takes the algorithm that a token names.
    TakesAnyAlgorithm,
    /// A verifier of tokens, or an identity provider, takes tokens that are for others.
    IgnoresAudiences,
    /// A verifier of tokens, or an identity provider, takes tokens of others.
    IgnoresIssuers,
    /// A verifier of tokens, or an identity provider, takes tokens of any age.
    IgnoresEnds,
    /// A verifier of tokens takes tokens that are good for less.
    IgnoresScopes,
    /// A verifier of tokens tells which token it has refused.
    TellsTheToken,
    /// A verifier of tokens says of every token that it is active.
    TakesTokensForActive,
    /// An identity provider takes proofs of other logins.
    IgnoresNonces,
    /// An identity provider takes the answer of any login.
    IgnoresLoginStates,
    /// An identity provider finishes a login that has been used.
    FinishesTwice,
    /// An identity provider sends a challenge that protects from nobody.
    ForgetsPkce,
    /// An identity provider logs what browsers bring.
    LogsCallbacks,
    /// An identity provider revokes nothing.
    RevokesNothing,
    /// A secret store overwrites on any condition.
    IgnoresSecretConditions,
    /// A secret store says of a secret that is not there that it is empty.
    InventsSecrets,
    /// A secret store gives the newest version, whichever is asked for.
    GivesTheNewest,
    /// A secret store leaves out fields without a value.
    DropsEmptyFields,
    /// A secret store takes names without regard to case.
    FoldsNames,
    /// A secret store logs what it gives.
    LogsSecrets,
    /// A secret store lists the values too, as names.
    ListsOtherNames,
    /// A key service encrypts under no context.
    IgnoresContexts,
    /// A key service takes any signature for right.
    TrustsSignatures,
    /// A key service encrypts equal texts equally.
    EncryptsEqually,
    /// A key service gives the same data key again.
    RepeatsDataKeys,
    /// A key service says of what was tampered with that the input is wrong.
    BlamesTheInput,
}

/// A provider that is right but for one defect.
pub struct Broken<P> {
    provider: P,
    defect: Defect,
    overstated: OnceLock<ObjectStoreCapabilities>,
    calls: AtomicU32,
    /// Given out in place of the provider's versions, by key and value.
    versions: Mutex<HashMap<(Key, Bytes), Version>>,
    /// The first answer of a kind, by its place.
    first: Mutex<HashMap<String, Box<dyn Any + Send>>>,
}

impl<P> Broken<P> {
    /// Breaks a provider.
    pub fn new(provider: P, defect: Defect) -> Self {
        Self {
            provider,
            defect,
            overstated: OnceLock::new(),
            calls: AtomicU32::new(0),
            versions: Mutex::default(),
            first: Mutex::default(),
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// The first of what was made for this place.
    fn first<T: Clone + Send + 'static>(&self, place: String, made: T) -> T {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = first.entry(place).or_insert_with(|| Box::new(made.clone()));
        kept.downcast_ref().cloned().unwrap_or(made)
    }

    /// The id of no write.
    fn another_id(&self) -> OperationId {
        OperationId::from(format!("another-{}", self.calls.fetch_add(1, Ordering::Relaxed)))
    }
}

impl<P> fmt::Debug for Broken<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broken({:?})", self.defect)
    }
}

#[async_trait]
impl<P: Provider> Provider for Broken<P> {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn environment(&self) -> &Environment {
        self.provider.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.provider.health(cx).await
    }

    async fn close(&self, cx: &CallContext) -> Result<()> {
        if self.is(Defect::IgnoresClose) { Ok(()) } else { self.provider.close(cx).await }
    }

    fn inner(&self) -> Option<&dyn Provider> {
        Some(&self.provider)
    }
}
