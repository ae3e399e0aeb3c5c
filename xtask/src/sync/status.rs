//! The status table of all providers.

use super::{
    block::{self, Comment},
    maturity,
    plan::Plan,
};
use crate::{outcome::Problems, workspace::Provider};

const PAGE: &str = "docs/integrations/README.md";

pub(super) fn sync(plan: &mut Plan<'_>, problems: &mut Problems) {
    if plan.text(PAGE).is_none() {
        let (begin, end) = (Comment::Html.marker("status", "begin"), Comment::Html.marker("status", "end"));
        plan.set(PAGE, format!("# Integrations\n\n{begin}\n{end}\n"));
    }
    let coverage = maturity::coverage(plan.workspace).unwrap_or_default();
    let mut providers = plan.workspace.providers();
    providers.sort_by_key(|provider| (provider.circle.category.clone(), provider.name));
    let mut table =
        String::from("| Provider | Category | Services | Interfaces | Maturity | Page |\n|---|---|---|---|---|---|\n");
    for provider in &providers {
        // Not what the metadata says: this very sync may be about to rewrite it.
        let maturity = maturity::maturity(plan.workspace, provider, &coverage).unwrap_or("none");
        table += &row(provider, maturity);
    }
    block::fill(plan, problems, PAGE, Comment::Html, "status", &table);
}

fn row(provider: &Provider<'_>, maturity: &str) -> String {
    let services: Vec<_> = provider.circle.services.keys().map(|service| format!("`{service}`")).collect();
    format!(
        "| {} | {} | {} | {} | {maturity} | [README](../../{}) |\n",
        provider.name,
        provider.circle.category,
        services.join(", "),
        provider.interfaces().join(", "),
        provider.package.file("README.md"),
    )
}
