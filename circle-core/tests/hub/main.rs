//! The hub: config to handles, problems, references, degraded start, health, shutdown.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod config;
#[cfg(feature = "oidc")]
mod cryptography;
mod life;
mod objectives;
mod resilience;
mod shared_rate;
mod tokens;

use std::sync::atomic::{AtomicBool, Ordering};

use circle_core::memory::Memory;
use circle_core::object_store::{MockObjectStoreProvider, ObjectStoreCapabilities};
use circle_core::{
    BuildContext, Environment, Error, ErrorKind, Health, Hub, Integration, ObjectStore, ProviderInfo, Registry, Result,
    SecretRef, Service, ServiceRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A service over another one, as layer 4 has them: it offers what it refers to.
struct Mirror;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MirrorConfig {
    store: ServiceRef<ObjectStore>,
    #[serde(default)]
    token: Option<SecretRef>,
    #[serde(default)]
    retries: u32,
}

impl Integration for Mirror {
    type Config = MirrorConfig;
    const NAME: &'static str = "mirror";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];

    async fn build(config: MirrorConfig, cx: BuildContext) -> Result<Service> {
        assert!(config.retries < 100 && config.token.is_none());
        Service::of(cx.service(&config.store)?)
    }
}

/// A service that can be reached or not.
struct Switch;

static REACHABLE: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SwitchConfig {}

impl Integration for Switch {
    type Config = SwitchConfig;
    const NAME: &'static str = "switch";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];

    async fn build(_: SwitchConfig, _: BuildContext) -> Result<Service> {
        if REACHABLE.load(Ordering::SeqCst) {
            return Service::of(ObjectStore::new(Memory::new()));
        }
        Err(Error::new(ErrorKind::Connection, "no route to the switch"))
    }
}

fn registry() -> Registry {
    Registry::with_enabled().with::<Mirror>().with::<Switch>()
}

async fn build(toml: &str) -> Result<Hub> {
    Hub::builder().toml(toml, "circle.toml").registry(registry()).build().await
}

/// A mock whose health and close the test sets itself, where it wants others than `ready` has.
fn mock(set: impl FnOnce(&mut MockObjectStoreProvider)) -> MockObjectStoreProvider {
    let mut mock = MockObjectStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(ObjectStoreCapabilities::all());
    set(&mut mock);
    mock.expect_health().returning(|_| Ok(Health::healthy()));
    mock
}
