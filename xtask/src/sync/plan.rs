//! The files that a sync would write, with their new text.

use std::{collections::BTreeMap, fs};

use crate::{
    outcome::{Context as _, Problem, Result},
    workspace::Workspace,
};

pub(super) struct Plan<'w> {
    pub(super) workspace: &'w Workspace,
    files: BTreeMap<String, String>,
}

impl<'w> Plan<'w> {
    pub(super) fn new(workspace: &'w Workspace) -> Self {
        Self { workspace, files: BTreeMap::new() }
    }

    /// The text as planned so far.
    pub(super) fn text(&self, file: &str) -> Option<String> {
        self.files.get(file).cloned().or_else(|| self.workspace.text(file))
    }

    pub(super) fn set(&mut self, file: &str, text: String) {
        self.files.insert(file.to_owned(), text);
    }

    /// One problem for each file that is not as planned.
    pub(super) fn differences(&self) -> Vec<Problem> {
        self.files
            .iter()
            .filter_map(|(file, planned)| {
                let what = match self.workspace.text(file) {
                    None => "is missing".to_owned(),
                    Some(text) => difference(&text, planned)?,
                };
                Some(Problem::new("stale", file, what, "run `cargo xtask sync` and commit the result"))
            })
            .collect()
    }

    /// Writes what differs, and says so.
    pub(super) fn write(&self) -> Result<()> {
        for (file, planned) in &self.files {
            if self.workspace.text(file).as_ref() == Some(planned) {
                continue;
            }
            let path = self.workspace.path(file);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).context(format_args!("making the folder of {file}"))?;
            }
            fs::write(&path, planned).context(format_args!("writing {file}"))?;
            println!("wrote {file}");
        }
        Ok(())
    }
}

/// Where two texts part, in one line.
fn difference(now: &str, planned: &str) -> Option<String> {
    if now == planned {
        return None;
    }
    let (now, planned): (Vec<_>, Vec<_>) = (now.lines().collect(), planned.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = now.iter().zip(&planned).take_while(same).count();
    let tail = now[head..].iter().rev().zip(planned[head..].iter().rev()).take_while(same).count();
    let (gone, come) = (now.len() - head - tail, planned.len() - head - tail);
    let show = |lines: &[&str], count: usize| match count {
        0 => "nothing".to_owned(),
        _ => format!("`{}`", lines[head]),
    };
    Some(format!("line {} is stale: -{gone} +{come} lines, from {} to {}", head + 1, show(&now, gone), show(&planned, come),))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_names_the_first_line_and_the_size() {
        let summary = difference("a\nb\nz\n", "a\nc\nd\nz\n").expect("a difference");
        assert_eq!(summary, "line 2 is stale: -1 +2 lines, from `b` to `c`");
        let summary = difference("a\nz\n", "a\nb\nz\n").expect("a difference");
        assert_eq!(summary, "line 2 is stale: -0 +1 lines, from nothing to `b`");
        assert_eq!(difference("a\n", "a\n"), None);
    }
}
