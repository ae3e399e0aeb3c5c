//! The files that came with messages.

use std::collections::VecDeque;

use bytes::Bytes;
use circle_core_common::ByteSize;
use circle_core_common::interfaces::messenger::{File, FileId};

/// How much of the files' content is kept, in bytes, and how many files; the oldest are forgotten.
const BYTES_MAX: usize = 64 << 20;
const FILES_MAX: usize = 10_000;

/// The files that are kept, the oldest first.
#[derive(Default)]
pub(crate) struct Files {
    kept: VecDeque<(File, Bytes)>,
    bytes: usize,
}

impl Files {
    pub(crate) fn put(&mut self, id: String, name: String, content_type: Option<String>, content: Bytes) -> File {
        let mut file = File::new(FileId::new(id), name);
        file.size = Some(ByteSize::bytes(content.len() as u64));
        file.content_type = content_type;
        self.bytes += content.len();
        self.kept.push_back((file.clone(), content));
        while self.bytes > BYTES_MAX || self.kept.len() > FILES_MAX {
            let Some((_, content)) = self.kept.pop_front() else { break };
            self.bytes -= content.len();
        }
        file
    }

    pub(crate) fn get(&self, id: &FileId) -> Option<&(File, Bytes)> {
        self.kept.iter().rev().find(|(file, _)| file.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_are_forgotten() {
        let mut files = Files::default();
        let content = Bytes::from(vec![0; BYTES_MAX / 4]);
        let ids: Vec<FileId> =
            (0..6).map(|number| files.put(number.to_string(), "a".to_owned(), None, content.clone()).id).collect();
        let kept: Vec<bool> = ids.iter().map(|id| files.get(id).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true, true]);
        assert_eq!(files.bytes, BYTES_MAX);
    }
}
