//! What a profile comes to: where the first credentials are from, and which roles are assumed with them, one after the other.

use std::time::Duration;

use circle_core_common::{Error, ErrorKind, Result};
use secrecy::SecretString;

use super::files::Shared;
use crate::credentials::AwsCredentials;
use crate::profile_file::Profile;
use crate::sources::sso::Sso;
use crate::sts::{Role, SESSION_MAX, SESSION_MIN};

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) base: Base,
    /// The profile that the base is of: its name, and what it says.
    pub(super) of: (String, Profile),
    /// The roles, in the order in which they are assumed, each with the name of its profile.
    pub(super) roles: Vec<(String, Role)>,
}

#[derive(Debug)]
pub(super) enum Base {
    Key(AwsCredentials),
    Environment,
    Container,
    Instance,
    WebIdentity {
        role: Role,
        token_file: String,
    },
    Sso(Sso),
    /// Its arguments may be secrets.
    Process(SecretString),
}

/// What a profile, which is there, comes to; `None` where it says nothing of credentials.
///
/// # Errors
/// `ConfigInvalid` for what is half said or leads in a circle; `Unsupported` for a way that needs a person.
pub(super) fn plan(shared: &Shared, name: &str) -> Result<Option<Plan>> {
    let mut roles = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut name = name.to_owned();
    loop {
        let wrong = |what: &str| invalid(shared, &name, what);
        let Some(profile) = shared.profile(&name) else {
            let by = seen.last().map(String::as_str).unwrap_or_default();
            // What stands where a name should may be anything.
            return Err(invalid(shared, by, "names a source profile that does not exist"));
        };
        if seen.contains(&name) {
            seen.push(name);
            let circle: Vec<_> = seen.iter().map(|name| format!("`{name}`")).collect();
            let text = format!("the profiles in {} take their roles in a circle: {}", shared.places, circle.join(", "));
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let first = seen.is_empty();
        seen.push(name.clone());
        let planned = |base| Some(Plan { base, of: (name.clone(), profile.clone()), roles: Vec::new() });
        let found = match role(shared, &name, &profile)? {
            // A key of the profile that another one takes its role with comes before a role of its own, as AWS has it.
            Some(_) if !first && key(shared, &name, &profile)?.is_some() => {
                key(shared, &name, &profile)?.and_then(|key| planned(Base::Key(key)))
            }
            Some(role) => {
                roles.push((name.clone(), role));
                match (profile.get("source_profile"), profile.get("credential_source")) {
                    (Some(_), Some(_)) => return Err(wrong("has both `source_profile` and `credential_source`")),
                    (None, None) => {
                        return Err(wrong(
                            "has `role_arn`, but neither `source_profile`, `credential_source` nor `web_identity_token_file`",
                        ));
                    }
                    (Some(source), None) if source != name => {
                        name = source.to_owned();
                        continue;
                    }
                    // Of itself: its own key.
                    (Some(_), None) => base(shared, &name, &profile)?.and_then(planned),
                    (None, Some("Environment")) => planned(Base::Environment),
                    (None, Some("EcsContainer")) => planned(Base::Container),
                    (None, Some("Ec2InstanceMetadata")) => planned(Base::Instance),
                    (None, Some(_)) => {
                        return Err(wrong(
                            "has another `credential_source` than `Environment`, `EcsContainer` and `Ec2InstanceMetadata`",
                        ));
                    }
                }
            }
            None => base(shared, &name, &profile)?.and_then(planned),
        };
        return match found {
            Some(plan) => {
                roles.reverse();
                Ok(Some(Plan { roles, ..plan }))
            }
            None if roles.is_empty() => Ok(None),
            None => Err(wrong("is to give the credentials for a role, and has none")),
        };
    }
}

/// Where the credentials of a profile are from, its role aside.
fn base(shared: &Shared, name: &str, profile: &Profile) -> Result<Option<Base>> {
    if let Some(token_file) = profile.get("web_identity_token_file") {
        let arn = profile.get("role_arn");
        let arn = arn.ok_or_else(|| invalid(shared, name, "has `web_identity_token_file`, but not `role_arn`"))?;
        let role = described(shared, name, profile, arn)?;
        return Ok(Some(Base::WebIdentity { role, token_file: token_file.to_owned() }));
    }
    if let Some(sso) = sso(shared, name, profile)? {
        return Ok(Some(Base::Sso(sso)));
    }
    if profile.get("login_session").is_some() {
        let remedy = "sign in by SSO, or have `credential_process = aws configure export-credentials --format process` in a profile of its own";
        let text = format!("the profile `{name}` in {} signs in by `aws login`, which is not supported; {remedy}", shared.places);
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Base::Process(command.into())));
    }
    if let Some(key) = key(shared, name, profile)? {
        return Ok(Some(Base::Key(key)));
    }
    if profile.get("credential_source").is_some() {
        return Err(invalid(shared, name, "has `credential_source`, but not `role_arn`"));
    }
    Ok(None)
}

fn key(shared: &Shared, name: &str, profile: &Profile) -> Result<Option<AwsCredentials>> {
    match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            let credentials = AwsCredentials::new(id, secret);
            Ok(Some(match profile.get("aws_session_token") {
                Some(token) => credentials.session_token(token),
                None => credentials,
            }))
        }
        (Some(_), None) => Err(invalid(shared, name, "has `aws_access_key_id`, but not `aws_secret_access_key`")),
        (None, Some(_)) => Err(invalid(shared, name, "has `aws_secret_access_key`, but not `aws_access_key_id`")),
        (None, None) => Ok(None),
    }
}

/// The role that a profile assumes with other credentials. One for a web identity needs none.
fn role(shared: &Shared, name: &str, profile: &Profile) -> Result<Option<Role>> {
    let Some(arn) = profile.get("role_arn") else { return Ok(None) };
    if profile.get("web_identity_token_file").is_some() {
        return Ok(None);
    }
    if profile.get("mfa_serial").is_some() {
        let remedy =
            "nobody is there to type a code: sign in by SSO, or give it the keys that `aws sts get-session-token` prints";
        let text = format!(
            "the profile `{name}` in {} needs an MFA device (`mfa_serial`), which is not supported; {remedy}",
            shared.places
        );
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    described(shared, name, profile, arn).map(Some)
}

fn described(shared: &Shared, name: &str, profile: &Profile, arn: &str) -> Result<Role> {
    let own = |key: &str| profile.get(key).map(str::to_owned);
    let duration = profile.get("duration_seconds").map(|text| {
        let duration = text.parse().ok().map(Duration::from_secs);
        let duration = duration.filter(|duration| (SESSION_MIN..=SESSION_MAX).contains(duration));
        duration.ok_or_else(|| invalid(shared, name, "has a `duration_seconds` that is not from 900 to 43200"))
    });
    Ok(Role {
        arn: arn.to_owned(),
        session_name: own("role_session_name"),
        external_id: own("external_id"),
        duration: duration.transpose()?,
    })
}

fn sso(shared: &Shared, name: &str, profile: &Profile) -> Result<Option<Sso>> {
    let keys = ["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
    if keys.iter().all(|key| profile.get(key).is_none()) {
        return Ok(None);
    }
    let wrong = |what: &str| invalid(shared, name, what);
    let session = profile.get("sso_session");
    let place = match session {
        Some(session) => {
            let found = shared.sso_session(session);
            let found = found.ok_or_else(|| wrong("names an SSO session that does not exist"))?;
            // Said twice, and differently, it would not be known where the token goes.
            for key in ["sso_start_url", "sso_region"] {
                if profile.get(key).is_some_and(|own| found.get(key) != Some(own)) {
                    return Err(wrong(&format!("has another `{key}` than its SSO session `{session}`")));
                }
            }
            found
        }
        None => profile,
    };
    let of = |profile: &Profile, key: &str| {
        profile.get(key).map(str::to_owned).ok_or_else(|| wrong(&format!("signs in by SSO, and `{key}` is missing")))
    };
    Ok(Some(Sso {
        session: session.map(str::to_owned),
        start_url: of(place, "sso_start_url")?,
        region: of(place, "sso_region")?,
        account_id: of(profile, "sso_account_id")?,
        role_name: of(profile, "sso_role_name")?,
    }))
}

fn invalid(shared: &Shared, name: &str, what: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, format!("the profile `{name}` in {} {what}", shared.places))
}

#[cfg(test)]
mod tests;
