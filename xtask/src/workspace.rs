//! The workspace as cargo sees it, with the place of every crate in the layout.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml_edit::DocumentMut;

use crate::{
    outcome::{Context as _, Result},
    process,
};

pub(crate) const COMMON: &str = "circle-core-common";
pub(crate) const FACADE: &str = "circle-core";
pub(crate) const INTERFACES: &str = "circle-core-common/src/interfaces";

pub(crate) const CATEGORIES: [&str; 13] = [
    "cloud",
    "data-storage",
    "messaging",
    "analytics",
    "ai",
    "data-engineering",
    "devops",
    "security",
    "industry",
    "blockchain",
    "productivity",
    "observability",
    PROTOCOLS,
];
pub(crate) const PROTOCOLS: &str = "protocols";

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root; empty for a package at the root itself.
    pub(crate) dir: String,
    pub(crate) place: Place,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) manifest: DocumentMut,
    /// `[package.metadata.circle]`, untyped: `check` reports what is wrong in it.
    pub(crate) circle: Option<serde_json::Value>,
}

/// Where in the layout a crate stands; decides what it may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Common,
    Testkit,
    Facade,
    Protocol,
    Provider {
        category: String,
        provider: String,
    },
    /// `examples`, `benches` and `xtask`: they depend on anything, and nothing on them.
    Leaf,
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) optional: bool,
}

impl Dependency {
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

/// `[package.metadata.circle]` of a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Circle {
    pub(crate) category: String,
    /// Service id to the interfaces that it offers.
    pub(crate) services: BTreeMap<String, Vec<String>>,
    /// Service id to the type at the crate's root that implements `Integration`.
    pub(crate) integrations: BTreeMap<String, String>,
    /// Service id to the feature of the crate that it needs, where it needs one.
    #[serde(default)]
    pub(crate) behind: BTreeMap<String, String>,
    pub(crate) auth: Vec<String>,
    pub(crate) live: Live,
    pub(crate) maturity: Option<String>,
}

/// The servers that live tests need: `live = "s3s"`, `live = ["s3s", "moto"]`, or `live = "none"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Names")]
pub(crate) struct Live(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl From<Names> for Live {
    fn from(names: Names) -> Self {
        Self(match names {
            Names::One(name) if name == "none" => Vec::new(),
            Names::One(name) => vec![name],
            Names::Several(names) => names,
        })
    }
}

/// A provider crate whose metadata is readable.
#[derive(Debug)]
pub(crate) struct Provider<'w> {
    pub(crate) package: &'w Package,
    /// The folder's and the facade feature's name.
    pub(crate) name: &'w str,
    pub(crate) circle: Circle,
}

impl Workspace {
    /// Reads the workspace that `dir` lies in. Resolves nothing, so it needs no network and no lock file.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let text = process::output(process::cargo(dir).args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let metadata: Metadata = serde_json::from_str(&text).context("reading `cargo metadata`")?;
        let (root, target) = (metadata.workspace_root, metadata.target_directory);
        let packages = metadata.packages.into_iter().map(|package| package.placed(&root)).collect::<Result<_>>()?;
        Ok(Self { root, target, packages })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Providers ordered by name; one with unreadable metadata is left out (`check` reports it).
    pub(crate) fn providers(&self) -> Vec<Provider<'_>> {
        let mut providers: Vec<_> = self
            .packages
            .iter()
            .filter_map(|package| {
                let Place::Provider { provider, .. } = &package.place else {
                    return None;
                };
                Some(Provider { package, name: provider, circle: package.circle()?.ok()? })
            })
            .collect();
        providers.sort_by_key(|provider| provider.name);
        providers
    }

    /// The features of the facade that switch on every service of every provider; `sync` brings those of a new one there.
    pub(crate) fn facade_providers(&self) -> Vec<&str> {
        let Some(facade) = self.package(FACADE) else { return Vec::new() };
        let wanted: Vec<_> = self.providers().iter().flat_map(Provider::facade_features).collect();
        facade.features.keys().map(String::as_str).filter(|name| wanted.iter().any(|wanted| wanted == name)).collect()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The text of a file of the workspace, or `None` when there is none.
    pub(crate) fn text(&self, relative: &str) -> Option<String> {
        fs::read_to_string(self.path(relative)).ok()
    }
}

impl Package {
    pub(crate) fn circle(&self) -> Option<std::result::Result<Circle, serde_json::Error>> {
        self.circle.clone().map(serde_json::from_value)
    }

    /// A file of the package, relative to the root.
    pub(crate) fn file(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    /// The name that Rust code uses: `circle_core_memory`.
    pub(crate) fn library(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Provider<'_> {
    /// The facade's features of this provider: its own, and one for every feature of the crate that a service needs.
    pub(crate) fn facade_features(&self) -> Vec<String> {
        let mut features = vec![self.name.to_owned()];
        features.extend(self.circle.behind.values().map(|feature| self.facade_feature(feature)));
        features.sort_unstable();
        features.dedup();
        features
    }

    /// The facade's feature that turns on a feature of the crate.
    pub(crate) fn facade_feature(&self, feature: &str) -> String {
        format!("{}-{feature}", self.name)
    }

    /// The facade's feature that switches a service on.
    pub(crate) fn feature_of(&self, service: &str) -> String {
        self.circle.behind.get(service).map_or_else(|| self.name.to_owned(), |feature| self.facade_feature(feature))
    }

    /// Interfaces of all services, each once.
    pub(crate) fn interfaces(&self) -> Vec<&str> {
        let mut interfaces: Vec<_> = self.circle.services.values().flatten().map(String::as_str).collect();
        interfaces.sort_unstable();
        interfaces.dedup();
        interfaces
    }
}

/// `ObjectStore` is the interface of the folder and file `object_store`.
pub(crate) fn snake_case(interface: &str) -> String {
    let mut name = String::with_capacity(interface.len() + 4);
    for (index, letter) in interface.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// `object_store` and `s3-compatible` as type names.
pub(crate) fn camel_case(name: &str) -> String {
    name.split(['_', '-'])
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// Folders directly under `dir`, by name.
pub(crate) fn folders(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    license: Option<String>,
    rust_version: Option<String>,
    dependencies: Vec<Dependency>,
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
    metadata: Option<serde_json::Value>,
}

impl RawPackage {
    fn placed(self, root: &Path) -> Result<Package> {
        let at = self.manifest_path.display();
        let manifest = fs::read_to_string(&self.manifest_path)
            .context(format_args!("reading {at}"))?
            .parse()
            .context(format_args!("parsing {at}"))?;
        let dir = self
            .manifest_path
            .parent()
            .and_then(|dir| dir.strip_prefix(root).ok())
            .map(|dir| dir.to_string_lossy().replace('\\', "/"))
            .unwrap_or_default();
        Ok(Package {
            place: Place::of(&dir),
            circle: self.metadata.and_then(|metadata| metadata.get("circle").cloned()),
            name: self.name,
            dir,
            version: self.version,
            license: self.license,
            rust_version: self.rust_version,
            dependencies: self.dependencies,
            features: self.features,
            targets: self.targets,
            manifest,
        })
    }
}

impl Place {
    fn of(dir: &str) -> Self {
        let parts: Vec<_> = dir.split('/').collect();
        match parts[..] {
            [COMMON] => Self::Common,
            [COMMON, "testkit"] => Self::Testkit,
            [FACADE] => Self::Facade,
            ["examples" | "benches" | "xtask"] | [COMMON, "loom"] => Self::Leaf,
            ["integrations", PROTOCOLS, _] => Self::Protocol,
            ["integrations", category, provider] => {
                Self::Provider { category: category.to_owned(), provider: provider.to_owned() }
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_convert_both_ways() {
        assert_eq!(snake_case("ObjectStore"), "object_store");
        assert_eq!(camel_case("object_store"), "ObjectStore");
        assert_eq!(camel_case("s3-compatible"), "S3Compatible");
    }

    #[test]
    fn the_folder_decides_the_place() {
        assert_eq!(Place::of("circle-core-common/testkit"), Place::Testkit);
        assert_eq!(Place::of("circle-core-common/loom"), Place::Leaf);
        assert_eq!(Place::of("integrations/protocols/s3"), Place::Protocol);
        assert_eq!(Place::of("tools/extra"), Place::Unknown);
        let Place::Provider { category, provider } = Place::of("integrations/cloud/aws") else {
            panic!("a provider's folder");
        };
        assert_eq!((&*category, &*provider), ("cloud", "aws"));
    }
}
