//! The rooms of every interface folder and every provider folder.

use crate::{
    outcome::Problem,
    workspace::{CATEGORIES, INTERFACES, PROTOCOLS, Place, Workspace, camel_case, folders, snake_case},
};

const INTERFACE_ROOMS: [&str; 6] = ["mod", "provider", "types", "capabilities", "conformance", "mock"];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = interfaces(workspace);
    problems.extend(integrations(workspace));
    for provider in workspace.providers() {
        for interface in provider.interfaces() {
            let room = format!("src/{}", snake_case(interface));
            let at = provider.package.file(&room);
            if !is_module(workspace, &at) {
                problems.push(missing(&format!("{at}.rs"), format!("implements {interface} as the metadata says")));
            }
        }
    }
    problems
}

/// The interfaces that have a folder, by handle name.
pub(super) fn known_interfaces(workspace: &Workspace) -> Vec<String> {
    folders(&workspace.path(INTERFACES)).iter().map(|folder| camel_case(folder)).collect()
}

fn interfaces(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in folders(&workspace.path(INTERFACES)) {
        for room in INTERFACE_ROOMS {
            let at = format!("{INTERFACES}/{folder}/{room}");
            if !is_module(workspace, &at) {
                problems.push(Problem::new(
                    "interface-rooms",
                    format!("{at}.rs"),
                    format!("the interface `{folder}` lacks this room"),
                    format!("every interface has {}", INTERFACE_ROOMS.map(|room| format!("{room}.rs")).join(" ")),
                ));
            }
        }
    }
    problems
}

fn integrations(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for category in folders(&workspace.path("integrations")) {
        let at = format!("integrations/{category}");
        if !CATEGORIES.contains(&&*category) {
            problems.push(Problem::new(
                "category",
                &at,
                format!("`{category}` is no category"),
                format!("use one of {}", CATEGORIES.join(", ")),
            ));
        }
        for provider in folders(&workspace.path(&at)) {
            problems.extend(crate_rooms(workspace, &category, &provider));
        }
    }
    problems
}

fn crate_rooms(workspace: &Workspace, category: &str, provider: &str) -> Vec<Problem> {
    let dir = format!("integrations/{category}/{provider}");
    let mut problems = Vec::new();
    let manifest = format!("{dir}/Cargo.toml");
    if !workspace.path(&manifest).is_file() {
        return vec![missing(&manifest, "makes the folder a crate".to_owned())];
    }
    let protocol = category == PROTOCOLS;
    let rooms: &[(&str, &str)] = if protocol {
        &[("src/lib.rs", "is its public face")]
    } else {
        &[
            ("README.md", "is the provider's page"),
            ("src/lib.rs", "is its public face"),
            ("src/config.rs", "holds its config struct"),
            ("tests/conformance.rs", "runs the suites of its interfaces"),
        ]
    };
    for (room, purpose) in rooms {
        let at = format!("{dir}/{room}");
        let there = match at.strip_suffix(".rs") {
            Some(module) => is_module(workspace, module),
            None => workspace.path(&at).is_file(),
        };
        if !there {
            problems.push(missing(&at, (*purpose).to_owned()));
        }
    }
    let Some(package) = workspace.packages.iter().find(|package| package.dir == dir) else {
        return problems;
    };
    let expected = if protocol { format!("circle-core-protocol-{provider}") } else { format!("circle-core-{provider}") };
    if package.name != expected {
        problems.push(Problem::new(
            "package-name",
            package.file("Cargo.toml"),
            format!("the package is called `{}`", package.name),
            format!("folder and package agree: call it `{expected}`"),
        ));
    }
    if matches!(package.place, Place::Provider { .. }) && !conformance_has_own_main(package) {
        problems.push(Problem::new(
            "conformance-harness",
            package.file("Cargo.toml"),
            "`tests/conformance.rs` is not declared with `harness = false`",
            "add `[[test]]` with `name = \"conformance\"` and `harness = false`: the suite lists its own cases",
        ));
    }
    problems
}

fn conformance_has_own_main(package: &crate::workspace::Package) -> bool {
    let tests = package.manifest.get("test");
    tests.and_then(|tests| tests.as_array_of_tables()).into_iter().flatten().any(|test| {
        test.get("name").and_then(|name| name.as_str()) == Some("conformance")
            && test.get("harness").and_then(|harness| harness.as_bool()) == Some(false)
    })
}

/// A room is one file, or a folder once it is large.
fn is_module(workspace: &Workspace, path: &str) -> bool {
    workspace.path(&format!("{path}.rs")).is_file() || workspace.path(&format!("{path}/mod.rs")).is_file()
}

fn missing(at: &str, purpose: String) -> Problem {
    Problem::new(
        "provider-rooms",
        at,
        "this room is missing",
        format!("write the file that {purpose}; `cargo xtask new-integration` shows one"),
    )
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    #[test]
    fn a_missing_interface_room_is_reported() {
        let fixture = Fixture::new();
        let mock = "circle-core-common/src/interfaces/object_store/mock.rs";
        fixture.remove(mock);
        fixture.expect("interface-rooms", mock);
    }

    #[test]
    fn a_room_may_be_a_folder() {
        let fixture = Fixture::new();
        let interface = "circle-core-common/src/interfaces/object_store";
        fixture.remove(&format!("{interface}/types.rs"));
        fixture.write(&format!("{interface}/types/mod.rs"), "");
        fixture.expect_clean();
    }

    #[test]
    fn a_missing_provider_room_is_reported() {
        for room in ["README.md", "src/config.rs", "src/object_store.rs"] {
            let fixture = Fixture::new();
            let room = format!("integrations/data-storage/memory/{room}");
            fixture.remove(&room);
            fixture.expect("provider-rooms", &room);
        }
    }

    #[test]
    fn a_folder_that_is_no_crate_is_reported() {
        let fixture = Fixture::new();
        fixture.write("integrations/protocols/notes/readme.txt", "");
        fixture.replace("Cargo.toml", "\"integrations/*/*\"", "\"integrations/data-storage/*\", \"integrations/protocols/s3\"");
        fixture.expect("provider-rooms", "integrations/protocols/notes/Cargo.toml");
    }

    #[test]
    fn an_unknown_category_is_reported() {
        let fixture = Fixture::new();
        fixture.rename("integrations/protocols", "integrations/wires");
        let rules = fixture.rules();
        assert!(rules.contains(&("category", "integrations/wires".into())), "{rules:?}");
    }

    #[test]
    fn a_package_named_unlike_its_folder_is_reported() {
        let fixture = Fixture::new();
        fixture.rename("integrations/protocols/s3", "integrations/protocols/s4");
        fixture.expect("package-name", "integrations/protocols/s4/Cargo.toml");
    }

    #[test]
    fn a_conformance_test_with_the_default_harness_is_reported() {
        let fixture = Fixture::new();
        let manifest = "integrations/data-storage/memory/Cargo.toml";
        fixture.replace(manifest, "harness = false", "harness = true");
        fixture.expect("conformance-harness", manifest);
    }
}
