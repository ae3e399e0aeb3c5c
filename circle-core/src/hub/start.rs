//! Building the services of a plan, and building again what could not be reached.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::secret_store::{SecretStore, SecretStores};
use circle_core_common::resilience::KeyValueRates;
use circle_core_common::resilience::backoff::Backoff;
use circle_core_common::scope::ServiceStats;
use circle_core_common::service::Deferred;
use circle_core_common::{BuildContext, Environment, Error, ErrorKind, HealthState, Result, Service};
use tokio::task::JoinSet;

use super::health::{self, ServiceHealth};
use super::plan::Planned;
use super::{Hub, Slot};

/// How long a required service may take to say that it is healthy.
const REQUIRED_WITHIN: Duration = Duration::from_secs(5);

/// Whether a failed build may succeed later, without anybody changing the config.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Connection | ErrorKind::Timeout)
}

/// The waits between two builds: 1 s, doubling to a minute.
fn healing() -> Backoff {
    Backoff::new().initial_interval(Duration::from_secs(1)).max_interval(Duration::from_secs(60)).randomization_factor(0.2)
}

pub(super) async fn start(environment: Environment, plan: Vec<Planned>, ready: Vec<(String, Vec<Service>)>) -> Result<Hub> {
    let secrets = SecretStores::of(&environment);
    let mut started = Started { environment, secrets, services: BTreeMap::new(), order: Vec::new(), healing: JoinSet::new() };
    for (name, mut services) in ready {
        let service = services.remove(0);
        let provider = service.provider()?.info().name.to_owned();
        let service = service.rebind(&started.environment, &name);
        started.add(Slot { name, provider, service, more: services, required: false });
    }
    for planned in plan {
        if let Err(error) = started.build(planned).await {
            // What was built is closed in order; the first error is what the user needs.
            let hub = started.into_hub();
            let _ = hub.shutdown(REQUIRED_WITHIN).await;
            return Err(error);
        }
    }
    let hub = started.into_hub();
    if let Err(error) = check_required(&hub).await {
        let _ = hub.shutdown(REQUIRED_WITHIN).await;
        return Err(error);
    }
    hub.probe_in_background();
    Ok(hub)
}

struct Started {
    environment: Environment,
    /// Who reads the references of configs.
    secrets: SecretStores,
    services: BTreeMap<String, Slot>,
    order: Vec<String>,
    healing: JoinSet<()>,
}

impl Started {
    fn add(&mut self, slot: Slot) {
        if let Ok(store) = slot.service.get::<SecretStore>(&slot.name) {
            self.secrets.insert(slot.name.clone(), store);
        }
        self.order.push(slot.name.clone());
        self.services.insert(slot.name.clone(), slot);
    }

    fn into_hub(self) -> Hub {
        Hub::new(self.environment, self.services, self.order, self.healing)
    }

    async fn build(&mut self, planned: Planned) -> Result<()> {
        let services = self.services.iter().map(|(name, slot)| (name.clone(), slot.service.clone()));
        let cx = BuildContext::new(self.environment.clone(), planned.name.clone())
            .services(services)
            .resilience(planned.resilience.clone())
            .allow_loopback(planned.common.allow_loopback)
            .with_client_certificate(planned.client_certificate.clone())
            .allow_private(planned.common.allow_private)
            .allow_networks(planned.common.allow_networks.iter().copied())
            .traced(planned.common.trace);
        let cx = match &planned.resilience.rate_limit.store {
            None => cx,
            Some(store) => {
                let rates = KeyValueRates::new(cx.service(store)?);
                let named = |error: Error| error.context(format_args!("the rate limit of `{}`", planned.name));
                cx.rates(Arc::new(rates.map_err(named)?))
            }
        };
        if let Some(slo) = &planned.slo {
            ServiceStats::of(&self.environment, &planned.name).measure(slo);
        }
        let built = build_once(&planned, &cx).await;
        let service = match built {
            Ok(service) => service,
            Err(error) if is_passing(&error) && !planned.common.required => self.heal(&planned, cx, error),
            Err(error) => return Err(error),
        };
        let service = service.rebind(&self.environment, &planned.name);
        let provider = planned.entry.name().to_owned();
        self.add(Slot { name: planned.name, provider, service, more: Vec::new(), required: planned.common.required });
        Ok(())
    }

    /// The service as one that has not started, and a task that keeps trying to start it.
    fn heal(&mut self, planned: &Planned, cx: BuildContext, error: Error) -> Service {
        tracing::warn!(target: "circle", service = planned.name, %error, "the service has not started; trying again");
        let deferred = Arc::new(Deferred::new(&planned.name, planned.entry.name(), planned.entry.interfaces(), error));
        let service = Service::deferred(Arc::clone(&deferred), self.environment.clone());
        let (environment, planned) = (self.environment.clone(), planned.clone());
        self.healing.spawn(async move {
            let mut waits = healing().waits(environment.random());
            // Without randomness the schedule goes on at its slowest.
            while let Some(wait) = waits.next_wait().unwrap_or(Some(Duration::from_secs(60))) {
                environment.clock().sleep(wait).await;
                match build_once(&planned, &cx).await {
                    Ok(service) => {
                        deferred.start(service.rebind(&environment, &planned.name));
                        tracing::info!(target: "circle", service = planned.name, "the service has started");
                        return;
                    }
                    Err(error) if is_passing(&error) => deferred.fail(error),
                    Err(error) => {
                        tracing::error!(target: "circle", service = planned.name, %error, "the service cannot start; given up");
                        deferred.fail(error);
                        return;
                    }
                }
            }
        });
        service
    }
}

/// Builds a service, and holds the provider to what its registry entry says it offers.
async fn build_once(planned: &Planned, cx: &BuildContext) -> Result<Service> {
    let service = planned.entry.build(&planned.node, &planned.path(), cx.clone()).await;
    let service = service.map_err(|error| error.context(format_args!("starting `{}`", planned.name)))?;
    let (offered, promised) = (service.interfaces(), planned.entry.interfaces());
    // What decorates others offers what they do.
    if planned.entry.decorates() || promised.iter().all(|interface| offered.contains(interface)) {
        return Ok(service);
    }
    let text = format!("`{}` offers {} where it promises {}", planned.entry.name(), offered.join(", "), promised.join(", "));
    Err(Error::new(ErrorKind::Internal, text))
}

/// Asks the required services, in parallel; those that are not healthy stop the start, all of them named at once.
async fn check_required(hub: &Hub) -> Result<()> {
    let mut probes = JoinSet::new();
    for slot in hub.slots().filter(|slot| slot.required) {
        let (environment, slot) = (hub.environment().clone(), slot.clone());
        probes.spawn(async move { health::probe(&environment, &slot, REQUIRED_WITHIN).await });
    }
    let mut unfit = Vec::new();
    while let Some(probed) = probes.join_next().await {
        let failed =
            |error| Error::new(ErrorKind::Internal, "the task that asks a service for its health has failed").with_source(error);
        let probed = probed.map_err(failed)?;
        if !matches!(probed.state, HealthState::Healthy | HealthState::Impaired) {
            unfit.push(probed);
        }
    }
    unfit.sort_by(|one, other| one.service.cmp(&other.service));
    let line = |probed: &ServiceHealth| {
        let why = probed.note.clone().unwrap_or_else(|| probed.state.to_string());
        format!("the required service `{}` is {}: {why}", probed.service, probed.state)
    };
    let lines: Vec<String> = unfit.iter().map(line).collect();
    let text = match lines.as_slice() {
        [] => return Ok(()),
        [line] => line.clone(),
        lines => format!("{} required services are not healthy\n{}", lines.len(), lines.join("\n")),
    };
    // What waiting does not mend says more than what it may.
    let errors = unfit.into_iter().filter_map(|probed| probed.error).collect::<Vec<_>>();
    let lasting = errors.iter().position(|error| !is_passing(error)).unwrap_or(0);
    Err(match errors.into_iter().nth(lasting) {
        Some(source) => Error::new(source.kind(), text).with_source(source),
        None => Error::new(ErrorKind::Unavailable, text),
    })
}
