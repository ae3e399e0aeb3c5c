//! What every crate's manifest says: lints, licence, Rust version, few test binaries.

use crate::{
    outcome::Problem,
    workspace::{Package, Workspace},
};

/// Each test binary links the whole crate again; two cover contract and conformance.
const TEST_BINARIES: usize = 2;

/// Lints of the root manifest that the crates inherit, with the level they must have.
const INHERITED: [(&str, &str); 2] = [("unsafe_code", "forbid"), ("missing_docs", "deny")];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems: Vec<_> = workspace.packages.iter().flat_map(package).collect();
    problems.extend(root(workspace));
    problems
}

fn package(package: &Package) -> Vec<Problem> {
    let at = package.file("Cargo.toml");
    let mut problems = Vec::new();
    let lints = package.manifest.get("lints");
    if lints.and_then(|lints| lints.get("workspace")?.as_bool()) != Some(true) {
        problems.push(Problem::new(
            "workspace-lints",
            &at,
            "does not inherit the workspace's lints",
            "add `[lints]` with `workspace = true`",
        ));
    }
    if package.rust_version.is_none() {
        problems.push(Problem::new(
            "rust-version",
            &at,
            "names no `rust-version`",
            "add `rust-version.workspace = true`, or the newer version that it needs",
        ));
    }
    if package.license.is_none() {
        problems.push(Problem::new("licence", &at, "names no licence", "add `license.workspace = true`"));
    }
    let tests = package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "test"));
    let names: Vec<_> = tests.map(|target| target.name.as_str()).collect();
    if names.len() > TEST_BINARIES {
        problems.push(Problem::new(
            "test-binaries",
            &at,
            format!("has {} integration-test binaries ({})", names.len(), names.join(", ")),
            format!("keep at most {TEST_BINARIES}: make the others modules of one of them"),
        ));
    }
    problems
}

fn root(workspace: &Workspace) -> Vec<Problem> {
    let manifest = workspace.text("Cargo.toml").unwrap_or_default();
    let manifest: toml_edit::DocumentMut = manifest.parse().unwrap_or_default();
    INHERITED
        .into_iter()
        .filter(|(lint, level)| {
            let found = manifest.get("workspace").and_then(|table| table.get("lints")?.get("rust")?.get(lint)?.as_str());
            found != Some(level)
        })
        .map(|(lint, level)| {
            Problem::new(
                "root-lints",
                "Cargo.toml",
                format!("`[workspace.lints.rust]` does not set `{lint}` to `{level}`"),
                format!("write `{lint} = \"{level}\"` there"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    #[test]
    fn a_crate_without_the_workspace_lints_is_reported() {
        let fixture = Fixture::new();
        fixture.replace("circle-core/Cargo.toml", "[lints]\nworkspace = true\n", "");
        fixture.expect("workspace-lints", "circle-core/Cargo.toml");
    }

    #[test]
    fn a_crate_without_rust_version_is_reported() {
        let fixture = Fixture::new();
        fixture.replace("xtask/Cargo.toml", "rust-version = \"1.88\"\n", "");
        fixture.expect("rust-version", "xtask/Cargo.toml");
    }

    #[test]
    fn a_crate_without_licence_is_reported() {
        let fixture = Fixture::new();
        fixture.replace("xtask/Cargo.toml", "license = \"Apache-2.0\"\n", "");
        fixture.expect("licence", "xtask/Cargo.toml");
    }

    #[test]
    fn a_third_test_binary_is_reported() {
        let fixture = Fixture::new();
        for name in ["one", "two", "three"] {
            fixture.write(&format!("circle-core/tests/{name}.rs"), "");
        }
        fixture.expect("test-binaries", "circle-core/Cargo.toml");
    }

    #[test]
    fn a_root_that_allows_unsafe_code_is_reported() {
        let fixture = Fixture::new();
        fixture.replace("Cargo.toml", "unsafe_code = \"forbid\"", "unsafe_code = \"deny\"");
        fixture.expect("root-lints", "Cargo.toml");
    }
}
