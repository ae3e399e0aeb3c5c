//! Crates built alone: a workspace build unifies features and hides one that a crate forgot to name.

use std::{collections::BTreeSet, path::Path};

use crate::{
    outcome::{Context as _, Problem, Result},
    process,
    workspace::{Package, Place, Workspace},
};

/// Crates with a file that differs from `base`, or from the merge base with the main branch. A change of the root manifest,
/// the lock file or cargo's config counts for every crate.
pub(super) fn changed<'w>(workspace: &'w Workspace, base: Option<&str>) -> Result<Vec<&'w Package>> {
    let base = match base {
        Some(base) => base.to_owned(),
        None => default_base(&workspace.root)?,
    };
    let git = |arguments: &[&str]| process::output(process::git(&workspace.root).args(arguments));
    let fork = git(&["merge-base", &base, "HEAD"]).context(format_args!("`--base {base}` shares no history with HEAD"))?;
    let mut files = git(&["diff", "--name-only", "-z", fork.trim()])?;
    files += &git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
    Ok(owners(workspace, files.split('\0').filter(|file| !file.is_empty())))
}

fn default_base(root: &Path) -> Result<String> {
    let known = |name: &&str| process::output(process::git(root).args(["rev-parse", "--quiet", "--verify", name])).is_ok();
    ["origin/main", "main"]
        .into_iter()
        .find(known)
        .map(str::to_owned)
        .ok_or("neither origin/main nor main exists")
        .context("choosing what to compare with; name it with `--base`")
}

fn owners<'w, 'f>(workspace: &'w Workspace, files: impl Iterator<Item = &'f str>) -> Vec<&'w Package> {
    let mut names = BTreeSet::new();
    for file in files {
        if matches!(file, "Cargo.toml" | "Cargo.lock") || file.starts_with(".cargo/") {
            return workspace.packages.iter().collect();
        }
        // The testkit lies inside the common crate's folder: the deepest folder owns the file.
        let owner = workspace
            .packages
            .iter()
            .filter(|package| file.starts_with(&package.file("")))
            .max_by_key(|package| package.dir.len());
        names.extend(owner.map(|package| &package.name));
    }
    workspace.packages.iter().filter(|package| names.contains(&package.name)).collect()
}

pub(super) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in packages {
        for build in builds(package) {
            let mut command = process::cargo(&workspace.root);
            command.args(["check", "--quiet", "--package", &package.name]);
            if !process::show(command.args(&build))? {
                problems.push(Problem::new(
                    "builds-alone",
                    package.file("Cargo.toml"),
                    format!("`{}` does not build alone with `{}`", package.name, build.join(" ")),
                    "name the features that it uses in its own manifest; the compiler's errors are above",
                ));
            }
        }
    }
    Ok(problems)
}

/// Argument lists of `cargo check`, each a set of features that somebody can have.
fn builds(package: &Package) -> Vec<Vec<String>> {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    // Dev-dependencies turn on features too, so what users get is built apart from the tests.
    let mut builds = vec![list(&[]), list(&["--all-targets"])];
    if package.features.contains_key("default") {
        builds.push(list(&["--no-default-features"]));
    }
    if package.place == Place::Common {
        let features = package.features.keys().filter(|feature| *feature != "default");
        builds.extend(features.map(|feature| list(&["--no-default-features", "--features", feature])));
    }
    builds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn names(packages: &[&Package]) -> Vec<String> {
        packages.iter().map(|package| package.name.clone()).collect()
    }

    #[test]
    fn the_deepest_folder_owns_a_file() {
        let workspace = Fixture::new().workspace();
        let files = ["circle-core-common/testkit/src/lib.rs", "README.md"];
        assert_eq!(names(&owners(&workspace, files.into_iter())), ["circle-core-testkit"]);
    }

    #[test]
    fn the_root_manifest_concerns_every_crate() {
        let workspace = Fixture::new().workspace();
        let owners = owners(&workspace, ["Cargo.toml"].into_iter());
        assert_eq!(owners.len(), workspace.packages.len());
    }

    #[test]
    fn edits_and_new_files_are_changes() {
        let fixture = Fixture::new();
        let git = |arguments: &[&str]| process::output(process::git(fixture.root()).args(arguments)).expect("git");
        git(&["add", "."]);
        git(&["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "base"]);
        fixture.append("circle-core/src/lib.rs", "// edited\n");
        fixture.write("xtask/src/new.rs", "");
        let workspace = fixture.workspace();
        let changed = changed(&workspace, Some("HEAD")).expect("a comparison");
        assert_eq!(names(&changed), ["circle-core", "xtask"]);
    }

    #[test]
    fn common_is_built_with_each_feature_alone() {
        let fixture = Fixture::new();
        fixture.append("circle-core-common/Cargo.toml", "\n[features]\nconfig = []\nhttp = []\n");
        let workspace = fixture.workspace();
        let builds = builds(workspace.package("circle-core-common").expect("common"));
        let lines: Vec<_> = builds.iter().map(|build| build.join(" ")).collect();
        assert_eq!(
            lines,
            ["", "--all-targets", "--no-default-features --features config", "--no-default-features --features http"]
        );
    }

    #[test]
    fn a_crate_that_needs_anothers_feature_does_not_build_alone() {
        let fixture = Fixture::new();
        fixture.append("circle-core-common/Cargo.toml", "\n[features]\nconfig = []\n");
        fixture
            .write("circle-core-common/src/lib.rs", "//! Common.\n/// A type.\n#[cfg(feature = \"config\")]\npub struct Tree;\n");
        let provider = "integrations/data-storage/memory/src/lib.rs";
        fixture.write(provider, "//! Memory.\npub use circle_core_common::Tree;\n");
        let problems = || {
            let workspace = fixture.workspace();
            let memory = workspace.package("circle-core-memory").expect("memory");
            check(&workspace, &[memory]).expect("a build")
        };
        assert_eq!(problems().len(), 2);
        assert_eq!(problems()[0].rule, "builds-alone");
        fixture.replace(
            "integrations/data-storage/memory/Cargo.toml",
            "circle-core-common\" }",
            "circle-core-common\", features = [\"config\"] }",
        );
        assert_eq!(problems(), []);
    }
}
