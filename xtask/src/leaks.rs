//! `leaks`: every provider of the workspace, searched for its secrets in everything that it lets out.

use std::process::ExitCode;

use crate::outcome::Result;

pub(crate) const HELP: &str = "\
Builds every service of every provider from the schema of its config, with a canary in every place of a secret, makes its calls
against servers that answer, refuse, repeat what they were sent, redirect, break or never answer, and searches spans, events,
metrics, audit records, errors, `Debug` and panics for the secrets in every encoding. No config key may say that certificates are not
verified. A new provider is in it by itself.

Usage: cargo xtask leaks [SERVICE…]

Exit code: 0 clean, 1 problems (one line each), 2 the facade does not build with every provider.";

#[cfg(not(feature = "leaks"))]
pub(crate) fn run(_: lexopt::Parser) -> Result<ExitCode> {
    use crate::outcome::Context as _;
    use crate::workspace::Workspace;

    let here = std::env::current_dir().context("finding the current folder")?;
    let workspace = Workspace::load(&here)?;
    let mut features = workspace.facade_providers();
    features.push("orchestration");
    crate::product::again_with("leaks", &features)
}

#[cfg(feature = "leaks")]
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use circle_core_testkit::{Failed, LeakMatrix};

    use crate::outcome::{Problem, Problems};

    let mut only = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Value(name) => only.push(name.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    // Callbacks panic on purpose; what their panics say is looked at, and need not be read.
    std::panic::set_hook(Box::new(|_| {}));
    let mut problems = Problems::default();
    let registry = circle_core::Registry::with_enabled();
    for entry in registry.iter().filter(|entry| only.is_empty() || only.iter().any(|name| name == entry.name())) {
        let switches = switches(&entry.schema());
        let remedy = "certificates are always verified: take the key away";
        problems.extend(
            switches.into_iter().map(|key| Problem::new("tls-switch", entry.name(), format!("has the key `{key}`"), remedy)),
        );
        let build = *entry;
        let matrix = LeakMatrix::new(entry.name(), entry.schema(), entry.is_remote(), move |config, cx| async move {
            build.build_json(&config.to_string(), cx).await
        });
        match matrix.run() {
            Ok(()) => println!("{}: nothing leaks", entry.name()),
            Err(Failed::Skipped(why)) => println!("{}: {why}", entry.name()),
            Err(failed) => {
                let remedy = "keep the secret out of it";
                problems.extend(failed.to_string().lines().map(|line| Problem::new("leak", entry.name(), line, remedy)));
            }
        }
    }
    Ok(problems.finish("leaks"))
}

/// The keys by whose names somebody would think that they turn the verification of certificates off.
#[cfg(any(feature = "leaks", test))]
fn switches(schema: &serde_json::Value) -> Vec<String> {
    use serde_json::Value;

    let named = |key: &str| {
        let key = key.to_ascii_lowercase().replace('-', "_");
        let whole = ["insecure", "verify", "tls_verify", "ssl_verify", "verify_tls", "verify_ssl", "dangerous"];
        let parts =
            ["skip_verif", "no_verif", "insecure_", "_insecure", "accept_invalid", "allow_invalid", "ignore_cert", "trust_all"];
        whole.contains(&key.as_str()) || parts.iter().any(|part| key.contains(part))
    };
    match schema {
        Value::Object(all) => {
            let keys = schema["properties"].as_object().into_iter().flat_map(|keys| keys.keys());
            let own = keys.filter(|key| named(key)).cloned();
            own.chain(all.values().flat_map(switches)).collect()
        }
        Value::Array(all) => all.iter().flat_map(switches).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::switches;

    #[test]
    fn a_switch_is_found_wherever_it_is() {
        let schema = serde_json::json!({
            "properties": { "insecure": {}, "verified_domains": {}, "endpoint": {} },
            "$defs": { "Tls": { "properties": { "skip-verify": {}, "accept_invalid_certs": {}, "roots": {} } } },
        });
        assert_eq!(switches(&schema), ["insecure", "accept_invalid_certs", "skip-verify"]);
    }
}
