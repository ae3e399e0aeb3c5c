//! Generated blocks between marker lines, in files that people write otherwise.

use super::plan::Plan;
use crate::outcome::{Problem, Problems};

/// How a file's language writes a comment line.
#[derive(Clone, Copy)]
pub(super) enum Comment {
    Hash,
    Slashes,
    Html,
}

impl Comment {
    pub(super) fn marker(self, name: &str, end: &str) -> String {
        match self {
            Self::Hash => format!("# xtask sync: {name} {end}"),
            Self::Slashes => format!("// xtask sync: {name} {end}"),
            Self::Html => format!("<!-- xtask sync: {name} {end} -->"),
        }
    }
}

/// Puts `body` between the markers of block `name`; a file without them is a problem.
pub(super) fn fill(plan: &mut Plan<'_>, problems: &mut Problems, file: &str, comment: Comment, name: &str, body: &str) {
    match plan.text(file).and_then(|text| filled(&text, comment, name, body)) {
        Some(text) => plan.set(file, text),
        None => problems.push(Problem::new(
            "sync-markers",
            file,
            format!("has no generated block `{name}`"),
            format!("add the lines `{}` and `{}` where it belongs", comment.marker(name, "begin"), comment.marker(name, "end")),
        )),
    }
}

fn filled(text: &str, comment: Comment, name: &str, body: &str) -> Option<String> {
    let (begin, end) = (comment.marker(name, "begin"), comment.marker(name, "end"));
    let start = text.find(&begin)? + begin.len();
    let stop = start + text[start..].find(&end)?;
    // The end marker keeps its indentation.
    let stop = text[..stop].rfind('\n')? + 1;
    Some(format!("{}\n{body}{}", &text[..start], text.get(stop.max(start + 1)..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_changes() {
        let text = "a\n  # xtask sync: x begin\nold\nold\n  # xtask sync: x end\nb\n";
        let new = filled(text, Comment::Hash, "x", "new\n").expect("a block");
        assert_eq!(new, "a\n  # xtask sync: x begin\nnew\n  # xtask sync: x end\nb\n");
        assert_eq!(filled(&new, Comment::Hash, "x", "new\n"), Some(new.clone()));
    }

    #[test]
    fn an_empty_block_can_be_filled_and_emptied() {
        let text = "// xtask sync: x begin\n// xtask sync: x end\n";
        let full = filled(text, Comment::Slashes, "x", "y\n").expect("a block");
        assert_eq!(full, "// xtask sync: x begin\ny\n// xtask sync: x end\n");
        assert_eq!(filled(&full, Comment::Slashes, "x", "").as_deref(), Some(text));
    }

    #[test]
    fn a_block_without_end_is_none() {
        assert_eq!(filled("<!-- xtask sync: x begin -->\n", Comment::Html, "x", ""), None);
    }
}
