//! How a hub is put together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use circle_core_common::access::{AccessControl, Asking, Authorizer};
use circle_core_common::audit::{AuditMode, AuditSink};
use circle_core_common::config::{Problems, Tree};
use circle_core_common::{Environment, Handle, Result, Service};

use super::Hub;
use super::audit;
use super::plan::{Plan, plan};
use crate::registry::Registry;

/// Where the config comes from.
enum Source {
    None,
    File(PathBuf),
    Toml { text: String, name: String },
}

/// Builds a [`Hub`]: config, profile, environment overlay, providers, ready handles.
#[must_use]
pub struct HubBuilder {
    source: Source,
    profile: Option<String>,
    variables: Option<Vec<(std::ffi::OsString, std::ffi::OsString)>>,
    prefix: String,
    registry: Option<Registry>,
    ready: Vec<(String, Result<Vec<Service>>)>,
    environment: Environment,
    access: Option<Arc<dyn AccessControl>>,
    audit: Option<(Arc<dyn AuditSink>, AuditMode)>,
}

impl HubBuilder {
    pub(super) fn new() -> Self {
        Self {
            source: Source::None,
            profile: None,
            variables: None,
            prefix: "CIRCLE".to_owned(),
            registry: None,
            ready: Vec::new(),
            environment: Environment::default(),
            access: None,
            audit: None,
        }
    }

    /// Reads this file, TOML or JSON by its ending. The profile and the variables that [`Hub::from_file`](super::Hub::from_file)
    /// lays over it come with [`environment`](Self::environment).
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.source = Source::File(path.as_ref().to_owned());
        self
    }

    /// Reads this text as TOML; `name` stands for the file in messages.
    pub fn toml(mut self, text: impl Into<String>, name: impl Into<String>) -> Self {
        self.source = Source::Toml { text: text.into(), name: name.into() };
        self
    }

    /// Lays this profile over the config.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Lays the process's variables that begin with `<prefix>__` over the config, as
    /// `CIRCLE__SERVICES__DOCUMENTS__BUCKET`, and takes the profile from `<prefix>_PROFILE` unless one is chosen.
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self.variables = Some(std::env::vars_os().collect());
        self
    }

    /// As [`environment`](Self::environment), with these variables in place of the process's.
    pub fn variables<N: Into<std::ffi::OsString>, V: Into<std::ffi::OsString>>(
        mut self,
        prefix: impl Into<String>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.prefix = prefix.into();
        self.variables = Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Uses these providers in place of the enabled ones.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Brings a ready handle as the service of this name, in place of a configured one: a fake, a composition.
    ///
    /// Another handle under the same name adds its interface to the service; `health` asks the first one's provider.
    pub fn service<H: Handle>(mut self, name: impl Into<String>, handle: H) -> Self {
        let name = name.into();
        let offered = Service::of(handle.clone());
        match (self.ready.iter_mut().find(|(other, _)| *other == name), offered) {
            (Some((_, Ok(services))), Ok(offered)) => {
                services[0] = services[0].clone().offer::<H>(handle);
                services.push(offered);
            }
            // The first failure is what `build` tells.
            (Some((_, services @ Ok(_))), Err(error)) => *services = Err(error),
            (Some((_, Err(_))), _) => {}
            (None, offered) => self.ready.push((name, offered.map(|offered| vec![offered]))),
        }
        self
    }

    /// Takes clock, randomness and everything else around the calls from here.
    pub fn within(mut self, environment: impl Into<Environment>) -> Self {
        self.environment = environment.into();
        self
    }

    /// Asks this access control before every call, in place of a configured one.
    pub fn access(mut self, access: impl AccessControl) -> Self {
        self.access = Some(Arc::new(access));
        self
    }

    /// Asks this policy engine before every call, in place of configured rules.
    pub fn authorizer(self, engine: impl Authorizer) -> Self {
        self.access(Asking(engine))
    }

    /// Writes every call into this sink, in place of a configured one.
    pub fn audit(mut self, sink: impl AuditSink, mode: AuditMode) -> Self {
        self.audit = Some((Arc::new(sink), mode));
        self
    }

    /// Validates everything, builds every service, and asks those that are `required` for their health.
    ///
    /// # Errors
    /// `ConfigInvalid` with every problem of the config; what a required service says. A service that is not required
    /// and cannot be reached does not stop the start: it is degraded, and the hub keeps trying.
    pub async fn build(self) -> Result<Hub> {
        let plan = self.plan()?;
        let mut environment = self.environment.to_builder().own_lifetime();
        if let Some(access) = self.access {
            environment = environment.access_arc(access);
        } else if let Some(rules) = plan.access {
            environment = environment.access(rules);
        }
        let mut log = None;
        if let Some((sink, mode)) = self.audit {
            environment = environment.audit_arc(sink, mode);
        } else if let Some(config) = plan.audit {
            let opened = audit::open(&config).await?;
            environment = environment.audit_arc(opened.clone(), config.mode);
            log = Some((opened, config));
        }
        let mut ready = Vec::with_capacity(self.ready.len());
        for (name, service) in self.ready {
            ready.push((name, service?));
        }
        let hub = super::start::start(environment.build(), plan.services, ready).await?;
        if let Some((log, config)) = log {
            audit::anchor(&log, &config, &hub)?;
        }
        Ok(hub)
    }

    /// Validates everything, offline.
    ///
    /// # Errors
    /// `ConfigInvalid` with every problem.
    pub fn check(&self) -> Result<()> {
        self.plan().map(drop)
    }

    fn plan(&self) -> Result<Plan> {
        Ok(self.try_plan()?)
    }

    fn try_plan(&self) -> Result<Plan, Problems> {
        let mut tree = match &self.source {
            Source::None => Tree::default(),
            Source::File(path) => Tree::from_file(path)?,
            Source::Toml { text, name } => Tree::from_toml(text, name)?,
        };
        let profile = self.profile.clone().or_else(|| self.profile_variable());
        if let Some(profile) = &profile {
            tree.apply_profile(profile)?;
        }
        if let Some(variables) = &self.variables {
            tree.apply_environment(&self.prefix, variables.iter().cloned())?;
        }
        let names = |(name, services): &(String, Result<Vec<Service>>)| {
            (name.clone(), services.as_ref().map(|services| services[0].interfaces()).unwrap_or_default())
        };
        let ready: BTreeMap<String, Vec<&'static str>> = self.ready.iter().map(names).collect();
        let enabled = self.registry.is_none().then(Registry::with_enabled);
        let Some(registry) = self.registry.as_ref().or(enabled.as_ref()) else { return Ok(Plan::default()) };
        plan(&tree, registry, profile.as_deref(), &ready)
    }

    fn profile_variable(&self) -> Option<String> {
        let wanted = format!("{}_PROFILE", self.prefix);
        let (_, value) = self.variables.as_ref()?.iter().find(|(name, _)| *name == *wanted)?;
        value.to_str().filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::None => "no config".to_owned(),
            Source::File(path) => path.display().to_string(),
            Source::Toml { name, .. } => name.clone(),
        };
        write!(f, "HubBuilder({source}, profile {:?})", self.profile)
    }
}
