//! Refresh tokens of several processes in one key-value store.

use std::sync::Arc;

use circle_core::memory::Memory;
use circle_core::{CallContext, Environment, KeyValueStore};
use circle_core_common::credentials::{KeyValueTokens, LOAD};
use circle_core_testkit::credentials::check_token_store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_in_a_key_value_store_pass_the_suite() {
    let tokens = KeyValueTokens::new(KeyValueStore::new(Memory::new())).unwrap().prefix("tokens/");
    let cx = CallContext::new(&Environment::default(), &LOAD, None);
    check_token_store(Arc::new(tokens), &cx).await.unwrap();
}
