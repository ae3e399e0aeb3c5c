//! What a token is asked for.

use circle_core_common::credentials::CredentialRequest;
use circle_core_common::{Error, ErrorKind, Result};

/// What stands behind a resource to mean all that was granted for it.
const DEFAULT: &str = "/.default";

/// What a token is to be good for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The application that the token is for: `https://storage.azure.com`.
    pub(crate) resource: String,
    /// What a service challenged the caller for.
    pub(crate) claims: Option<String>,
}

impl Wanted {
    /// What `request` asks for, by one who usually needs this resource.
    ///
    /// # Errors
    /// `Unsupported` for more than one resource, other scopes than `resource/.default`, an audience and a subject.
    pub(crate) fn of(usual: &str, request: &CredentialRequest) -> Result<Self> {
        if request.named_audience().is_some() || request.named_subject().is_some() {
            return Err(cannot("an audience or a subject"));
        }
        let mut scopes = request.named_scopes();
        let resource = match (scopes.next(), scopes.next()) {
            (None, _) => usual.strip_suffix(DEFAULT).unwrap_or(usual),
            (Some(scope), None) => scope.strip_suffix(DEFAULT).ok_or_else(|| cannot("another scope than `resource/.default`"))?,
            (Some(_), Some(_)) => return Err(cannot("several scopes: a token is for one resource")),
        };
        if resource.is_empty() {
            return Err(Error::new(ErrorKind::ConfigInvalid, "the resource that a token is asked for is blank"));
        }
        Ok(Self { resource: resource.to_owned(), claims: request.named_claims().map(str::to_owned) })
    }

    /// As the token endpoint calls it.
    pub(crate) fn scope(&self) -> String {
        format!("{}{DEFAULT}", self.resource)
    }

    /// Of credentials that choose the resource and nothing else.
    pub(crate) fn only_resource(&self) -> Result<()> {
        if self.claims.is_some() { Err(cannot("claims")) } else { Ok(()) }
    }
}

fn cannot(choose: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("Entra credentials of this kind cannot be asked for {choose}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_one_scope() {
        for (usual, resource, scope) in [
            ("https://storage.azure.com", "https://storage.azure.com", "https://storage.azure.com/.default"),
            ("https://storage.azure.com/.default", "https://storage.azure.com", "https://storage.azure.com/.default"),
            // The slash belongs to the name of the resource.
            ("https://management.azure.com/", "https://management.azure.com/", "https://management.azure.com//.default"),
            ("api://orders", "api://orders", "api://orders/.default"),
        ] {
            let wanted = Wanted::of(usual, &CredentialRequest::new()).unwrap();
            assert_eq!((&*wanted.resource, &*wanted.scope()), (resource, scope));
        }
        let other = Wanted::of("a", &CredentialRequest::new().scopes(["https://vault.azure.net/.default"])).unwrap();
        assert_eq!(other.resource, "https://vault.azure.net");
        for asked in [
            CredentialRequest::new().scopes(["a/.default", "b/.default"]),
            CredentialRequest::new().scopes(["User.Read"]),
            CredentialRequest::new().audience("a"),
            CredentialRequest::new().subject("ann"),
        ] {
            assert!(Wanted::of("a", &asked).unwrap_err().is(ErrorKind::Unsupported), "{asked:?}");
        }
        assert!(Wanted::of("/.default", &CredentialRequest::new()).unwrap_err().is(ErrorKind::ConfigInvalid));
    }
}
