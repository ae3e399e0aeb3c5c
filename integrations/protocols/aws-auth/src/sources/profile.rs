//! Credentials of a profile in the shared files of the AWS tools.

mod files;
mod plan;

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, Fixed, Found, Lease, Link, Os};
use circle_core_common::{BuildContext, CallContext, Error, ErrorKind, Result};
use secrecy::ExposeSecret;

use self::files::SharedFiles;
use self::plan::{Base, Plan};
use super::container::ContainerCredentials;
use super::environment::EnvironmentCredentials;
use super::instance::InstanceCredentials;
use super::process;
use crate::credentials::AwsCredentials;
use crate::outside::Outside;
use crate::profile_file::Profile;
use crate::sts::Sts;

/// How often the files are looked at for a change; until then a refused key is what makes them be read again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A profile of `~/.aws/credentials` and `~/.aws/config`, or of the files that `AWS_SHARED_CREDENTIALS_FILE` and
/// `AWS_CONFIG_FILE` name: a key, a role, a sign-in by SSO, a web identity, a program. The files are read again once they have
/// changed, and whenever temporary credentials are fetched.
#[derive(Debug)]
pub struct ProfileCredentials {
    outside: Outside,
    name: Option<String>,
    files: SharedFiles,
    /// Kept, because it goes on with its last credentials when the metadata service fails.
    instance: InstanceCredentials,
}

impl ProfileCredentials {
    /// The profile that `AWS_PROFILE` names, or else `default`; without such a profile it is not configured.
    #[must_use]
    pub fn new(cx: &BuildContext, os: &Os) -> Self {
        Self::within(Outside::new(cx, os), None)
    }

    /// This profile; without it, the source is broken.
    #[must_use]
    pub fn named(cx: &BuildContext, os: &Os, name: impl Into<String>) -> Self {
        Self::within(Outside::new(cx, os), Some(name.into()))
    }

    pub(crate) fn within(outside: Outside, name: Option<String>) -> Self {
        let (files, instance) = (SharedFiles::new(outside.os.clone()), InstanceCredentials::new(outside.clone(), true));
        Self { outside, name, files, instance }
    }

    /// Does what the plan says; `chosen` is what the profile says that it is of.
    async fn carried_out(&self, cx: &CallContext, plan: Plan, chosen: &Profile) -> Result<Lease<AwsCredentials>> {
        let (name, profile) = &plan.of;
        let of_profile = |error: Error| error.context(format_args!("the profile `{name}`"));
        let found = match plan.base {
            Base::Key(key) if plan.roles.is_empty() => {
                return Ok(Lease::new(key).refresh_from(cx.clock().timestamp() + LOOK_AGAIN));
            }
            Base::Key(key) => Ok(Found::Credential(Lease::new(key))),
            Base::Environment => EnvironmentCredentials::new(self.outside.os.clone()).find(cx).await,
            Base::Container => ContainerCredentials::new(self.outside.clone()).find(cx).await,
            Base::Instance => self.instance.find(cx).await,
            Base::WebIdentity { role, token_file } => {
                let token = self.outside.secret_file(&token_file, "`web_identity_token_file`").await.map_err(of_profile)?;
                let sts = Sts::new(&self.outside, None, Some(profile)).map_err(of_profile)?;
                sts.with_web_identity(cx, &token, &role).await.map(Found::Credential)
            }
            Base::Sso(sso) => sso.credentials(&self.outside, cx, (name, profile)).await.map(Found::Credential),
            Base::Process(command) => {
                process::credentials(&self.outside.os, command.expose_secret()).await.map(Found::Credential)
            }
        };
        let mut lease = match found.map_err(of_profile)? {
            Found::Credential(lease) => lease,
            Found::NotConfigured(why) => {
                let text = format!("the profile `{name}` names a credential source that gives nothing: {why}");
                return Err(Error::new(ErrorKind::ConfigInvalid, text));
            }
        };
        for (name, role) in &plan.roles {
            let of_profile = |error: Error| error.context(format_args!("the profile `{name}`"));
            // All the roles are taken in the region of the profile that was chosen.
            let sts = Sts::new(&self.outside, None, Some(chosen)).map_err(of_profile)?;
            let by = CredentialCache::new(Fixed::new(lease.value().clone()));
            lease = sts.assume_role(cx, by, role).await.map_err(of_profile)?;
        }
        Ok(lease)
    }
}

#[async_trait]
impl Link for ProfileCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        match &self.name {
            Some(name) => format!("profile {name}").into(),
            None => "profile".into(),
        }
    }

    /// # Errors
    /// `ConfigInvalid` when a file cannot be read or understood, the profile is asked for and missing, or it says something by half;
    /// `Unsupported` when it needs a person; `Unauthenticated` when somebody has to sign in; what is answered where it leads to.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let chosen = match &self.name {
            Some(name) => Some((name.clone(), "the config")),
            None => self.outside.os.variable("AWS_PROFILE")?.map(|name| (name.trim().to_owned(), "`AWS_PROFILE`")),
        };
        let name = chosen.as_ref().map_or("default", |(name, _)| name);
        let shared = self.files.read().await?;
        let Some(settings) = shared.profile(name) else {
            let text = format!("there is no profile `{name}` in {}", shared.places);
            return match chosen {
                Some((_, by)) => Err(Error::new(ErrorKind::ConfigInvalid, format!("{text}; {by} names it"))),
                None => Ok(Found::NotConfigured(text.into())),
            };
        };
        match plan::plan(&shared, name)? {
            Some(plan) => self.carried_out(cx, plan, &settings).await.map(Found::Credential),
            None => {
                let text = format!("the profile `{name}` in {} has no credentials", shared.places);
                // A `default` that only sets a region is no choice of credentials; a profile that was chosen is.
                if chosen.is_some() {
                    Err(Error::new(ErrorKind::ConfigInvalid, text))
                } else {
                    Ok(Found::NotConfigured(text.into()))
                }
            }
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
