//! `check`: the rules that the layout and the crates must keep.

mod alone;
mod config_structs;
mod dependencies;
pub(crate) mod documents;
mod files;
mod manifest;
mod provider;
mod rooms;

use std::{env, process::ExitCode};

use crate::{
    outcome::{Problems, Result},
    tree,
    workspace::Workspace,
};

pub(crate) const HELP: &str = "\
Checks the workspace: who depends on whom, the rooms of every interface and provider, provider metadata, config structs,
sources, documents (links, compiled Rust, readable TOML and JSON, commands, paths, features and tests that exist), and what a
user's default build compiles.

Usage: cargo xtask check [--no-tree] [--alone | --changed [--base REV]]

  --no-tree    leave out the checks that resolve dependencies (`cargo tree`)
  --changed    also build every crate changed since REV alone, because workspace builds unify features
  --base REV   what `--changed` compares with (default: the merge base with origin/main, or else main)
  --alone      also build every crate alone

Exit code: 0 clean, 1 problems (one line each), 2 the check could not run.";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let (mut resolve, mut changed, mut every, mut base) = (true, false, false, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("no-tree") => resolve = false,
            Long("changed") => changed = true,
            Long("alone") => every = true,
            Long("base") => base = Some(arguments.value()?.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let mut problems = layout(&workspace)?;
    if resolve {
        problems.extend(tree::check(&workspace)?);
    }
    if every {
        problems.extend(alone::check(&workspace, &workspace.packages.iter().collect::<Vec<_>>())?);
    } else if changed || base.is_some() {
        let packages = alone::changed(&workspace, base.as_deref())?;
        problems.extend(alone::check(&workspace, &packages)?);
    }
    Ok(problems.finish("check"))
}

/// Every rule that needs the files of the workspace only.
pub(crate) fn layout(workspace: &Workspace) -> Result<Problems> {
    let mut problems = Problems::default();
    problems.extend(manifest::check(workspace));
    problems.extend(dependencies::check(workspace));
    problems.extend(rooms::check(workspace));
    problems.extend(provider::check(workspace));
    problems.extend(config_structs::check(workspace)?);
    problems.extend(files::check(workspace)?);
    problems.extend(documents::check(workspace)?);
    Ok(problems)
}
