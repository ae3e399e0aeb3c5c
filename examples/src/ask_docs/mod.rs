//! Questions to a folder of text and Markdown, answered with citations and sent to a team.
//!
//! The work is done by [`circle_core::ai::retrieval`]; here is what an application adds. [`folder`] finds the documents,
//! [`stock`] keeps an object store in step with them, [`ask`] has the question answered and sends the answer.
//!
//! ```text
//! folders/<name>/…       the documents of a folder
//! stock/<name>.json      what was stored of them, and its hashes
//! ledgers/<name>.json    what of them is indexed
//! vectors/<name>/…       the index, where the vector store keeps it here
//! ```

pub mod ask;
pub mod folder;
pub mod stock;

use std::path::Path;

use circle_core::Result;
use circle_core::ai::retrieval::DocumentIndex;
use circle_core::prelude::*;

/// What the services are called in the config.
pub const SERVICES: [&str; 5] = ["documents", "embedder", "index", "assistant", "team"];

/// What answers questions about a folder.
#[derive(Clone, Debug)]
pub struct AskDocs {
    /// Where the documents are kept.
    pub files: ObjectStore,
    /// The index of them.
    pub index: DocumentIndex,
    /// What answers.
    pub model: ChatModel,
    /// Who is told.
    pub team: Messenger,
    /// What the folder is called in the store.
    pub name: String,
}

impl AskDocs {
    /// From the services of a hub, for the folder of this name; files are skipped that have more than so many bytes.
    ///
    /// # Errors
    /// `NotFound` when the config lacks a service; `Unsupported` when a store cannot put on conditions.
    pub fn of(hub: &Hub, name: &str, file_max: ByteSize) -> Result<Self> {
        let [documents, embedder, index, assistant, team] = SERVICES;
        let files: ObjectStore = hub.get(documents)?;
        let index = DocumentIndex::new(files.clone(), hub.get(embedder)?, hub.get(index)?)?
            .name(name)
            .prefix(format!("folders/{name}/"))
            .document_max(file_max);
        Ok(Self { files, index, model: hub.get(assistant)?, team: hub.get(team)?, name: name.to_owned() })
    }
}

/// What a folder is called in the store: its own name, as far as every store takes it.
#[must_use]
pub fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let taken = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let name: String = name.chars().map(taken).take(60).collect();
    match name.trim_matches('-') {
        "" => "documents".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_by_every_store() {
        for (folder, name) in [("/a/docs", "docs"), ("/a/My Notes!", "my-notes"), ("/", "documents"), ("/a/日本", "documents")]
        {
            assert_eq!(name_of(Path::new(folder)), name);
        }
    }
}
