//! Where a tenant's tokens come from.

use circle_core_common::credentials::Os;
use circle_core_common::http::Origin;
use circle_core_common::{BuildContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::{AuthorizationServer, Endpoints};

/// Global, US Government, and China by its former and its new name.
const CLOUDS: [&str; 4] = [
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.chinacloudapi.cn",
    "https://login.partner.microsoftonline.cn",
];
const VARIABLE: &str = "AZURE_AUTHORITY_HOST";

/// Whether a text is one part of a path, and a tenant: its id or one of its domains.
pub(crate) fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.bytes().all(allowed) && text.bytes().any(|byte| byte != b'.')
}

/// The cloud that the variable names, or else the global one.
///
/// # Errors
/// `ConfigInvalid` for a host that is none of a cloud of Microsoft's: secrets would be sent to whoever is there.
pub(crate) fn cloud(os: &Os) -> Result<String> {
    let Some(named) = os.variable(VARIABLE)? else { return Ok(CLOUDS[0].to_owned()) };
    let origin = Origin::parse(named.trim()).map_err(|error| error.context(format_args!("`{VARIABLE}`")))?;
    if CLOUDS.contains(&origin.as_str()) {
        return Ok(origin.to_string());
    }
    let text = format!(
        "`{VARIABLE}` names {origin}, which is no cloud of Microsoft's; another host is named by `authority_host` of the config"
    );
    Err(Error::new(ErrorKind::ConfigInvalid, text))
}

/// The tenant's server.
///
/// # Errors
/// `ConfigInvalid` for what is no tenant, and for a host that is no address.
pub(crate) fn server(cx: &BuildContext, host: &str, tenant: &str) -> Result<AuthorizationServer> {
    if !is_tenant(tenant) {
        return Err(Error::new(ErrorKind::ConfigInvalid, "the tenant is neither an id nor a domain"));
    }
    let origin = cx.origin(host).map_err(|error| error.context("the authority host"))?;
    let issuer = format!("{origin}/{tenant}/v2.0");
    let endpoints = Endpoints::new(&issuer).token(format!("{origin}/{tenant}/oauth2/v2.0/token"));
    AuthorizationServer::builder(issuer).endpoints(endpoints).build(cx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_one_part_of_a_path() {
        for text in ["7b795fb9-09d3-42f4-a494-38864f99ba3c", "contoso.onmicrosoft.com", "A-1.z"] {
            assert!(is_tenant(text), "{text}");
        }
        for text in ["", ".", "..", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a b", "a@b", "a:b", "ä", "a\n"] {
            assert!(!is_tenant(text), "{text}");
        }
    }
}
