//! What no file of the repository may hold.

use super::dependencies::HTTP_STACK;
use crate::{
    outcome::{Problem, Result},
    process, source,
    workspace::Workspace,
};

/// First folders of paths that exist on one machine only.
const MACHINE_ROOTS: [&str; 3] = ["work", "root", "home"];
const OUTSIDE: &str = concat!("../", "shared");
const TRANSPORT: &str = "circle-core-common/src/http/transport";
const STUBS: [&str; 2] = ["todo", "unimplemented"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for file in tracked(workspace)? {
        // Binary files are none of this check's business.
        let Some(text) = workspace.text(&file) else {
            continue;
        };
        problems.extend(places(&file, &text));
        problems.extend(conflicts(&file, &text));
        if file.ends_with(".rs") {
            let code = source::code(&text);
            problems.extend(stubs(&file, &code));
            problems.extend(http_stack(&file, &code));
        }
    }
    Ok(problems)
}

/// Files that are part of the repository, or would be after `git add`: relative to the root, with `/`.
pub(super) fn tracked(workspace: &Workspace) -> Result<Vec<String>> {
    let list =
        process::output(process::git(&workspace.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut files: Vec<_> = list.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn places(file: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let named = machine_path(line).or_else(|| line.contains(OUTSIDE).then_some(OUTSIDE));
        if let Some(place) = named {
            problems.push(Problem::new(
                "foreign-path",
                format_args!("{file}:{}", number + 1),
                format!("names `{place}`, which only exists on one machine"),
                "the repository stands alone: name a path inside it, or a made-up relative one",
            ));
        }
    }
    problems
}

/// What a merge leaves behind that nobody finished.
fn conflicts(file: &str, text: &str) -> Vec<Problem> {
    let marked = |line: &str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    let lines = (1..).zip(text.lines()).filter(|(_, line)| marked(line));
    lines
        .map(|(number, _)| {
            let remedy = "keep one side, or both, and remove the three marks";
            Problem::new("conflict", format_args!("{file}:{number}"), "holds the mark of an unfinished merge", remedy)
        })
        .collect()
}

/// An absolute path into one of the machine's roots, where a path begins.
fn machine_path(line: &str) -> Option<&str> {
    MACHINE_ROOTS.iter().find_map(|root| {
        line.match_indices(root).find_map(|(at, _)| {
            let start = at.checked_sub(1)?;
            let end = at + root.len() + 1;
            let path = line.get(start..end)?;
            let before = line[..start].chars().next_back();
            let begins = !before.is_some_and(|before| before.is_alphanumeric() || "._-~/}$".contains(before));
            (begins && path.starts_with('/') && path.ends_with('/')).then_some(path)
        })
    })
}

fn stubs(file: &str, code: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for stub in STUBS {
        for at in source::words(code, stub) {
            if code[at + stub.len()..].starts_with('!') {
                problems.push(Problem::new(
                    "stub",
                    format_args!("{file}:{}", source::line(code, at)),
                    format!("holds `{stub}!`"),
                    "write it, or return `Unsupported` and turn the capability off",
                ));
            }
        }
    }
    problems
}

fn http_stack(file: &str, code: &str) -> Vec<Problem> {
    let allowed = file.starts_with(TRANSPORT) || ["examples/", "benches/", "xtask/"].iter().any(|leaf| file.starts_with(leaf));
    let names = HTTP_STACK.iter().map(|name| name.replace('-', "_"));
    let named = names.flat_map(|name| {
        let places: Vec<_> = source::words(code, &name).map(|at| source::line(code, at)).collect();
        places.into_iter().map(move |line| (name.clone(), line))
    });
    named
        .filter(|_| !allowed)
        .map(|(name, line)| {
            Problem::new(
                "http-stack",
                format_args!("{file}:{line}"),
                format!("names `{name}`"),
                "only `http::transport` of the common crate does: send through the trait `Transport`",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::machine_path;
    use crate::fixture::Fixture;

    const FILE: &str = "circle-core/src/hub.rs";

    fn line(text: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.write(FILE, text);
        fixture
    }

    #[test]
    fn stubs_are_reported_and_words_about_them_are_not() {
        line("// todo!()\nfn f() { todo!() }\n").expect("stub", "circle-core/src/hub.rs:2");
        line("fn f() {\n    unimplemented!()\n}\n").expect("stub", "circle-core/src/hub.rs:2");
        line("const TEXT: &str = \"todo!\";\n").expect_clean();
    }

    #[test]
    fn machine_paths_are_reported_in_any_text_file() {
        let path = format!("see /{}/ana/notes", "home");
        line(&format!("// {path}\n")).expect("foreign-path", "circle-core/src/hub.rs:1");
        let fixture = Fixture::new();
        fixture.write("docs/guide.md", &format!("See {}/design.md.\n", super::OUTSIDE));
        fixture.expect("foreign-path", "docs/guide.md:1");
    }

    #[test]
    fn unfinished_merges_are_reported() {
        let fixture = Fixture::new();
        fixture.write("docs/guide.md", "# Guide\n<<<<<<< HEAD\na\n=======\nb\n");
        fixture.expect("conflict", "docs/guide.md:2");
        fixture.write("docs/guide.md", "# Guide\na\n>>>>>>> 08b61d7 (b)\n");
        fixture.expect("conflict", "docs/guide.md:3");
        fixture.write("docs/guide.md", "# Guide\na << b\n=======\n");
        fixture.expect_clean();
    }

    #[test]
    fn a_path_inside_another_is_no_machine_path() {
        for harmless in ["docs/work/x", "https://example.org/home/x", "$HOME/work/x", "{root}/home/", "a/rooted/"] {
            assert_eq!(machine_path(harmless), None, "{harmless}");
        }
        for root in super::MACHINE_ROOTS {
            assert!(machine_path(&format!("\"/{root}/x\"")).is_some());
        }
    }

    #[test]
    fn http_clients_are_named_in_the_transport_only() {
        line("use reqwest::Client;\n").expect("http-stack", "circle-core/src/hub.rs:1");
        line("\nuse hyper_util::rt;\n").expect("http-stack", "circle-core/src/hub.rs:2");
        line("let hypers = \"hyper\";\n").expect_clean();
        let fixture = Fixture::new();
        fixture.write("circle-core-common/src/http/transport.rs", "use hyper::Request;\n");
        fixture.expect_clean();
    }
}
