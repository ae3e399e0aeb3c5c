//! `examples`: the commands of the documents that run an example, held against the output beside them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    check::documents::{self, commands},
    outcome::{Context as _, Failure, Problem, Problems, Result},
    process,
    workspace::{Package, Workspace},
};

pub(crate) const HELP: &str = "\
Runs every command of the documents' `console` blocks that starts an example on embedded defaults, and compares what it prints
with what stands below it. All commands of one document run in order, in an empty folder with a copy of `docs`. Words with digits
in them (numbers, times, sizes) are one like the other, and a line `…` stands for any lines.

Usage: cargo xtask examples

Exit code: 0 all print that, 1 one does not (one line each, then what it prints), 2 the examples do not build.";

/// The crate of the examples.
const PACKAGE: &str = "circle-core-examples";
/// What documents have their examples read.
const DOCUMENTS: &str = "docs/";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    let workspace = Workspace::load(&std::env::current_dir().unwrap_or_default())?;
    let Some(package) = workspace.package(PACKAGE) else { return Err(Failure::new(format!("there is no {PACKAGE}"))) };
    if !process::show(process::cargo(&workspace.root).args(["build", "--package", PACKAGE, "--examples"]))? {
        return Err(Failure::new("the examples do not build"));
    }
    let scratch = workspace.target.join("xtask-examples").join(std::process::id().to_string());
    let result = check(&workspace, package, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    Ok(result?.finish("examples"))
}

fn check(workspace: &Workspace, package: &Package, scratch: &Path) -> Result<Problems> {
    let (mut problems, mut ran) = (Problems::default(), 0);
    for (number, (file, document)) in documents::all(workspace)?.into_iter().enumerate() {
        let folder = scratch.join(number.to_string());
        let mut is_ready = false;
        for block in document.blocks.iter().filter(|block| block.is("console")) {
            for (line, text, expected) in commands::shown(block) {
                let Some((example, arguments)) = commands::commands(line, text).iter().find_map(|one| example(&one.words)) else {
                    continue;
                };
                if !std::mem::replace(&mut is_ready, true) {
                    copy(workspace, &folder)?;
                }
                let printed = print(workspace, package, &folder, &example, &arguments)?;
                ran += 1;
                if !expected.is_empty() && !is_like(&expected, &printed.lines().collect::<Vec<_>>()) {
                    println!("{text}\n{printed}");
                    let at = format_args!("{file}:{line}").to_string();
                    problems.push(Problem::new(
                        "output",
                        at,
                        "the output is another one",
                        "write what it prints, which is above",
                    ));
                }
            }
        }
    }
    println!("{ran} commands");
    Ok(problems)
}

/// Name and arguments, where a command runs an example as a fresh clone does.
fn example(words: &[String]) -> Option<(String, Vec<String>)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cargo", "run", "-p", PACKAGE, "--example", example, "--", arguments @ ..] => {
            Some(((*example).to_owned(), arguments.iter().map(|&word| word.to_owned()).collect()))
        }
        _ => None,
    }
}

/// The documents that are part of the repository, as a clone has them.
fn copy(workspace: &Workspace, folder: &Path) -> Result<()> {
    for file in documents::files(workspace)?.iter().filter(|file| file.starts_with(DOCUMENTS)) {
        let to = folder.join(file);
        let parent = to.parent().map(Path::to_owned).unwrap_or_default();
        fs::create_dir_all(parent).and_then(|()| fs::copy(workspace.path(file), &to)).context(format_args!("copying {file}"))?;
    }
    fs::create_dir_all(folder).context("making a folder to run in")
}

fn print(workspace: &Workspace, package: &Package, folder: &Path, example: &str, arguments: &[String]) -> Result<String> {
    let has_it = package.targets.iter().any(|target| target.name == example);
    let program = PathBuf::from("debug/examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    if !has_it {
        return Err(Failure::new(format!("there is no example `{example}`")));
    }
    process::output(std::process::Command::new(workspace.target.join(program)).args(arguments).current_dir(folder))
}

/// Whether lines are alike: word by word, but for those with digits; `…` is any number of lines.
fn is_like(expected: &[&str], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|from| is_like(rest, &printed[from..])),
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, more)| masked(line) == masked(first) && is_like(rest, more))
        }
    }
}

fn masked(line: &str) -> Vec<&str> {
    line.split_whitespace().map(|word| if word.contains(|letter: char| letter.is_ascii_digit()) { "0" } else { word }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    /// What the program of the fixture prints, and that it runs where a copy of the documents is.
    const PROGRAM: &str = "//! Counts.\nfn main() {\n    let files = std::fs::read_dir(\"docs\").unwrap().count();\n    \
                           println!(\"{files} files\\nof {}\", std::env::args().nth(1).unwrap());\n}\n";

    fn problems(output: &str) -> Vec<String> {
        let fixture = Fixture::new();
        fixture.write("examples/examples/count.rs", PROGRAM);
        let command = "cargo run -p circle-core-examples --example count -- \"one word\"";
        fixture.write("docs/guide.md", &format!("# Guide\n\n```console\n$ {command}\n{output}```\n"));
        let workspace = fixture.workspace();
        process::output(process::cargo(fixture.root()).args(["build", "--offline", "--quiet", "-p", PACKAGE, "--examples"]))
            .unwrap();
        let package = workspace.package(PACKAGE).unwrap();
        let problems = check(&workspace, package, &fixture.root().join("scratch")).unwrap();
        problems.into_vec().into_iter().map(|problem| format!("{} {}", problem.at, problem.rule)).collect()
    }

    #[test]
    fn output_is_compared_with_what_is_printed() {
        assert_eq!(problems("77 files\nof one word\n"), [""; 0]);
        assert_eq!(problems(""), [""; 0]);
        assert_eq!(problems("77 files\nof another word\n"), ["docs/guide.md:4 output"]);
    }

    #[test]
    fn numbers_are_alike_and_dots_stand_for_lines() {
        let printed = ["36 documents in 1.5 s", "b", "c"];
        assert!(is_like(&["7 documents in 20 s", "…"], &printed));
        assert!(is_like(&["…", "c"], &printed) && is_like(&["…", "b", "…"], &printed));
        assert!(!is_like(&["7 files in 20 s", "…"], &printed) && !is_like(&["7 documents in 1 s", "b"], &printed));
    }
}
