//! The documents of a folder: its files of text and Markdown.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The endings of files that are documents.
pub const ENDINGS: [&str; 6] = ["md", "markdown", "txt", "text", "rst", "adoc"];

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the folder, with `/` between names.
    pub path: String,
    /// Where it is.
    pub place: PathBuf,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its path within the folder; of a name that is not UTF-8, as far as it is.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The documents, sorted by path.
    pub files: Vec<File>,
    /// What cannot be read, in the order in which it was met.
    pub unreadable: Vec<Unreadable>,
}

/// Looks for documents, in all folders but hidden ones and those behind links.
///
/// # Errors
/// Why the folder itself cannot be read.
pub fn walk(root: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let mut folders = vec![(root.to_owned(), String::new(), fs::read_dir(root)?)];
    while let Some((folder, path, entries)) = folders.pop() {
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    found.unreadable.push(Unreadable { path: path.clone(), why: error.to_string() });
                    continue;
                }
            };
            let name = entry.file_name();
            let shown = name.to_string_lossy();
            if shown.starts_with('.') {
                continue;
            }
            let within = if path.is_empty() { shown.to_string() } else { format!("{path}/{shown}") };
            let place = folder.join(&name);
            let mut unreadable = |why: String| found.unreadable.push(Unreadable { path: within.clone(), why });
            match entry.file_type() {
                Err(error) => unreadable(error.to_string()),
                Ok(kind) if kind.is_dir() => match fs::read_dir(&place) {
                    Ok(entries) => folders.push((place, within, entries)),
                    Err(error) => unreadable(error.to_string()),
                },
                Ok(_) if !is_document(&place) => {}
                Ok(_) if name.to_str().is_none() => unreadable("the name is not UTF-8".to_owned()),
                // A link to a file counts as the file.
                Ok(_) => match fs::metadata(&place) {
                    Ok(metadata) if metadata.is_file() => found.files.push(File { path: within, place }),
                    Ok(_) => {}
                    Err(error) => unreadable(error.to_string()),
                },
            }
        }
    }
    found.files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn is_document(place: &Path) -> bool {
    let ending = place.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_at_every_depth_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b.md", "a/deep/c.TXT", "a/image.png", ".hidden/d.md", ".e.md", "LICENSE"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let found = walk(root.path()).unwrap();
        let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!((paths, found.unreadable), (vec!["a/deep/c.TXT", "b.md"], vec![]));
        assert!(walk(&root.path().join("absent")).is_err());
    }
}
