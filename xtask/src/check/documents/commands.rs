//! The commands of the documents: what they name exists. Nothing is run here; `cargo xtask examples` does that.

use std::{collections::BTreeMap, path::Path};

use super::markdown::Document;
use crate::{
    TASKS,
    outcome::{Problem, Result},
    workspace::{CATEGORIES, INTERFACES, Package, Workspace, snake_case},
};

/// Flags of cargo that are followed by a value.
const WITH_VALUE: [&str; 15] = [
    "-p",
    "--package",
    "--example",
    "--bin",
    "--test",
    "--bench",
    "-F",
    "--features",
    "--manifest-path",
    "-e",
    "--edges",
    "-i",
    "--invert",
    "--profile",
    "--prefix",
];
/// Flags of cargo that stand alone.
const ALONE: [&str; 20] = [
    "--workspace",
    "--all",
    "--all-features",
    "--no-default-features",
    "--release",
    "--quiet",
    "-q",
    "--lib",
    "--doc",
    "--bins",
    "--examples",
    "--tests",
    "--benches",
    "--all-targets",
    "--no-deps",
    "--no-run",
    "--locked",
    "--check",
    "--help",
    "--version",
];
/// Subcommands whose arguments are checked.
const CARGO: [&str; 10] = ["add", "bench", "build", "check", "clippy", "doc", "fmt", "run", "test", "tree"];
/// Subcommands that are installed apart.
const INSTALLED: [&str; 2] = ["deny", "semver-checks"];

/// A command, as somebody would type it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) words: Vec<String>,
}

/// A line of a shell block, or a piece of inline code, as the commands that it consists of.
pub(crate) fn commands(line: usize, text: &str) -> Vec<Command> {
    let mut commands = vec![Command { line, words: Vec::new() }];
    for word in words(text) {
        match (word.as_str(), commands.last_mut()) {
            ("&&" | "||" | ";" | "|", _) => commands.push(Command { line, words: Vec::new() }),
            // What is set for one command only.
            (word, Some(command)) if command.words.is_empty() && is_assignment(word) => {}
            (_, Some(command)) => command.words.push(word),
            (_, None) => {}
        }
    }
    commands.retain(|command| !command.words.is_empty());
    commands
}

/// Words as a shell makes them of a line, without its comment; quotes keep blanks together.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(mark), letter) if letter == mark => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    })
}

/// The commands of a shell block, with their lines, and what a console shows behind each of them.
pub(crate) fn shown(block: &super::markdown::Block) -> Vec<(usize, &str, Vec<&str>)> {
    let is_console = block.is("console");
    let mut shown: Vec<(usize, &str, Vec<&str>)> = Vec::new();
    for (line, text) in (block.line + 1..).zip(block.text.lines()) {
        let command = if is_console { text.strip_prefix("$ ") } else { Some(text).filter(|text| !text.trim().is_empty()) };
        match (command, shown.last_mut()) {
            (Some(command), _) => shown.push((line, command, Vec::new())),
            (None, Some((_, _, output))) => output.push(text),
            (None, None) => {}
        }
    }
    shown
}

/// A word that stands for another one: `<category>`, `NAME`, `…`.
fn is_placeholder(word: &str) -> bool {
    word.contains(['<', '…', '*']) || word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}

/// `acme` is the provider that the guides make up.
pub(super) fn is_made_up(word: &str) -> bool {
    word.split(['-', '/', '_']).any(|part| part == "acme")
}

pub(super) struct Checker<'w> {
    workspace: &'w Workspace,
    files: &'w [String],
    /// Workspaces below this one, by their folder.
    others: BTreeMap<String, Workspace>,
}

impl<'w> Checker<'w> {
    pub(super) fn new(workspace: &'w Workspace, files: &'w [String]) -> Result<Self> {
        let is_root = |file: &&String| workspace.text(file).is_some_and(|text| text.lines().any(|line| line == "[workspace]"));
        let folders = files.iter().filter_map(|file| file.strip_suffix("/Cargo.toml").filter(|_| is_root(&file)));
        let load = |folder: &str| Ok((folder.to_owned(), Workspace::load(&workspace.path(folder))?));
        Ok(Self { workspace, files, others: folders.map(load).collect::<Result<_>>()? })
    }

    pub(super) fn check(&self, file: &str, document: &Document) -> Vec<Problem> {
        // A document of another workspace speaks of that one.
        let home = self.others.keys().find(|folder| Path::new(file).starts_with(folder)).map_or("", String::as_str);
        let mut problems = Vec::new();
        let mut report = |line: usize, what: String, remedy: String| {
            problems.push(Problem::new("command", format_args!("{file}:{line}"), what, remedy));
        };
        for block in document.blocks.iter().filter(|block| block.is("sh") || block.is("console")) {
            let mut folder = home.to_owned();
            for (line, text, _) in shown(block) {
                for command in commands(line, text) {
                    if let Err((what, remedy)) = self.command(&mut folder, &command.words) {
                        report(line, what, remedy);
                    }
                }
            }
        }
        for block in document.blocks.iter().filter(|block| block.is("text")) {
            for (line, text) in (block.line + 1..).zip(block.text.lines()) {
                if ["$ ", "cargo ", "bash ", "git ", "cd "].iter().any(|begin| text.starts_with(begin)) {
                    let remedy = "call the block `sh`, or `console` where output follows `$ …`, so that commands are checked";
                    report(line, "holds a command in a block of `text`".to_owned(), remedy.to_owned());
                }
            }
        }
        for (line, code) in &document.code {
            let begins = ["cargo ", "bash ", "cd ", ".ci/run "].iter().any(|begin| code.starts_with(begin));
            let mut folder = home.to_owned();
            for command in commands(*line, if begins { code } else { "" }) {
                if let Err((what, remedy)) = self.command(&mut folder, &command.words) {
                    report(*line, what, remedy);
                }
            }
        }
        problems
    }

    fn command(&self, folder: &mut String, words: &[String]) -> std::result::Result<(), (String, String)> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cd", to] => {
                self.place(folder, to)?;
                *folder = join(folder, to);
                Ok(())
            }
            ["export", ..] | ["git", "clone", ..] => Ok(()),
            ["bash", ".ci/run", stages @ ..] | [".ci/run", stages @ ..] => self.stages(stages),
            ["bash" | "sh", script, ..] => self.place(folder, script),
            ["cargo", "xtask"] => Ok(()),
            ["cargo", "xtask", task, arguments @ ..] => self.task(task, arguments),
            ["cargo", subcommand, ..] if INSTALLED.contains(subcommand) || is_placeholder(subcommand) => Ok(()),
            ["cargo", subcommand, arguments @ ..] if CARGO.contains(subcommand) => self.cargo(folder, subcommand, arguments),
            ["cargo", subcommand, ..] => Err(unknown("subcommand of cargo", subcommand, &CARGO)),
            [program, ..] => Err((
                format!("no check knows the program `{program}`"),
                "write it without, or add the program to xtask/src/check/documents/commands.rs".to_owned(),
            )),
            [] => Ok(()),
        }
    }

    fn place(&self, folder: &str, path: &str) -> std::result::Result<(), (String, String)> {
        let place = join(folder, path);
        let is_there = self.files.iter().any(|file| Path::new(file).starts_with(&place));
        if is_there || is_placeholder(path) || is_made_up(path) {
            return Ok(());
        }
        Err((format!("`{path}` is nowhere in the repository"), "name a file or folder that is there".to_owned()))
    }

    fn stages(&self, stages: &[&str]) -> std::result::Result<(), (String, String)> {
        let script = self.workspace.text(".ci/run").unwrap_or_default();
        let there: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("stage_")?.split("()").next()).collect();
        match stages.iter().find(|stage| !there.contains(stage)) {
            Some(stage) => Err(unknown("stage of .ci/run", stage, &there)),
            None => Ok(()),
        }
    }

    fn task(&self, name: &str, arguments: &[&str]) -> std::result::Result<(), (String, String)> {
        if is_placeholder(name) {
            return Ok(());
        }
        let Some(task) = TASKS.iter().find(|task| task.name == name) else {
            return Err(unknown("task", name, &TASKS.iter().map(|task| task.name).collect::<Vec<_>>()));
        };
        let known = task.help.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect::<Vec<_>>();
        let flags = arguments.iter().filter(|word| word.starts_with('-') && !is_placeholder(word));
        if let Some(flag) = flags.clone().find(|flag| **flag != "--help" && !known.contains(*flag)) {
            let known: Vec<_> = known.into_iter().filter(|word| word.starts_with("--")).collect();
            return Err(unknown(&format!("flag of `cargo xtask {name}`"), flag, &known));
        }
        let category = arguments
            .first()
            .filter(|_| name == "new-integration")
            .filter(|word| !word.starts_with('-') && !is_placeholder(word));
        if let Some(category) = category.filter(|category| !CATEGORIES.contains(category)) {
            return Err(unknown("category", category, &CATEGORIES));
        }
        let interface = arguments.iter().position(|word| *word == "--interface").and_then(|at| arguments.get(at + 1));
        let mut interfaces = interface.into_iter().flat_map(|list| list.split(',')).filter(|one| !is_placeholder(one));
        match interfaces.find(|one| !self.workspace.path(INTERFACES).join(snake_case(one)).is_dir()) {
            Some(one) => Err((format!("there is no interface `{one}`"), format!("they are the folders of {INTERFACES}"))),
            None => Ok(()),
        }
    }

    fn cargo(&self, folder: &str, subcommand: &str, arguments: &[&str]) -> std::result::Result<(), (String, String)> {
        let workspace = self.others.get(folder).unwrap_or(self.workspace);
        let split = arguments.iter().position(|word| *word == "--").unwrap_or(arguments.len());
        let (own, program) = (&arguments[..split], arguments.get(split + 1..).unwrap_or_default());
        let mut values: Vec<(&str, &str)> = Vec::new();
        let mut rest = own.iter().copied();
        while let Some(word) = rest.next() {
            match word {
                flag if WITH_VALUE.contains(&flag) => values.push((flag, rest.next().unwrap_or_default())),
                flag if flag.starts_with('-') && !ALONE.contains(&flag) => {
                    return Err(unknown("flag of cargo that documents use", flag, &[&WITH_VALUE[..], &ALONE[..]].concat()));
                }
                _ => {}
            }
        }
        let of =
            |flags: &[&str]| values.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, value)| *value).collect::<Vec<_>>();
        let mut packages: Vec<&Package> = workspace.packages.iter().collect();
        for name in of(&["-p", "--package"]) {
            if is_made_up(name) || is_placeholder(name) {
                return Ok(());
            }
            packages.retain(|package| package.name == name);
            if packages.is_empty() {
                let names = workspace.packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>();
                return Err(unknown("package", name, &names));
            }
        }
        for (flag, kind) in [("--example", "example"), ("--bin", "bin"), ("--test", "test"), ("--bench", "bench")] {
            let targets =
                packages.iter().flat_map(|package| &package.targets).filter(|target| target.kind.iter().any(|one| one == kind));
            let names: Vec<&str> = targets.map(|target| target.name.as_str()).collect();
            for name in of(&[flag]) {
                if !names.contains(&name) && !is_placeholder(name) {
                    return Err(unknown(kind, name, &names));
                }
            }
        }
        for feature in of(&["--features", "-F"]).into_iter().flat_map(|list| list.split(',')) {
            let (package, feature) = feature.split_once('/').unwrap_or(("", feature));
            let of_package = |one: &&&Package| package.is_empty() || one.name == package;
            let pool = if package.is_empty() { packages.clone() } else { workspace.packages.iter().collect() };
            // What `cargo add` names is no package of this workspace but its facade, which every application depends on.
            let mut names = pool.iter().filter(of_package).flat_map(|one| one.features.keys()).map(String::as_str);
            if !is_placeholder(feature) && !names.any(|name| name == feature) {
                return Err((format!("there is no feature `{feature}`"), "name one that a Cargo.toml has".to_owned()));
            }
        }
        for manifest in of(&["--manifest-path"]) {
            self.place(folder, manifest)?;
        }
        match of(&["--example"]).first() {
            Some(example) if subcommand == "run" => self.program(example, program),
            _ => Ok(()),
        }
    }

    /// The flags of an example are those that its help names.
    fn program(&self, example: &str, arguments: &[&str]) -> std::result::Result<(), (String, String)> {
        let help = format!("examples/{example}/help.rs");
        let Some(help) = self.workspace.text(&help) else { return Ok(()) };
        let known: Vec<&str> = help.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect();
        match arguments.iter().find(|word| word.starts_with('-') && !known.contains(*word)) {
            Some(flag) => Err(unknown(
                &format!("flag of `{example}`"),
                flag,
                &known.into_iter().filter(|word| word.starts_with("--")).collect::<Vec<_>>(),
            )),
            None => Ok(()),
        }
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> (String, String) {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    (format!("there is no {what} `{name}`"), format!("there are {}", known.join(", ")))
}

fn join(folder: &str, path: &str) -> String {
    super::beside(&format!("{folder}/x"), path).unwrap_or_default().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    const GUIDE: &str = "docs/guide.md";

    fn guide(text: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.write(".ci/run", "stage_fmt() {\n    cargo fmt\n}\nstage_test() { cargo test; }\n");
        fixture.write("examples/examples/show.rs", "//! Shows.\nfn main() {}\n");
        fixture.write("examples/show/help.rs", "const HELP: &str = \"\n  --profile NAME  which\n  -q, --quiet\";\n");
        fixture.write("circle-core/x/Cargo.toml", "[package]\nname = \"x\"\nversion = \"0.1.0\"\n[workspace]\n");
        fixture.write("circle-core/x/src/main.rs", "fn main() {}\n");
        fixture.write(GUIDE, text);
        fixture
    }

    #[test]
    fn a_line_is_taken_apart_as_a_shell_does() {
        let words = |text: &str| commands(1, text).into_iter().map(|command| command.words).collect::<Vec<_>>();
        let one = [["cargo", "run", "--", "How do I?", ""].map(str::to_owned).to_vec()];
        assert_eq!(words("A=1 cargo run -- \"How do I?\" '' # and so on"), one);
        assert_eq!(words("cd a && cargo test").len(), 2);
        assert_eq!(words("# all of it\n"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn commands_that_exist_are_accepted() {
        guide(
            "```sh\ncargo test --workspace   # all\nbash .ci/run fmt test\nA=1 cargo test -p circle-core --features memory\n\
             cargo xtask new-integration data-storage acme --interface ObjectStore\ncargo test -p circle-core-acme\n\
             cd circle-core/x\ncargo run --bin x\n```\n\
             ```console\n$ cargo run -p circle-core-examples --example show -- --profile x\ncargo shows this\n```\n\
             `cargo xtask <task>`, `cd circle-core/x && cargo run --bin NAME`, `cargo tree -e normal,build`, `cargo`\n",
        )
        .expect_clean();
    }

    #[test]
    fn commands_that_name_what_is_not_there_are_reported() {
        for wrong in [
            "cargo test -p circle-core-absent",
            "cargo run -p circle-core-examples --example absent",
            "cargo run -p circle-core-examples --example show -- --absent",
            "cargo test -p circle-core --features absent",
            "cargo test --features circle-core/absent",
            "cargo test --test absent",
            "cargo test --wrokspace",
            "cargo tset",
            "cargo xtask chekc",
            "cargo xtask check --absent",
            "cargo xtask new-integration storage acme",
            "cargo xtask new-integration data-storage acme --interface Absent",
            "cargo test --manifest-path absent/Cargo.toml",
            "bash .ci/run absent",
            "bash absent.sh",
            "cd absent && cargo test",
            "cd circle-core/x && cargo run --bin absent",
        ] {
            guide(&format!("# Guide\n\n`{wrong}`\n")).expect("command", "docs/guide.md:3");
            guide(&format!("```sh\n{wrong}\n```\n")).expect("command", "docs/guide.md:2");
            guide(&format!("```console\n$ {wrong}\n```\n")).expect("command", "docs/guide.md:2");
        }
        guide("```sh\nmake it\n```\n").expect("command", "docs/guide.md:2");
        guide("```text\nrunning\n$ cargo test\n```\n").expect("command", "docs/guide.md:3");
    }
}
