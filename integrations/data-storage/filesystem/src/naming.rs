//! The names of keys on the disk.
//!
//! A key is cut at every `/` into segments; the last names a file, the others directories. An *ordinary* segment is
//! its own name. Every segment also has an *escaped* name, which is used where the plain one is impossible or taken:
//!
//! | Name | What it is |
//! |---|---|
//! | `%=text` | the file of the segment `text` |
//! | `%~text` | the directory of the segment `text` |
//! | `%_text` | a directory that stands for the beginning of a longer segment; the rest is inside |
//!
//! In `text`, `%` is `%25` and NUL is `%00`; all else stands for itself, `..` and control characters included. A name
//! has at most 255 bytes, so that longer segments are cut, as late as possible and between characters.
//!
//! A segment is *not* ordinary when it is empty, `.` or `..`, has more than 255 bytes or a NUL, begins like one of the
//! three escapes, or is `.circle` at the top of the root. So `a//b` is `a/%~/b`, `../x` is `%~../x`, `a/` is `a/%=`, and
//! `%=x` is `%=%25=x`: every key has its own names, and no key names anything outside the root.
//!
//! *Both `a` and `a/b`*: whichever comes first has the plain name `a`; then the file is `%=a`, or the directory is
//! `%~a`. Nothing that exists ever moves. A name that a symbolic link, socket, pipe or device has is taken in the same
//! way. Where a key has several files, which only other tools can bring about, the plain name comes first.
//!
//! *Case*: on a file system that does not tell `A` from `a`, only segments of ASCII without capital letters are
//! ordinary, and in escaped names every byte of all other characters is written as `%` and two digits. There, files
//! that others call by other names are not objects.

/// The longest name of a file, in bytes.
const NAME_MAX: usize = 255;

/// The store's own directory at the top of the root.
pub(crate) const OWN: &str = ".circle";

/// What a segment names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    File,
    Dir,
}

impl Role {
    fn prefix(self) -> &'static str {
        match self {
            Self::File => "%=",
            Self::Dir => "%~",
        }
    }
}

const CHUNK: &str = "%_";

/// What a name on the disk can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The segment of this very name.
    Plain,
    /// The text of an escaped name.
    Escaped(Role, String),
    /// The text of a beginning.
    Chunk(String),
    /// No name of a key.
    Foreign,
}

/// How segments are named in one root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// Whether the file system takes names that differ in case, or in the composition of characters, for the same.
    pub(crate) folds: bool,
}

impl Naming {
    /// Whether the segment is its own name; `top` is whether it stands at the top of the root.
    pub(crate) fn is_ordinary(self, segment: &str, top: bool) -> bool {
        !segment.is_empty()
            && segment.len() <= NAME_MAX
            && segment != "."
            && segment != ".."
            && !(top && segment == OWN)
            && !["%=", "%~", CHUNK].iter().any(|prefix| segment.starts_with(prefix))
            && !segment.contains('\0')
            && !(self.folds && segment.chars().any(folding))
    }

    /// The escaped names of a segment, outermost first: any number of beginnings, and the end.
    pub(crate) fn escape(self, segment: &str, role: Role) -> Vec<String> {
        let mut names = Vec::new();
        let mut text = String::new();
        let mut piece = String::new();
        for c in segment.chars() {
            piece.clear();
            self.push(&mut piece, c);
            if CHUNK.len() + text.len() + piece.len() > NAME_MAX {
                names.push(format!("{CHUNK}{text}"));
                text.clear();
            }
            text.push_str(&piece);
        }
        names.push(format!("{}{text}", role.prefix()));
        names
    }

    fn push(self, text: &mut String, c: char) {
        if c == '%' || c == '\0' || (self.folds && folding(c)) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                text.push('%');
                text.extend(char::from_digit(u32::from(byte >> 4), 16));
                text.extend(char::from_digit(u32::from(byte & 15), 16));
            }
        } else {
            text.push(c);
        }
    }

    /// What a name means; whether an escaped name is the one that its segment has, [`Naming::escape`] says.
    pub(crate) fn parse(self, name: &str, top: bool) -> Parsed {
        if self.is_ordinary(name, top) {
            return Parsed::Plain;
        }
        let parsed = if let Some(text) = name.strip_prefix(Role::File.prefix()) {
            unescape(text).map(|text| Parsed::Escaped(Role::File, text))
        } else if let Some(text) = name.strip_prefix(Role::Dir.prefix()) {
            unescape(text).map(|text| Parsed::Escaped(Role::Dir, text))
        } else if let Some(text) = name.strip_prefix(CHUNK) {
            unescape(text).map(Parsed::Chunk)
        } else {
            None
        };
        parsed.unwrap_or(Parsed::Foreign)
    }
}

/// What a file system that folds may change.
fn folding(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_uppercase()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXACT: Naming = Naming { folds: false };
    const FOLDING: Naming = Naming { folds: true };

    /// The path of a key in a root where nothing is taken.
    fn path(naming: Naming, key: &str) -> Vec<String> {
        let last = key.split('/').count() - 1;
        let mut names = Vec::new();
        for (at, segment) in key.split('/').enumerate() {
            if naming.is_ordinary(segment, at == 0) {
                names.push(segment.to_owned());
            } else {
                names.extend(naming.escape(segment, if at == last { Role::File } else { Role::Dir }));
            }
        }
        names
    }

    /// The key of a path; `None` for a path that no key has.
    fn key(naming: Naming, path: &[String]) -> Option<String> {
        let (mut segments, mut begun) = (Vec::new(), Vec::new());
        for (at, name) in path.iter().enumerate() {
            match naming.parse(name, at == 0) {
                Parsed::Plain if begun.is_empty() => segments.push(name.clone()),
                Parsed::Chunk(_) => begun.push(name.clone()),
                Parsed::Escaped(role, text) => {
                    let begin: Option<String> = begun
                        .iter()
                        .map(|name| match naming.parse(name, false) {
                            Parsed::Chunk(text) => Some(text),
                            _ => None,
                        })
                        .collect();
                    let segment = begin? + &text;
                    begun.push(name.clone());
                    if naming.escape(&segment, role) != std::mem::take(&mut begun) {
                        return None;
                    }
                    segments.push(segment);
                }
                _ => return None,
            }
        }
        begun.is_empty().then(|| segments.join("/"))
    }

    /// Keys of every nasty kind, more often than chance would have it.
    fn keys() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("/".to_owned()),
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just("%".to_owned()),
            Just("%=".to_owned()),
            Just("%~".to_owned()),
            Just("%_".to_owned()),
            Just("%25".to_owned()),
            Just(".circle".to_owned()),
            Just("\0".to_owned()),
            Just("\n".to_owned()),
            Just("\\".to_owned()),
            Just("CON".to_owned()),
            Just("ß".to_owned()),
            Just("é".repeat(130)),
            Just("x".repeat(254)),
            "[a-cA-C]{1,3}",
            "\\PC{0,3}",
        ];
        proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat()).prop_filter("empty", |key| !key.is_empty())
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in keys()) {
            for naming in [EXACT, FOLDING] {
                prop_assert_eq!(super::tests::key(naming, &path(naming, &key)), Some(key.clone()));
            }
        }

        #[test]
        fn no_name_leads_out_of_the_root(key in keys()) {
            for naming in [EXACT, FOLDING] {
                let names = path(naming, &key);
                prop_assert_ne!(&names[0], OWN);
                for name in names {
                    prop_assert!(name != "." && name != ".." && !name.is_empty() && name.len() <= NAME_MAX);
                    prop_assert!(!name.contains('/') && !name.contains('\0'));
                }
            }
        }

        #[test]
        fn different_keys_have_different_paths(a in keys(), b in keys()) {
            prop_assume!(a != b);
            prop_assert_ne!(path(EXACT, &a), path(EXACT, &b));
            let folded = |key: &str| path(FOLDING, key).join("/").to_lowercase();
            prop_assert_ne!(folded(&a), folded(&b));
        }

        #[test]
        fn plain_and_escaped_names_never_meet(a in keys(), b in keys()) {
            let (a, b) = (a.replace('/', ""), b.replace('/', ""));
            for role in [Role::File, Role::Dir] {
                prop_assert!(!EXACT.is_ordinary(&EXACT.escape(&a, role)[0], false));
                prop_assert!(a == b || EXACT.escape(&a, role) != EXACT.escape(&b, role));
            }
            prop_assert_ne!(EXACT.escape(&a, Role::File), EXACT.escape(&b, Role::Dir));
        }

        #[test]
        fn names_of_any_kind_are_read_without_panic(name in "\\PC{0,40}|%[=~_]\\PC{0,20}") {
            let _ = EXACT.parse(&name, true);
        }
    }

    #[test]
    fn the_documented_names_hold() {
        let joined = |key: &str| path(EXACT, key).join("/");
        for (key, expected) in [
            ("reports/q3.md", "reports/q3.md"),
            ("a//b", "a/%~/b"),
            ("../x", "%~../x"),
            ("/x", "%~/x"),
            ("a/", "a/%="),
            ("%=x", "%=%25=x"),
            ("100%", "100%"),
            (".circle", "%=.circle"),
            (".circle/x", "%~.circle/x"),
            ("a/.circle", "a/.circle"),
            ("a\0b", "%=a%00b"),
        ] {
            assert_eq!(joined(key), expected);
        }
        assert_eq!(path(FOLDING, "README/ä"), ["%~%52%45%41%44%4d%45", "%=%c3%a4"]);
    }

    #[test]
    fn long_segments_are_cut_between_characters() {
        let key = "€".repeat(341);
        let names = path(EXACT, &key);
        assert_eq!(names.iter().map(String::len).collect::<Vec<_>>(), [254, 254, 254, 254, 17]);
        assert_eq!(super::tests::key(EXACT, &names), Some(key));
        assert_eq!(path(EXACT, &"x".repeat(255)).len(), 1);
        assert_eq!(path(EXACT, &"x".repeat(256)).len(), 2);
    }
}
