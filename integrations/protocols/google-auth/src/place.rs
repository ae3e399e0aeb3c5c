//! Where credentials are looked for, and where they may be sent.

use std::sync::Arc;

use circle_core_common::credentials::{CredentialRequest, Lease, Os};
use circle_core_common::http::{BaseUrl, Guard, Origin, Target};
use circle_core_common::{BuildContext, CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::{AccessToken, AuthorizationServer, ClientAuth, Endpoints, OAuthClient};
use http::uri::Scheme;

use crate::file::CredentialsFile;
use crate::wanted::Wanted;

/// Everything at Google's that gives tokens to programs.
const GOOGLE: &str = ".googleapis.com";
/// Where tokens came from before: old files name it.
const ACCOUNTS: &str = "accounts.google.com";
/// Who pays for a request, and whose quota it uses up.
const USER_PROJECT: &str = "x-goog-user-project";

/// The machine, the service, and what the configuration says of both.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) cx: BuildContext,
    pub(crate) os: Os,
    /// What tokens are usually asked for.
    pub(crate) scopes: Arc<[String]>,
    /// Origins beside Google's own that a credentials file may name.
    pub(crate) also_at: Arc<[String]>,
}

impl Place {
    /// A token for the credentials in this text, which stands there.
    pub(crate) async fn token(
        &self,
        cx: &CallContext,
        text: &str,
        at: &str,
        request: &CredentialRequest,
    ) -> Result<Lease<AccessToken>> {
        let wanted = Wanted::of(&self.scopes, request)?;
        let mut file = CredentialsFile::parse(text, at)?;
        if let Some(project) = self.os.variable("GOOGLE_CLOUD_QUOTA_PROJECT")? {
            file.quota_project = Some(project.trim().to_owned());
        }
        file.token(cx, self, &wanted).await
    }

    /// A client of the token endpoint that a file names.
    pub(crate) fn client(&self, field: &str, address: &str, id: &str, auth: ClientAuth) -> Result<OAuthClient> {
        let base = self.google(field, address)?;
        let issuer = base.origin.as_str();
        let server = AuthorizationServer::builder(issuer).endpoints(Endpoints::new(issuer).token(address)).build(&self.cx)?;
        Ok(OAuthClient::new(server, id, auth))
    }

    /// The address in a field that credentials are sent to. Whoever wrote the file would get them, so that it has to be
    /// Google's, or one that the configuration names.
    pub(crate) fn google(&self, field: &str, address: &str) -> Result<BaseUrl> {
        let base = BaseUrl::parse_guarded(address, self.cx.guard());
        let base = base.map_err(|error| error.context(format_args!("`{field}` of the credentials file")))?;
        let origin = &*base.origin;
        let is_usual = *origin.scheme() == Scheme::HTTPS && origin.port() == 443;
        let is_google = is_usual && (origin.host().ends_with(GOOGLE) || (field == "token_uri" && origin.host() == ACCOUNTS));
        if is_google || self.lists(origin) {
            return Ok(base);
        }
        Err(elsewhere(field, &format!("at {origin}, which is not Google's")))
    }

    /// The address in a field that a token is read from. Nothing of this side's goes there but what the file says: any public
    /// server will do; a metadata service, this machine and private networks only where the configuration names them.
    pub(crate) fn token_source(&self, field: &str, address: &str) -> Result<Target> {
        let (address, query) = address.split_once('?').map_or((address, None), |(address, query)| (address, Some(query)));
        let listed = [self.cx.guard(), Guard::metadata()]
            .into_iter()
            .find_map(|guard| BaseUrl::parse_guarded(address, guard).ok().filter(|base| self.lists(&base.origin)));
        let base = match listed {
            Some(base) => base,
            None => BaseUrl::parse_guarded(address, Guard::new())
                .map_err(|_| elsewhere(field, "no `https` address of a public server"))?,
        };
        let mut target = base.target(if address.ends_with('/') { "/" } else { "" });
        if target.path_and_query.is_empty() {
            target.path_and_query.push('/');
        }
        if let Some(query) = query {
            target.path_and_query.push('?');
            target.path_and_query.push_str(query);
        }
        target.clone().into_uri().map_err(|_| elsewhere(field, "no address"))?;
        Ok(target)
    }

    fn lists(&self, origin: &Origin) -> bool {
        let named = |text: &String| Origin::parse_guarded(text, origin.guard().clone()).is_ok_and(|named| named == *origin);
        self.also_at.iter().any(named)
    }
}

fn elsewhere(field: &str, what: &str) -> Error {
    let text = format!("`{field}` of the credentials file is {what}; if it is to be trusted, name its origin in `also_at`");
    Error::new(ErrorKind::ConfigInvalid, text)
}

/// A token that goes with the name of who pays.
pub(crate) fn paid_by(token: AccessToken, project: Option<&str>) -> Result<AccessToken> {
    match project {
        Some(project) => token
            .along(USER_PROJECT, project)
            .map_err(|_| Error::new(ErrorKind::ConfigInvalid, "the quota project is none: no header can carry it")),
        None => Ok(token),
    }
}
