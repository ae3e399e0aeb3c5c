//! Lists in the byte order of keys, a directory at a time.
//!
//! Escaped names are in another order than their keys, so a directory is read whole and sorted by what its names
//! mean. A directory sorts as its segment and `/`: then all keys inside it come together, and a walk into the depth gives
//! the order of keys (`a-`, `a/…`, `a0`). Directories before the page, or in front of a prefix, are not read.

use std::collections::BTreeMap;

use circle_core_common::interfaces::object_store::{Entry, ListRequest};
use circle_core_common::{Cursor, Error, ErrorKind, Page, Reason, Result};

use super::place::{Folder, Trail};
use super::write::meta;
use crate::disk::{Kind, Stat};
use crate::error::{At, present};
use crate::naming::{Parsed, Role};
use crate::root::Root;

/// The most entries of a page.
const PAGE_MAX: u32 = 1000;

impl Root {
    pub(super) fn list(&self, request: &ListRequest) -> Result<Page<Entry>> {
        let (prefix, options) = (request.prefix.as_str(), &request.options);
        let size = request.page.size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX) as usize;
        let from = match (&request.page.cursor, &options.start_after) {
            (Some(cursor), _) => resume(cursor)?,
            (None, Some(key)) => behind_key(key.as_str()),
            (None, None) => Vec::new(),
        };
        let mut walk = Walk::new(self, prefix, from)?;
        let mut items: Vec<Entry> = Vec::new();
        while let Some((key, stat)) = walk.next()? {
            if items.len() == size {
                let next = items.last().map(cursor_behind);
                return Ok(Page::new(items, next));
            }
            let fold = options.delimiter.as_ref().and_then(|delimiter| {
                let at = key[prefix.len()..].find(delimiter.as_str())?;
                Some(&key[..prefix.len() + at + delimiter.len()])
            });
            match fold {
                Some(folded) => {
                    walk.from = behind_prefix(folded);
                    items.push(Entry::Prefix(folded.into()));
                }
                None => items.push(Entry::Object(meta(&key.as_str().into(), &stat))),
            }
        }
        Ok(Page::new(items, None))
    }
}

fn cursor_behind(entry: &Entry) -> Cursor {
    let kind = if matches!(entry, Entry::Prefix(_)) { "p" } else { "k" };
    Cursor::new(format!("{kind}{}", entry.name()))
}

fn resume(cursor: &Cursor) -> Result<Vec<u8>> {
    let token = cursor.token();
    match (token.strip_prefix('k'), token.strip_prefix('p')) {
        (Some(key), _) => Ok(behind_key(key)),
        (_, Some(prefix)) => Ok(behind_prefix(prefix)),
        _ => {
            let text = "the cursor is not one of this store";
            Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::ForeignCursor))
        }
    }
}

/// The smallest string of bytes behind this key.
fn behind_key(key: &str) -> Vec<u8> {
    [key.as_bytes(), &[0]].concat()
}

/// The smallest string of bytes behind all that begins with this. Text has no byte 255, so that one more fits.
fn behind_prefix(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    bytes
}

/// A name in a directory of this path.
type Name = (Trail, String);

/// What a directory has: by segment, with a `/` behind those of directories, the names in the order in which they count.
type Named = BTreeMap<String, Names>;

/// Several names of one segment.
type Names = Vec<Name>;

/// The names of a directory, the ordinary ones apart: they count first.
#[derive(Default)]
struct Sorted {
    plain: Named,
    escaped: Named,
}

/// A walk over the keys of a prefix.
struct Walk<'a> {
    root: &'a Root,
    prefix: &'a str,
    /// Keys before this are passed over.
    from: Vec<u8>,
    /// From the outside in: the key of a directory, and what is left of it, the next at the end. No directory stays
    /// open: there can be more of them above a key than a process may open files.
    left: Vec<(String, Vec<(String, Names)>)>,
    /// The directory that was used last; the next one is mostly in it, or it itself.
    near: Option<Folder>,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Root, prefix: &'a str, from: Vec<u8>) -> Result<Self> {
        let mut walk = Self { root, prefix, from, left: Vec::new(), near: None };
        let (above, folders) = match prefix.rfind('/') {
            Some(at) => (&prefix[..=at], root.folders(prefix[..at].split('/'))?),
            None => ("", root.folders([])?),
        };
        walk.enter(above.to_owned(), folders)?;
        Ok(walk)
    }

    fn enter(&mut self, key: String, folders: impl IntoIterator<Item = Folder>) -> Result<()> {
        let mut named = Named::new();
        for folder in folders {
            let mut names = Sorted::default();
            self.read(&key, &folder, &[], "", &mut names)?;
            self.near = Some(folder);
            for (segment, more) in names.plain.into_iter().chain(names.escaped) {
                named.entry(segment).or_default().extend(more);
            }
        }
        self.left.push((key, named.into_iter().rev().collect()));
        Ok(())
    }

    /// Whether a key, or one inside a directory of this key, can be on the list.
    fn wants(&self, key: &str, role: Role) -> bool {
        let from = self.from.as_slice();
        let inside = role == Role::Dir && self.prefix.starts_with(key);
        let behind = key.as_bytes() >= from || role == Role::Dir && from.starts_with(key.as_bytes());
        (key.starts_with(self.prefix) || inside) && behind
    }

    /// Sorts names by what they mean. `begun` are the names of the beginnings around, and `text` what they stand for.
    fn read(&self, key: &str, folder: &Folder, begun: &[String], text: &str, names: &mut Sorted) -> Result<()> {
        for entry in self.root.disk.entries(&folder.dir).on("reading", &folder.dir)? {
            // No key has a name that is not text.
            let Ok(name) = entry.name.into_string() else { continue };
            let parsed = self.root.naming.parse(&name, folder.trail.is_top());
            let Some(kind) = self.kind(folder, &name, entry.kind)? else { continue };
            let (mut segment, role, named) = match (parsed, kind) {
                (Parsed::Plain, Role::File) if begun.is_empty() => (name.clone(), Role::File, &mut names.plain),
                (Parsed::Plain, Role::Dir) if begun.is_empty() => (name.clone(), Role::Dir, &mut names.plain),
                (Parsed::Escaped(role, end), kind) if role == kind => {
                    let segment = format!("{text}{end}");
                    if self.root.naming.escape(&segment, role) != joined(begun, &name) {
                        continue;
                    }
                    (segment, role, &mut names.escaped)
                }
                (Parsed::Chunk(more), Role::Dir) => {
                    if let Some(inner) = self.root.open_folder(folder, &name)? {
                        self.read(key, &inner, &joined(begun, &name), &format!("{text}{more}"), names)?;
                    }
                    continue;
                }
                _ => continue,
            };
            if role == Role::Dir {
                segment.push('/');
            }
            if self.wants(&format!("{key}{segment}"), role) {
                named.entry(segment).or_default().push((folder.trail.clone(), name));
            }
        }
        Ok(())
    }

    /// What a name can be by what has it; `None` for what is neither file nor directory, or is gone.
    fn kind(&self, folder: &Folder, name: &str, known: Option<Kind>) -> Result<Option<Role>> {
        let kind = match known {
            Some(kind) => Some(kind),
            None => present(self.root.disk.stat(&folder.dir, name)).at("asking for", &folder.dir, name)?.map(|stat| stat.kind),
        };
        Ok(match kind {
            Some(Kind::File) => Some(Role::File),
            Some(Kind::Dir) => Some(Role::Dir),
            Some(Kind::Other) | None => None,
        })
    }

    fn next(&mut self) -> Result<Option<(String, Stat)>> {
        while let Some((key, rest)) = self.left.last_mut() {
            let Some((segment, names)) = rest.pop() else {
                self.left.pop();
                continue;
            };
            let key = format!("{key}{segment}");
            // A segment has no `/`, so that one at the end says that it is a directory's.
            let role = if segment.ends_with('/') { Role::Dir } else { Role::File };
            if !self.wants(&key, role) {
                continue;
            }
            if role == Role::Dir {
                let mut folders = Vec::new();
                for (trail, name) in names {
                    if let Some(folder) = self.folder(&trail)? {
                        folders.extend(self.root.open_folder(&folder, &name)?);
                    }
                }
                self.enter(key, folders)?;
                continue;
            }
            for (trail, name) in names {
                if let Some(folder) = self.folder(&trail)?
                    && let Some(stat) = self.root.file(&folder, &name)?
                {
                    return Ok(Some((key, stat)));
                }
            }
        }
        Ok(None)
    }

    fn folder(&mut self, trail: &Trail) -> Result<Option<Folder>> {
        if self.near.as_ref().is_none_or(|near| !near.trail.is(trail)) {
            self.near = self.root.folder(trail)?;
        }
        Ok(self.near.clone())
    }
}

fn joined(names: &[String], name: &str) -> Vec<String> {
    names.iter().cloned().chain([name.to_owned()]).collect()
}
