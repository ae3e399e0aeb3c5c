//! The facade's side of every provider: feature, optional dependency, re-export, registry entry.

use super::{
    block::{self, Comment},
    plan::Plan,
};
use crate::{outcome::Problems, workspace::Provider};

const MANIFEST: &str = "circle-core/Cargo.toml";
const FACE: &str = "circle-core/src/lib.rs";
const REGISTRY: &str = "circle-core/src/registry/enabled.rs";

pub(super) fn sync(plan: &mut Plan<'_>, problems: &mut Problems) {
    let providers = plan.workspace.providers();
    let lines = |line: fn(&Provider<'_>) -> String| providers.iter().map(line).collect::<String>();
    let mut fill = |file, comment, name, body: String| {
        block::fill(plan, problems, file, comment, name, &body);
    };
    fill(MANIFEST, Comment::Hash, "features", lines(feature));
    fill(MANIFEST, Comment::Hash, "dependencies", lines(dependency));
    fill(FACE, Comment::Slashes, "providers", lines(re_export));
    fill(REGISTRY, Comment::Slashes, "enabled", lines(entries));
    fill(REGISTRY, Comment::Slashes, "features", lines(features));
}

fn feature(provider: &Provider<'_>) -> String {
    let (name, package) = (provider.name, &provider.package.name);
    let mut lines = format!("{name} = [\"dep:{package}\"]\n");
    let behind: std::collections::BTreeSet<_> = provider.circle.behind.values().collect();
    for feature in behind {
        lines += &format!("{} = [\"{name}\", \"{package}/{feature}\"]\n", provider.facade_feature(feature));
    }
    lines
}

fn dependency(provider: &Provider<'_>) -> String {
    let package = provider.package;
    format!("{} = {{ path = \"../{}\", version = \"{}\", optional = true }}\n", package.name, package.dir, package.version)
}

fn re_export(provider: &Provider<'_>) -> String {
    format!(
        "#[cfg(feature = \"{}\")]\n#[doc(inline)]\npub use {} as {};\n",
        provider.name,
        provider.package.library(),
        module(provider)
    )
}

fn entries(provider: &Provider<'_>) -> String {
    provider
        .circle
        .integrations
        .iter()
        .map(|(service, integration)| {
            format!(
                "    #[cfg(feature = \"{}\")]\n    let registry = registry.with::<crate::{}::{integration}>();\n",
                provider.feature_of(service),
                module(provider)
            )
        })
        .collect()
}

fn features(provider: &Provider<'_>) -> String {
    let line = |service: &String| format!("    (\"{service}\", \"{}\"),\n", provider.feature_of(service));
    provider.circle.services.keys().map(line).collect()
}

/// The name of the re-exported crate.
fn module(provider: &Provider<'_>) -> String {
    provider.name.replace('-', "_")
}
