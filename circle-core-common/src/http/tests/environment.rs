//! No variable of the environment weakens TLS or takes requests elsewhere.

use std::process::Command;

use super::server::{Server, ok};
use super::*;
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpTransport, Request, Transport};

/// What other programs take for "do not check certificates".
const SWITCHES: [&str; 26] = [
    "AWS_NO_VERIFY_SSL",
    "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION",
    "BUNDLE_SSL_VERIFY_MODE",
    "CARGO_HTTP_CHECK_REVOKE",
    "CONSUL_HTTP_SSL_VERIFY",
    "CURL_INSECURE",
    "DENO_TLS_CA_STORE",
    "DOCKER_TLS_VERIFY",
    "ELASTICSEARCH_SSL_VERIFICATIONMODE",
    "GIT_SSL_NO_VERIFY",
    "GODEBUG",
    "HTTPX_VERIFY",
    "KUBE_INSECURE_SKIP_TLS_VERIFY",
    "LDAPTLS_REQCERT",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NPM_CONFIG_STRICT_SSL",
    "NOMAD_SKIP_VERIFY",
    "OPENSSL_CONF",
    "PERL_LWP_SSL_VERIFY_HOSTNAME",
    "PIP_TRUSTED_HOST",
    "PYTHONHTTPSVERIFY",
    "RUSTLS_DANGEROUS",
    "SSLKEYLOGFILE",
    "SSL_VERIFY",
    "TF_INSECURE",
    "VAULT_SKIP_VERIFY",
];

/// What may stand in such a variable.
const VALUES: [&str; 12] = ["", "0", "1", "true", "false", "no", "off", "yes", "on", "none", "insecure", "*"];

const PROXIES: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "FTP_PROXY", "REQUEST_METHOD"];

/// Names that nobody has thought of yet, in the way in which people think of them.
fn invented() -> impl Iterator<Item = String> {
    let owners = ["CIRCLE", "CIRCLE_", "REQWEST", "HYPER", "RUSTLS", "AWS", "OPENAI", "SLACK", "VAULT", "TLS", "SSL", "HTTPS"];
    let verbs = ["SKIP", "NO", "DISABLE", "INSECURE", "IGNORE", "DANGEROUS", "ALLOW_INVALID", "ACCEPT_INVALID"];
    let things = ["VERIFY", "TLS_VERIFY", "SSL_VERIFY", "CERTS", "CERTIFICATES", "HOSTNAMES", "TLS"];
    let all = owners.into_iter().flat_map(move |owner| verbs.into_iter().map(move |verb| (owner, verb)));
    all.flat_map(move |(owner, verb)| things.into_iter().map(move |thing| format!("{owner}_{verb}_{thing}")))
}

/// Runs a test of this binary again, by itself, in a process with other variables: this one's belong to all tests.
fn run(test: &str, set: impl FnOnce(&mut Command)) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("http::tests::environment::{test}"), "--ignored", "--nocapture"]);
    set(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_variable_turns_verification_off() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    for value in VALUES {
        run("a_certificate_that_nobody_knows_is_refused", |command| {
            command.envs(SWITCHES.map(|name| (name, value)));
            command.envs(invented().map(|name| (name, value)));
            command.env("SSLKEYLOGFILE", keys.path());
        });
    }
    // Roots that cannot be read are fewer roots, not all of them.
    for (name, value) in [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent"), ("SSL_CERT_FILE", "/dev/null")] {
        run("a_certificate_that_nobody_knows_is_refused", |command| {
            command.env(name, value);
        });
    }
    assert_eq!(std::fs::read(keys.path()).unwrap(), b"", "no key of a session is written down");
}

#[tokio::test]
#[ignore = "run by `no_variable_turns_verification_off`, in a process of its own"]
async fn a_certificate_that_nobody_knows_is_refused() {
    for (name, cause) in [("localhost", "certificate"), ("example.org", "certificate")] {
        let (port, _) = super::tls::start(name).await;
        for transport in transports() {
            let environment = Environment::builder().transport_arc(transport).build();
            let client = client(&environment, &format!("https://localhost:{port}"));
            let error = client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await.unwrap_err();
            // Without any root there is no TLS at all, which is as good.
            let kinds = [ErrorKind::Connection, ErrorKind::ConfigInvalid];
            assert!(kinds.contains(&error.kind()) && error.sent() == Sent::No, "{error:?}");
            assert!(error.is(ErrorKind::ConfigInvalid) || error.message().contains(cause), "{error:?}");
        }
    }
}

#[tokio::test]
async fn no_variable_takes_requests_elsewhere() {
    let trap = Server::start(vec![ok("proxied")]).await;
    let origin = trap.origin();
    let ran = tokio::task::spawn_blocking(move || {
        run("requests_go_where_they_are_sent", |command| {
            command.envs(PROXIES.map(|name| (name, &origin)));
            command.env("NO_PROXY", "").env("no_proxy", "");
        });
    });
    ran.await.unwrap();
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
#[ignore = "run by `no_variable_takes_requests_elsewhere`, in a process of its own"]
async fn requests_go_where_they_are_sent() {
    let server = Server::start(vec![ok("direct")]).await;
    for transport in transports() {
        let environment = Environment::builder().transport_arc(transport).build();
        let client = client(&environment, &server.origin());
        let answer = client.send(&context(&environment), &GET, Request::get(target(&client, "/a"))).await.unwrap();
        assert_eq!(answer.body, "direct");
    }
}

/// Those of this crate, as they are made without a word; reqwest's wants roots to be made at all.
fn transports() -> Vec<Arc<dyn Transport>> {
    let own: Arc<dyn Transport> = Arc::new(HttpTransport::default());
    #[cfg(feature = "reqwest")]
    let other = crate::http::ReqwestTransport::builder().build().map(|transport| Arc::new(transport) as Arc<dyn Transport>);
    #[cfg(not(feature = "reqwest"))]
    let other: crate::error::Result<Arc<dyn Transport>> =
        Err(crate::error::Error::new(ErrorKind::Unsupported, "there is no second one"));
    std::iter::once(own).chain(other).collect()
}
