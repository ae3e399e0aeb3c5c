//! A credentials file: which kind it is, and a token for it.

use circle_core_common::credentials::Lease;
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::AccessToken;

use crate::authorized_user::AuthorizedUser;
use crate::external_account::ExternalAccount;
use crate::fields::Fields;
use crate::impersonation::Impersonated;
use crate::place::{Place, paid_by};
use crate::service_account::ServiceAccount;
use crate::wanted::Wanted;

/// What a file holds.
pub(crate) struct CredentialsFile {
    kind: Kind,
    /// Who pays for the requests.
    pub(crate) quota_project: Option<String>,
}

enum Kind {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(AuthorizedUser),
    ExternalAccount(Box<ExternalAccount>),
    Impersonated(Box<Impersonated>),
}

impl CredentialsFile {
    /// Reads a file that stands there.
    ///
    /// # Errors
    /// `ConfigInvalid` for what is no such file, or lacks something; `Unsupported` for a kind that is not built.
    pub(crate) fn parse(text: &str, at: &str) -> Result<Self> {
        Self::of(Fields::parse(text, at)?)
    }

    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        let quota_project = fields.text_opt("quota_project_id")?;
        let kind = match &*fields.text("type")? {
            "service_account" => Kind::ServiceAccount(ServiceAccount::of(fields)?),
            "authorized_user" => Kind::AuthorizedUser(AuthorizedUser::of(fields)?),
            "external_account" => Kind::ExternalAccount(Box::new(ExternalAccount::of(fields)?)),
            "impersonated_service_account" => Kind::Impersonated(Box::new(Impersonated::of(fields)?)),
            kind @ ("external_account_authorized_user" | "gdch_service_account") => {
                return Err(fields.unsupported(format_args!("is of the type `{kind}`")));
            }
            // The text may be a secret that was put into the wrong place, so it is not repeated.
            _ => return Err(fields.invalid("is of a type that is not known")),
        };
        Ok(Self { kind, quota_project })
    }

    /// A token.
    pub(crate) async fn token(&self, cx: &CallContext, place: &Place, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        let lease = match &self.kind {
            Kind::ServiceAccount(account) => account.token(cx, place, wanted).await,
            Kind::AuthorizedUser(user) => user.token(cx, place, wanted).await,
            Kind::ExternalAccount(account) => account.token(cx, place, wanted).await,
            // Boxed: what stands behind it is a file of its own.
            Kind::Impersonated(account) => Box::pin(account.token(cx, place, wanted)).await,
        }?;
        lease.try_map(|token| paid_by(token, self.quota_project.as_deref()))
    }
}
