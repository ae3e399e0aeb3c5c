//! The managed identity of a server on Azure Arc: whoever can read a file that only some may read is one of them.

use circle_core_common::credentials::{Lease, Os};
use circle_core_common::http::Request;
use circle_core_common::{CallContext, Error, ErrorKind, Result, Sent};
use circle_core_protocol_oidc::{AccessToken, token_set};
use http::StatusCode;

use super::Place;
use super::managed::{Endpoint, RESOURCE_ID_ELSEWHERE};
use crate::config::ManagedIdentity;
use crate::wanted::Wanted;

const VERSION: &str = "2020-06-01";
/// The largest secret that is read.
const SECRET_MAX: usize = 4096;

/// Asks once to be told a file, and once with what is in it.
pub(super) async fn token(cx: &CallContext, place: &Place, endpoint: &Endpoint, wanted: &Wanted) -> Result<Lease<AccessToken>> {
    let target = endpoint.target(VERSION, wanted, &ManagedIdentity::SystemAssigned, RESOURCE_ID_ELSEWHERE);
    let request = || Request::get(target.clone()).header("metadata", "true");
    let asked = cx.clock().timestamp();
    let challenge = endpoint.send(cx, request()?.keep_status(StatusCode::UNAUTHORIZED)).await?;
    if challenge.status != StatusCode::UNAUTHORIZED {
        return Ok(token_set(&challenge, asked)?.lease());
    }
    let path = challenge.header("www-authenticate").and_then(realm);
    let path =
        path.ok_or_else(|| Error::new(ErrorKind::Decode, "Azure Arc asks for no file that could be read").with_sent(Sent::Yes))?;
    let secret = secret(&place.os, path).await?;
    let request = request()?.secret_header("authorization", &format!("Basic {secret}"));
    let request = request.map_err(|_| refused("what is in the file is none that can be sent"))?;
    let asked = cx.clock().timestamp();
    Ok(token_set(&endpoint.send(cx, request).await?, asked)?.lease())
}

/// The file in `Basic realm=…`.
fn realm(challenge: &str) -> Option<&str> {
    let (scheme, rest) = challenge.split_once(' ')?;
    let path = rest.trim().strip_prefix("realm=")?.trim().trim_matches('"');
    (scheme.eq_ignore_ascii_case("basic") && !path.is_empty()).then_some(path)
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, format!("the challenge of Azure Arc is refused: {what}"))
}

/// What is in the file. It has to be one of the agent's keys: else whoever answers could have any file sent to him.
async fn secret(os: &Os, path: &str) -> Result<String> {
    let folder = if cfg!(windows) {
        let data = os.variable("PROGRAMDATA")?.ok_or_else(|| refused("`PROGRAMDATA` is not set"))?;
        format!("{}\\AzureConnectedMachineAgent\\Tokens\\", data.trim_end_matches('\\'))
    } else {
        "/var/opt/azcmagent/tokens/".to_owned()
    };
    let name = path.strip_prefix(&*folder).and_then(|name| name.strip_suffix(".key")).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(refused("the file that it names is no key of its agent"));
    }
    let path = std::path::Path::new(path);
    let missing = || refused("the file that it names is not there; may this user read it (group `himds`)?");
    let secret = os.read(path).await?.ok_or_else(missing)?;
    if secret.len() > SECRET_MAX {
        return Err(refused("the file that it names is too large"));
    }
    Ok(secret.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_a_file() {
        for (challenge, path) in [
            ("Basic realm=/var/opt/azcmagent/tokens/a.key", Some("/var/opt/azcmagent/tokens/a.key")),
            ("basic  realm=\"/a.key\"", Some("/a.key")),
            ("Bearer realm=/a.key", None),
            ("Basic realm=", None),
            ("Basic /a.key", None),
            ("", None),
        ] {
            assert_eq!(realm(challenge), path, "{challenge}");
        }
    }
}
