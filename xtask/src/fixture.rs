//! A small workspace that keeps every rule, for tests that break one.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{process, workspace::Workspace};

pub(crate) struct Fixture(TempDir);

const ROOT: &str = r#"
[workspace]
resolver = "3"
members = ["circle-core", "circle-core-common", "circle-core-common/testkit", "integrations/*/*", "examples", "benches", "xtask"]

[workspace.lints.rust]
missing_docs = "deny"
unsafe_code = "forbid"
"#;

const FACADE: &str = r#"
[features]
default = ["memory", "filesystem"]
# xtask sync: features begin
filesystem = ["dep:circle-core-filesystem"]
memory = ["dep:circle-core-memory"]
# xtask sync: features end

[dependencies]
circle-core-common = { path = "../circle-core-common" }
# xtask sync: dependencies begin
circle-core-filesystem = { path = "../integrations/data-storage/filesystem", version = "0.1.0", optional = true }
circle-core-memory = { path = "../integrations/data-storage/memory", version = "0.1.0", optional = true }
# xtask sync: dependencies end
"#;

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self(tempfile::tempdir().expect("a temporary folder"));
        process::output(process::git(fixture.root()).args(["init", "--quiet"])).expect("a repository");
        fixture.write("Cargo.toml", ROOT);
        fixture.crate_at("circle-core-common", "circle-core-common", "");
        for room in ["mod", "provider", "types", "capabilities", "conformance", "mock"] {
            fixture.write(&format!("circle-core-common/src/interfaces/object_store/{room}.rs"), "");
        }
        fixture.crate_at(
            "circle-core-common/testkit",
            "circle-core-testkit",
            "\n[dependencies]\ncircle-core-common = { path = \"..\" }\n",
        );
        fixture.crate_at("circle-core", "circle-core", FACADE);
        let block = |name: &str| format!("// xtask sync: {name} begin\n// xtask sync: {name} end\n");
        fixture.append("circle-core/src/lib.rs", &block("providers"));
        fixture.write("circle-core/src/registry/enabled.rs", &(block("enabled") + &block("features")));
        for leaf in ["examples", "benches"] {
            fixture.crate_at(leaf, &format!("circle-core-{leaf}"), "");
        }
        fixture.crate_at("xtask", "xtask", "");
        fixture.provider("data-storage", "filesystem");
        fixture.provider("data-storage", "memory");
        fixture.crate_at("integrations/protocols/s3", "circle-core-protocol-s3", "");
        fixture
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn crate_at(&self, dir: &str, name: &str, rest: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.88\"\n\
             license = \"Apache-2.0\"\n\n[lints]\nworkspace = true\n{rest}"
        );
        self.write(&format!("{dir}/Cargo.toml"), &manifest);
        self.write(&format!("{dir}/src/lib.rs"), "//! A crate.\n");
    }

    /// A provider of one service of its own name that offers ObjectStore.
    pub(crate) fn provider(&self, category: &str, name: &str) {
        let dir = format!("integrations/{category}/{name}");
        let integration = crate::workspace::camel_case(name);
        let rest = format!(
            "\n[package.metadata.circle]\ncategory = \"{category}\"\nservices = {{ {name} = [\"ObjectStore\"] }}\n\
             integrations = {{ {name} = \"{integration}\" }}\nauth = [\"none\"]\nlive = \"none\"\nmaturity = \"beta\"\n\n\
             [dependencies]\ncircle-core-common = {{ path = \"../../../circle-core-common\" }}\n\n\
             [dev-dependencies]\ncircle-core-testkit = {{ path = \"../../../circle-core-common/testkit\" }}\n\n\
             [[test]]\nname = \"conformance\"\nharness = false\n"
        );
        self.crate_at(&dir, &format!("circle-core-{name}"), &rest);
        for file in ["README.md", "src/config.rs", "src/object_store.rs"] {
            self.write(&format!("{dir}/{file}"), "");
        }
        self.write(&format!("{dir}/tests/conformance.rs"), "//! The suites.\nfn main() {}\n");
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder made");
        fs::write(path, text).expect("a file written");
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root().join(file)).expect(file)
    }

    pub(crate) fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} holds no {from:?}:\n{text}");
        self.write(file, &text.replace(from, to));
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.root().join(file)).expect(file);
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.root().join(from), self.root().join(to)).expect(from);
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::load(self.root()).expect("a readable workspace")
    }

    /// Broken rules with their places.
    pub(crate) fn rules(&self) -> Vec<(&'static str, String)> {
        let problems = crate::check::layout(&self.workspace()).expect("a check that runs").into_vec();
        let mut rules: Vec<_> = problems.into_iter().map(|problem| (problem.rule, problem.at)).collect();
        rules.sort();
        rules.dedup();
        rules
    }

    #[track_caller]
    pub(crate) fn expect(&self, rule: &'static str, at: &str) {
        assert_eq!(self.rules(), [(rule, at.to_owned())]);
    }

    #[track_caller]
    pub(crate) fn expect_clean(&self) {
        assert_eq!(self.rules(), []);
    }
}

#[test]
fn the_fixture_keeps_every_rule() {
    Fixture::new().expect_clean();
}
