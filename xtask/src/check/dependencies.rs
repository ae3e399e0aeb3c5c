//! Who may depend on whom.

use crate::{
    outcome::Problem,
    workspace::{COMMON, Dependency, Package, Place, Workspace},
};

const DEFAULT_PROVIDERS: [&str; 2] = ["filesystem", "memory"];

/// The provider that other providers may use in their tests.
const FAKE: &str = "circle-core-memory";

/// Clients of HTTP: the transport of the common crate names them, and nobody else.
pub(super) const HTTP_STACK: [&str; 4] = ["hyper", "hyper-rustls", "hyper-util", "reqwest"];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &workspace.packages {
        if package.place == Place::Unknown {
            problems.push(Problem::new(
                "unknown-place",
                package.file("Cargo.toml"),
                format!("`{}` stands outside the layout", package.name),
                "move it to a folder that the layout names, or leave it out of the workspace",
            ));
        }
        for dependency in &package.dependencies {
            if let Some(target) = workspace.package(&dependency.name) {
                problems.extend(inside(package, target, dependency));
            }
            problems.extend(http_stack(package, dependency));
        }
        problems.extend(features(package));
    }
    problems
}

/// A dependency on another crate of the workspace.
fn inside(from: &Package, to: &Package, dependency: &Dependency) -> Option<Problem> {
    use Place::{Common, Facade, Leaf, Protocol, Provider, Testkit};
    let dev = dependency.is_dev();
    let (rule, why, remedy) = match (&from.place, &to.place) {
        (_, Leaf) => {
            ("leaf-dependency", "nothing depends on examples, benches or xtask", "move what is shared into a library crate")
        }
        (Common, _) => (
            "common-dependency",
            "the common crate depends on no other crate of the workspace",
            "its own tests use the suites directly",
        ),
        (Testkit, to) if *to != Common => {
            ("testkit-dependency", "the testkit depends on the common crate only", "remove the dependency")
        }
        (Provider { .. } | Protocol, Testkit) if !dev => {
            ("testkit-not-dev", "the testkit is for tests", "make it a dev-dependency")
        }
        (Facade, Testkit) if !dev && !dependency.optional => {
            ("testkit-not-dev", "the testkit is for tests", "make it a dev-dependency, or optional")
        }
        // The fake of the storage interfaces: docs/decisions/0006-memory-in-tests.md.
        (Provider { .. }, Provider { .. }) if dev && to.name == FAKE => return None,
        (Provider { .. }, Provider { .. }) => (
            "provider-on-provider",
            "a provider never depends on another provider",
            "move what both need to integrations/protocols",
        ),
        (Protocol, Provider { .. }) => {
            ("protocol-dependency", "a protocol crate depends on the common crate and other protocols", "remove the dependency")
        }
        (Provider { .. } | Protocol, Facade) => {
            ("provider-on-facade", "a provider never depends on the facade", "what it needs is in circle-core-common")
        }
        (Facade, Provider { .. }) if !dev && !dependency.optional => (
            "facade-provider-not-optional",
            "the facade depends on providers only as optional dependencies",
            "run `cargo xtask sync`, which writes them",
        ),
        _ => return None,
    };
    Some(Problem::new(rule, from.file("Cargo.toml"), format!("`{}` depends on `{}`, but {why}", from.name, to.name), remedy))
}

/// They stand behind the trait `Transport`, so that applications can bring their own.
fn http_stack(package: &Package, dependency: &Dependency) -> Option<Problem> {
    let allowed = match package.place {
        Place::Leaf => true,
        Place::Common => dependency.optional || dependency.is_dev(),
        _ => false,
    };
    (HTTP_STACK.contains(&dependency.name.as_str()) && !allowed).then(|| {
        Problem::new(
            "http-stack",
            package.file("Cargo.toml"),
            format!("`{}` depends on `{}`", package.name, dependency.name),
            "send through `circle_core_common::http`; only its transport, behind the feature `http`, names an HTTP client",
        )
    })
}

fn features(package: &Package) -> Vec<Problem> {
    let at = package.file("Cargo.toml");
    let mut problems = Vec::new();
    let mut default: Vec<_> = package.features.get("default").into_iter().flatten().map(String::as_str).collect();
    default.sort_unstable();
    match package.place {
        Place::Common => {
            if !default.is_empty() {
                problems.push(Problem::new(
                    "common-default-features",
                    &at,
                    format!("`{COMMON}` turns on {} by default", default.join(", ")),
                    "keep its default features empty: a provider names what it needs",
                ));
            }
            for (feature, enables) in &package.features {
                let client = enables.iter().find_map(|enabled| {
                    let name = enabled.strip_prefix("dep:").unwrap_or(enabled).split(['/', '?']).next()?;
                    HTTP_STACK.contains(&name).then_some(name)
                });
                // A second client comes with the pipeline that it stands behind.
                let piped = feature == "http" || enables.iter().any(|enabled| enabled == "http");
                if let Some(client) = client.filter(|_| !piped) {
                    problems.push(Problem::new(
                        "http-stack",
                        &at,
                        format!("the feature `{feature}` turns on `{client}`"),
                        "only the feature `http` does",
                    ));
                }
            }
        }
        Place::Facade => {
            if default != DEFAULT_PROVIDERS {
                problems.push(Problem::new(
                    "facade-default-features",
                    &at,
                    format!("the default features are [{}]", default.join(", ")),
                    format!("make them [{}]", DEFAULT_PROVIDERS.join(", ")),
                ));
            }
            for (feature, enables) in &package.features {
                for weak in enables.iter().filter(|enabled| enabled.contains("?/")) {
                    problems.push(Problem::new(
                        "facade-weak-feature",
                        &at,
                        format!("the feature `{feature}` names `{weak}`"),
                        "the facade has no `dep?/feature`: let the provider's own default decide",
                    ));
                }
            }
        }
        _ => {}
    }
    problems
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    const MEMORY: &str = "integrations/data-storage/memory/Cargo.toml";

    fn depends(from: &str, section: &str, line: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.append(from, &format!("\n[{section}]\n{line}\n"));
        fixture
    }

    #[test]
    fn common_on_the_workspace_is_reported() {
        depends("circle-core-common/Cargo.toml", "dev-dependencies", "circle-core-testkit = { path = \"testkit\" }")
            .expect("common-dependency", "circle-core-common/Cargo.toml");
    }

    #[test]
    fn testkit_on_a_provider_is_reported() {
        depends(
            "circle-core-common/testkit/Cargo.toml",
            "dev-dependencies",
            "circle-core-memory = { path = \"../../integrations/data-storage/memory\" }",
        )
        .expect("testkit-dependency", "circle-core-common/testkit/Cargo.toml");
    }

    #[test]
    fn testkit_outside_tests_is_reported() {
        let fixture = Fixture::new();
        fixture.replace(MEMORY, "[dev-dependencies]", "[build-dependencies]");
        fixture.expect("testkit-not-dev", MEMORY);
    }

    #[test]
    fn provider_on_provider_is_reported_even_for_tests() {
        depends(MEMORY, "target.'cfg(unix)'.dev-dependencies", "circle-core-filesystem = { path = \"../filesystem\" }")
            .expect("provider-on-provider", MEMORY);
    }

    #[test]
    fn tests_may_use_memory_and_nothing_else_may() {
        const FILESYSTEM: &str = "integrations/data-storage/filesystem/Cargo.toml";
        let memory = "circle-core-memory = { path = \"../memory\" }";
        depends(FILESYSTEM, "target.'cfg(unix)'.dev-dependencies", memory).expect_clean();
        depends(FILESYSTEM, "target.'cfg(unix)'.dependencies", memory).expect("provider-on-provider", FILESYSTEM);
    }

    #[test]
    fn provider_on_facade_is_reported() {
        depends(MEMORY, "target.'cfg(unix)'.dependencies", "circle-core = { path = \"../../../circle-core\" }")
            .expect("provider-on-facade", MEMORY);
    }

    #[test]
    fn protocol_on_provider_is_reported() {
        depends(
            "integrations/protocols/s3/Cargo.toml",
            "dependencies",
            "circle-core-memory = { path = \"../../data-storage/memory\" }",
        )
        .expect("protocol-dependency", "integrations/protocols/s3/Cargo.toml");
    }

    #[test]
    fn a_required_provider_in_the_facade_is_reported() {
        let fixture = Fixture::new();
        fixture.replace(
            "circle-core/Cargo.toml",
            "memory\", version = \"0.1.0\", optional = true",
            "memory\", version = \"0.1.0\", optional = false",
        );
        fixture.replace("circle-core/Cargo.toml", "[\"dep:circle-core-memory\"]", "[]");
        fixture.expect("facade-provider-not-optional", "circle-core/Cargo.toml");
    }

    #[test]
    fn depending_on_a_leaf_is_reported() {
        depends("benches/Cargo.toml", "dependencies", "circle-core-examples = { path = \"../examples\" }")
            .expect("leaf-dependency", "benches/Cargo.toml");
    }

    #[test]
    fn an_http_client_outside_common_is_reported() {
        depends(MEMORY, "target.'cfg(unix)'.dependencies", "reqwest = { version = \"0.13\", optional = true }")
            .expect("http-stack", MEMORY);
    }

    #[test]
    fn an_http_client_by_another_feature_than_http_is_reported() {
        let fixture = depends("circle-core-common/Cargo.toml", "dependencies", "hyper = { version = \"1\", optional = true }");
        fixture.append("circle-core-common/Cargo.toml", "\n[features]\nhttp = [\"dep:hyper\"]\n");
        fixture.expect_clean();
        fixture.append("circle-core-common/Cargo.toml", "proxies = [\"http\", \"dep:hyper\"]\n");
        fixture.expect_clean();
        fixture.append("circle-core-common/Cargo.toml", "config = [\"dep:hyper\"]\n");
        fixture.expect("http-stack", "circle-core-common/Cargo.toml");
    }

    #[test]
    fn default_features_of_common_are_reported() {
        let fixture = Fixture::new();
        fixture.append("circle-core-common/Cargo.toml", "\n[features]\ndefault = [\"config\"]\nconfig = []\n");
        fixture.expect("common-default-features", "circle-core-common/Cargo.toml");
    }

    #[test]
    fn other_default_features_of_the_facade_are_reported() {
        let fixture = Fixture::new();
        fixture.replace("circle-core/Cargo.toml", "default = [\"memory\", \"filesystem\"]", "default = [\"memory\"]");
        fixture.expect("facade-default-features", "circle-core/Cargo.toml");
    }

    #[test]
    fn a_weak_feature_of_the_facade_is_reported() {
        let fixture = Fixture::new();
        fixture.replace("circle-core/Cargo.toml", "[features]\n", "[features]\nextra = [\"circle-core-memory?/extra\"]\n");
        fixture.append(MEMORY, "\n[features]\nextra = []\n");
        fixture.expect("facade-weak-feature", "circle-core/Cargo.toml");
    }

    #[test]
    fn a_crate_outside_the_layout_is_reported() {
        let fixture = Fixture::new();
        fixture.crate_at("tools", "circle-core-tools", "");
        fixture.replace("Cargo.toml", "\"xtask\"", "\"xtask\", \"tools\"");
        fixture.expect("unknown-place", "tools/Cargo.toml");
    }
}
