//! `schemas`: what the config structs say about themselves, out of the built registry.

use std::{collections::BTreeMap, process::ExitCode};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    outcome::{Context as _, Result},
    process, product,
    workspace::Workspace,
};

pub(crate) const HELP: &str = "\
Prints the interfaces and the JSON Schema of the config of every service of every provider, as JSON by service id.

Usage: cargo xtask schemas

Exit code: 0 printed, 2 the facade does not build with every provider.";

/// What the registry says of a service.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) interfaces: Vec<String>,
    pub(crate) schema: Value,
}

pub(crate) type Entries = BTreeMap<String, Entry>;

/// Builds the facade with every provider and asks its registry.
pub(crate) fn of_every_service(workspace: &Workspace) -> Result<Entries> {
    let text = process::output(&mut product::command(&workspace.root, &workspace.facade_providers(), ["schemas"]))?;
    serde_json::from_str(&text).context("reading what the registry printed")
}

#[cfg(not(feature = "product"))]
pub(crate) fn run(_: lexopt::Parser) -> Result<ExitCode> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let workspace = Workspace::load(&here)?;
    product::again(&workspace.facade_providers())
}

#[cfg(feature = "product")]
pub(crate) fn run(_: lexopt::Parser) -> Result<ExitCode> {
    let registry = circle_core::Registry::with_enabled();
    let entry = |entry: &circle_core::registry::Entry| Entry {
        interfaces: entry.interfaces().iter().map(|name| (*name).to_owned()).collect(),
        schema: entry.schema(),
    };
    let entries: Entries = registry.iter().map(|of| (of.name().to_owned(), entry(of))).collect();
    println!("{}", serde_json::to_string_pretty(&entries).context("writing JSON")?);
    Ok(ExitCode::SUCCESS)
}
