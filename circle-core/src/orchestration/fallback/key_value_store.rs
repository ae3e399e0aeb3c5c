//! Key-value stores behind one another.

use async_trait::async_trait;
use circle_core_common::interfaces::key_value_store::{
    Change, Consistency, Entry, GetRequest, IncrementRequest, KeyValueStore, KeyValueStoreCapabilities, KeyValueStoreProvider,
    ListRequest, Precondition, TransactionRequest, WatchRequest, Write, WriteRequest, Written,
};
use circle_core_common::{Bulk, CallContext, Page, Result, Watch};

use super::Fallback;
use crate::orchestration::forward::leg_calls;
use crate::orchestration::leg::Leg;
use crate::orchestration::legs::LegCall;
use crate::orchestration::tokens::{Marked, Owner};

leg_calls! {
    KeyValueStore:
    Get(GetRequest) -> Bulk<Option<Entry>> = get;
    WriteEach(WriteRequest) -> Bulk<Written> = write;
    WriteAll(TransactionRequest) -> Vec<Written> = transaction;
    Increment(IncrementRequest) -> i64 = increment;
    List(ListRequest) -> Page<Entry> = list;
    Changes(WatchRequest) -> Watch<Change> = watch;
}

struct GetSome(GetRequest);

#[async_trait]
impl LegCall<KeyValueStore> for GetSome {
    type Answer = Bulk<Option<Entry>>;

    async fn make(&self, leg: &Leg<KeyValueStore>, cx: &CallContext) -> Result<Self::Answer> {
        Get(&self.0).make(leg, cx).await
    }
}

struct WriteSome(WriteRequest);

#[async_trait]
impl LegCall<KeyValueStore> for WriteSome {
    type Answer = Bulk<Written>;

    async fn make(&self, leg: &Leg<KeyValueStore>, cx: &CallContext) -> Result<Self::Answer> {
        WriteEach(&self.0).make(leg, cx).await
    }
}

impl Fallback<KeyValueStore> {
    /// Whose the versions are, and whether the writes are made whatever is there. Each gets its version in its own form.
    fn prepare(&self, writes: &mut [Write]) -> Result<(Owner, bool)> {
        let (mut owner, mut plain) = (Owner::default(), true);
        for write in writes {
            plain &= write.precondition == Precondition::None && write.fence.is_none();
            if let Precondition::IfMatch(version) = &mut write.precondition {
                owner.of(&self.legs, version)?;
            }
        }
        Ok((owner, plain))
    }
}

#[async_trait]
impl KeyValueStoreProvider for Fallback<KeyValueStore> {
    fn capabilities(&self) -> &KeyValueStoreCapabilities {
        self.common()
    }

    async fn get(&self, cx: &CallContext, request: GetRequest) -> Result<Bulk<Option<Entry>>> {
        let strong = request.options.consistency == Consistency::Strong;
        let order = if strong { self.first() } else { self.reads(cx, &Owner::default()) };
        let key = |at: &usize| request.keys[*at].clone();
        let some = |places: &[usize]| GetRequest::new(places.iter().map(key).collect(), request.options.clone());
        self.legs.ask_each(cx, order, request.keys.len(), |places| GetSome(some(places))).await
    }

    async fn write(&self, cx: &CallContext, mut request: WriteRequest) -> Result<Bulk<Written>> {
        let (owner, plain) = self.prepare(&mut request.writes)?;
        let order = self.owned_writes(&owner, plain)?;
        let some = |places: &[usize]| {
            let writes = places.iter().map(|at| request.writes[*at].clone()).collect();
            WriteRequest::new(writes, request.extensions.clone(), request.operation.clone())
        };
        self.legs.ask_each(cx, order, request.writes.len(), |places| WriteSome(some(places))).await
    }

    async fn transaction(&self, cx: &CallContext, mut request: TransactionRequest) -> Result<Vec<Written>> {
        let (owner, plain) = self.prepare(&mut request.writes)?;
        self.ask(cx, self.owned_writes(&owner, plain)?, &WriteAll(&request)).await
    }

    async fn increment(&self, cx: &CallContext, request: IncrementRequest) -> Result<i64> {
        self.ask(cx, self.first(), &Increment(&request)).await
    }

    async fn list(&self, cx: &CallContext, mut request: ListRequest) -> Result<Page<Entry>> {
        let mut owner = Owner::default();
        if let Some(cursor) = &mut request.page.cursor {
            owner.of(&self.legs, cursor)?;
        }
        let strong = owner.leg().is_none() && request.options.consistency == Consistency::Strong;
        let order = if strong { self.first() } else { self.reads(cx, &owner) };
        self.ask(cx, order, &List(&request)).await
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<Change>> {
        self.ask(cx, self.order(), &Changes(&request)).await
    }
}
