//! `[package.metadata.circle]` of every provider.

use std::collections::BTreeMap;

use super::rooms::known_interfaces;
use crate::{
    live::servers,
    outcome::Problem,
    workspace::{Circle, Package, Place, Workspace},
};

const MATURITIES: [&str; 3] = ["alpha", "beta", "stable"];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let interfaces = known_interfaces(workspace);
    let mut owners = BTreeMap::<String, String>::new();
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let at = package.file("Cargo.toml");
        let circle = match (&package.place, package.circle()) {
            (Place::Provider { .. }, Some(Ok(circle))) => circle,
            (Place::Provider { .. }, Some(Err(error))) => {
                problems.push(metadata(&at, format!("is not readable: {error}")));
                continue;
            }
            (Place::Provider { .. }, None) => {
                problems.push(metadata(&at, "is missing"));
                continue;
            }
            (_, Some(_)) => {
                problems.push(Problem::new(
                    "metadata",
                    &at,
                    format!("`{}` is no provider, but has `[package.metadata.circle]`", package.name),
                    "remove that table",
                ));
                continue;
            }
            (_, None) => continue,
        };
        problems.extend(complete(package, &circle, &interfaces));
        for service in circle.services.into_keys() {
            if let Some(owner) = owners.insert(service.clone(), package.name.clone()) {
                problems.push(Problem::new(
                    "service-id",
                    &at,
                    format!("the service id `{service}` is also `{owner}`'s"),
                    "service ids are unique in the workspace: rename one",
                ));
            }
        }
    }
    problems
}

fn complete(package: &Package, circle: &Circle, interfaces: &[String]) -> Vec<Problem> {
    let at = package.file("Cargo.toml");
    let mut problems = Vec::new();
    if let Place::Provider { category, .. } = &package.place
        && *category != circle.category
    {
        problems.push(metadata(&at, format!("says category `{}`, the folder says `{category}`", circle.category)));
    }
    if circle.services.is_empty() {
        problems.push(metadata(&at, "names no service"));
    }
    if circle.auth.is_empty() {
        problems.push(metadata(&at, "names no `auth` (`[\"none\"]` where there is none)"));
    }
    match circle.maturity.as_deref() {
        Some(maturity) if MATURITIES.contains(&maturity) => {}
        Some(maturity) => {
            problems.push(metadata(&at, format!("says maturity `{maturity}`, which is none of {}", MATURITIES.join(", "))))
        }
        None => problems.push(Problem::new(
            "metadata",
            &at,
            "`[package.metadata.circle]` has no `maturity`",
            "run `cargo xtask sync`, which writes it",
        )),
    }
    for unknown in circle.live.0.iter().filter(|name| servers::named(name).is_none()) {
        let known: Vec<_> = servers::SERVERS.iter().map(|server| server.name).collect();
        problems.push(metadata(&at, format!("names the server `{unknown}`, which is none of {}", known.join(", "))));
    }
    for (service, offered) in &circle.services {
        for unknown in offered.iter().filter(|name| !interfaces.contains(name)) {
            problems.push(metadata(&at, format!("says that `{service}` offers `{unknown}`, which is no interface")));
        }
    }
    for (service, feature) in &circle.behind {
        if !circle.services.contains_key(service) {
            problems.push(metadata(&at, format!("has `{service}` behind a feature, which is no service of it")));
        }
        if !package.features.contains_key(feature) {
            problems.push(metadata(&at, format!("has `{service}` behind `{feature}`, which is no feature of the crate")));
        }
    }
    let services: Vec<_> = circle.services.keys().collect();
    let integrations: Vec<_> = circle.integrations.keys().collect();
    if services != integrations {
        problems.push(metadata(&at, format!("names the services {services:?} and the integration types of {integrations:?}")));
    }
    problems
}

fn metadata(at: &str, what: impl AsRef<str>) -> Problem {
    Problem::new(
        "metadata",
        at,
        format!("`[package.metadata.circle]` {}", what.as_ref()),
        "write category, services, integrations, auth and live as integrations/data-storage/memory/Cargo.toml does",
    )
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    const MEMORY: &str = "integrations/data-storage/memory/Cargo.toml";

    fn changed(from: &str, to: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.replace(MEMORY, from, to);
        fixture
    }

    #[test]
    fn every_missing_or_wrong_key_is_reported() {
        for (from, to) in [
            ("category = \"data-storage\"\n", ""),
            ("category = \"data-storage\"", "category = \"cloud\""),
            ("auth = [\"none\"]", "auth = []"),
            ("live = \"none\"", "live = \"postgres\""),
            ("live = \"none\"", "life = \"none\""),
            ("maturity = \"beta\"\n", ""),
            ("maturity = \"beta\"", "maturity = \"good\""),
            ("integrations = { memory = \"Memory\" }", "integrations = { memo = \"Memory\" }"),
            ("live = \"none\"", "live = \"none\"\nbehind = { memo = \"seal\" }"),
            ("live = \"none\"", "live = \"none\"\nbehind = { memory = \"seal\" }"),
        ] {
            changed(from, to).expect("metadata", MEMORY);
        }
    }

    #[test]
    fn an_interface_without_folder_is_reported() {
        let fixture = changed("[\"ObjectStore\"]", "[\"ObjectStore\", \"Queue\"]");
        fixture.write("integrations/data-storage/memory/src/queue.rs", "");
        fixture.expect("metadata", MEMORY);
    }

    #[test]
    fn a_provider_without_metadata_is_reported() {
        changed("[package.metadata.circle]", "[package.metadata.other]").expect("metadata", MEMORY);
    }

    #[test]
    fn metadata_of_a_crate_that_is_no_provider_is_reported() {
        let fixture = Fixture::new();
        let manifest = "integrations/protocols/s3/Cargo.toml";
        fixture.append(manifest, "\n[package.metadata.circle]\nlive = \"none\"\n");
        fixture.expect("metadata", manifest);
    }

    #[test]
    fn servers_that_are_known_are_accepted() {
        changed("live = \"none\"", "live = \"s3s\"").expect_clean();
        changed("live = \"none\"", "live = [\"s3s\", \"moto\"]").expect_clean();
        changed("live = \"none\"", "live = [\"s3s\", \"nobody\"]").expect("metadata", MEMORY);
    }

    #[test]
    fn a_service_id_used_twice_is_reported() {
        let fixture = Fixture::new();
        let manifest = "integrations/data-storage/filesystem/Cargo.toml";
        fixture.replace(manifest, "services = { filesystem =", "services = { memory =");
        fixture.replace(manifest, "integrations = { filesystem =", "integrations = { memory =");
        fixture.expect("service-id", MEMORY);
    }
}
