//! The format of `~/.aws/config` and `~/.aws/credentials`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>).

use std::collections::HashMap;
use std::fmt;

use circle_core_common::{Error, ErrorKind, Result};

/// Which of the two files a text is: they name their profiles in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `[profile audit]`, and `[default]`.
    Config,
    /// `[audit]`.
    Credentials,
}

/// The properties of one profile. No `Debug` of values: some are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile(HashMap<String, String>);

impl Profile {
    /// The value of a property; a blank one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Adds what `stronger` says, over what is there.
    pub(crate) fn merge(&mut self, stronger: Self) {
        self.0.extend(stronger.0);
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort();
        f.debug_list().entries(names).finish()
    }
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    pub(crate) profiles: HashMap<String, Profile>,
    /// `[sso-session corp]`, of the config file only: how several profiles sign in.
    pub(crate) sso_sessions: HashMap<String, Profile>,
}

impl Sections {
    fn of(&mut self, kind: SectionKind) -> &mut HashMap<String, Profile> {
        match kind {
            SectionKind::Profile => &mut self.profiles,
            SectionKind::SsoSession => &mut self.sso_sessions,
        }
    }
}

/// Reads the sections of a file; `name` is the file's, for messages.
///
/// A section or property with a name that AWS does not allow is passed over, as the AWS tools do; nested blocks
/// (`s3 =` with indented lines below it) are no credentials and are passed over too.
pub(crate) fn parse(text: &str, kind: FileKind, name: &str) -> Result<Sections> {
    let mut sections = Sections::default();
    let mut section = Section::None;
    // `[profile default]` beats `[default]`, wherever each stands.
    let mut prefixed_default = false;
    for (index, line) in text.lines().enumerate() {
        // The message never repeats the line: it may hold a secret.
        let fault = |what: &str| {
            let text = format!("{name}:{}: {what}", index + 1);
            Error::new(ErrorKind::ConfigInvalid, text)
        };
        let content = line.trim();
        if content.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            match &section {
                Section::None => return Err(fault("expected a profile, found an indented line")),
                Section::Ignored | Section::Of { property: Some(_), .. } => continue,
                Section::Of { property: None, .. } => return Err(fault("expected a property, found an indented line")),
            }
        }
        if let Some(rest) = line.strip_prefix('[') {
            let (title, _) = rest.split_once(']').ok_or_else(|| fault("a section must end with `]`"))?;
            section = match section_name(title, kind) {
                Some((SectionKind::Profile, name, prefixed)) => {
                    let is_default = kind == FileKind::Config && name == "default";
                    if is_default && prefixed && !prefixed_default {
                        sections.profiles.remove(name);
                        prefixed_default = true;
                    }
                    if is_default && !prefixed && prefixed_default {
                        Section::Ignored
                    } else {
                        sections.profiles.entry(name.to_owned()).or_default();
                        Section::Of { kind: SectionKind::Profile, name: name.to_owned(), property: None }
                    }
                }
                Some((kind, name, _)) => {
                    sections.of(kind).entry(name.to_owned()).or_default();
                    Section::Of { kind, name: name.to_owned(), property: None }
                }
                None => Section::Ignored,
            };
            continue;
        }
        let Section::Of { kind: section_kind, name: section_name, property } = &mut section else {
            match section {
                Section::Ignored => continue,
                _ => return Err(fault("expected a profile such as `[default]`")),
            }
        };
        let (key, value) = content.split_once('=').ok_or_else(|| fault("expected `name = value`"))?;
        let key = key.trim();
        if key.is_empty() {
            return Err(fault("a property has no name"));
        }
        *property = Some(());
        if key.chars().all(is_name) {
            let value = without_comment(value).trim();
            let properties = sections.of(*section_kind).entry(section_name.clone()).or_default();
            properties.0.insert(key.to_ascii_lowercase(), value.to_owned());
        }
    }
    Ok(sections)
}

#[derive(Clone, Copy)]
enum SectionKind {
    Profile,
    SsoSession,
}

enum Section {
    None,
    /// A `services` block, a name that is not allowed.
    Ignored,
    Of {
        kind: SectionKind,
        name: String,
        /// Whether a property stands above, which indented lines belong to.
        property: Option<()>,
    },
}

/// What a section is and its name, and whether a profile's had the prefix; `None` for one that is of no use here.
fn section_name(title: &str, kind: FileKind) -> Option<(SectionKind, &str, bool)> {
    let title = title.trim();
    let behind = |prefix: &str| title.strip_prefix(prefix).filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim);
    let (of, name, has_prefix) = match (kind, behind("profile"), behind("sso-session")) {
        (FileKind::Config, Some(name), _) => (SectionKind::Profile, name, true),
        (FileKind::Config, None, Some(name)) => (SectionKind::SsoSession, name, true),
        (FileKind::Config, None, None) if title == "default" => (SectionKind::Profile, title, false),
        (FileKind::Credentials, None, None) => (SectionKind::Profile, title, false),
        _ => return None,
    };
    (!name.is_empty() && name.chars().all(is_name)).then_some((of, name, has_prefix))
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-/.%@_:+".contains(letter)
}

/// A comment begins with white space before it: `a#b` is a value.
fn without_comment(value: &str) -> &str {
    let mut before = ' ';
    for (at, letter) in value.char_indices() {
        if matches!(letter, '#' | ';') && matches!(before, ' ' | '\t') && at > 0 {
            return &value[..at];
        }
        before = letter;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The profiles as text: `name{key=value,…}`, sorted.
    fn read(kind: FileKind, text: &str) -> String {
        match parse(text, kind, "f") {
            Ok(sections) => {
                let shown = |prefix: &str, sections: &HashMap<String, Profile>| {
                    let one = |(name, profile): (&String, &Profile)| {
                        let mut keys: Vec<_> = profile.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
                        keys.sort();
                        format!("{prefix}{name}{{{}}}", keys.join(","))
                    };
                    sections.iter().map(one).collect::<Vec<String>>()
                };
                let mut out = shown("", &sections.profiles);
                out.extend(shown("sso:", &sections.sso_sessions));
                out.sort();
                out.join(" ")
            }
            Err(error) => format!("! {}", error.message()),
        }
    }

    #[test]
    fn the_config_file() {
        for (text, profiles) in [
            ("", ""),
            ("[profile foo]", "foo{}"),
            ("[profile some-thing:long/the_one%only.foo@bar+]\n[profile foo!bar]", "some-thing:long/the_one%only.foo@bar+{}"),
            ("[profile foo", "! f:1: a section must end with `]`"),
            ("[profile \tfoo \t]", "foo{}"),
            ("[profile\tfoo]", "foo{}"),
            ("[   profile foo    ]\na=1", "foo{a=1}"),
            ("name = value", "! f:1: expected a profile such as `[default]`"),
            ("[profile foo]\r\nname = value\r\n", "foo{name=value}"),
            ("[profile foo]\nname = val=ue", "foo{name=val=ue}"),
            ("[profile foo]\nname \t=  \tvalue \t", "foo{name=value}"),
            ("[profile foo]\nname =", "foo{name=}"),
            ("[profile foo]\n= value", "! f:2: a property has no name"),
            ("[profile foo]\nkey : value", "! f:2: expected `name = value`"),
            ("\t \n[profile foo]\n\t\n \nname = value\n\t \n[profile bar]\n \t", "bar{} foo{name=value}"),
            ("# c\n[profile foo] ; c\nname = value # c with ; sign", "foo{name=value}"),
            ("; c\n[profile foo]# c\nname = value ; c", "foo{name=value}"),
            ("[profile foo]\na = value; no comment\nb = value# none", "foo{a=value; no comment,b=value# none}"),
            ("[profile foo]\na = # c", "foo{a=}"),
            ("[profile foo]\nname = value\n -continued", "foo{name=value}"),
            (" -continued", "! f:1: expected a profile, found an indented line"),
            ("[profile foo]\n -continued", "! f:2: expected a property, found an indented line"),
            ("[profile foo]\nname = value\n[profile foo]\n -c", "! f:4: expected a property, found an indented line"),
            ("[profile foo]\na = 1\n[profile foo]\nb = 2\nA = 3", "foo{a=3,b=2}"),
            ("[profile default]\na = 1\n[default]\nb = 2", "default{a=1}"),
            ("[default]\nb = 2\n[profile default]\na = 1", "default{a=1}"),
            ("[profile default]\na=1\n[default]\nb=2\n[profile default]\nc=3", "default{a=1,c=3}"),
            ("[profile in valid]\na = 1\n[profile bar]\nb = 2", "bar{b=2}"),
            ("[profile foo]\nin valid = value", "foo{}"),
            ("[profile foo]\ns3 =\n  max_concurrent_requests = 20\n  = x\nregion = r", "foo{region=r,s3=}"),
            ("[foo]\na = 1", ""),
            ("[profilefoo]\na = 1\n[profile bar]", "bar{}"),
            (
                "[sso-session foo]\nsso_region = r\n[services x]\ns3 =\n  endpoint_url = u\n[profile bar]",
                "bar{} sso:foo{sso_region=r}",
            ),
            ("[sso-session\tfoo ]\na = 1\n[sso-session foo]\nb = 2\n[profile foo]", "foo{} sso:foo{a=1,b=2}"),
            ("[sso-session in valid]\na = 1\n[sso-session]\nb = 2\n[sso-sessionx]\nc = 3", ""),
            ("[sso-session foo]\n -c", "! f:2: expected a property, found an indented line"),
        ] {
            assert_eq!(read(FileKind::Config, text), profiles, "{text:?}");
        }
    }

    #[test]
    fn the_credentials_file() {
        for (text, profiles) in [
            ("[foo]\na = 1\n[default]\nb = 2", "default{b=2} foo{a=1}"),
            ("[   foo    ]\na = 1\n[profile bar]\nb = 2", "foo{a=1}"),
            ("[in valid 2]\na = 1", ""),
            ("[profile-x]\na = 1", "profile-x{a=1}"),
            ("[sso-session foo]\na = 1\n[bar]", "bar{}"),
        ] {
            assert_eq!(read(FileKind::Credentials, text), profiles, "{text:?}");
        }
    }

    #[test]
    fn neither_a_message_nor_debug_repeats_a_value() {
        for text in ["[a]\ns3cr3t", "s3cr3t = x", "[a]\n s3cr3t", "[a]\n= s3cr3t", "[s3cr3t"] {
            let error = parse(text, FileKind::Credentials, "f").unwrap_err();
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error}");
        }
        let profiles = parse("[a]\naws_secret_access_key = s3cr3t", FileKind::Credentials, "f").unwrap().profiles;
        assert_eq!(format!("{profiles:?}"), r#"{"a": ["aws_secret_access_key"]}"#);
    }

    proptest::proptest! {
        /// What is written by the rules is read as it was meant, whatever stands between.
        #[test]
        fn what_is_written_is_read(
            written in proptest::collection::btree_map(
                "[a-z][a-z0-9_./@:-]{0,12}",
                proptest::collection::btree_map("[a-z_]{1,12}", "[!-~]([ -~]{0,20}[!-~])?", 0..5),
                0..5,
            ),
            sessions in proptest::collection::btree_map("[a-z]{1,8}", "[a-z]{1,8}", 0..3),
            comments: bool,
        ) {
            let mut text = String::new();
            for (name, properties) in &written {
                text += &format!("[profile {name}]{}\n", if comments { " ; a comment" } else { "" });
                for (key, value) in properties {
                    text += &format!("{key} = {value}\n");
                    if comments {
                        text += "# a comment\n  nested = 1\n\n";
                    }
                }
            }
            for (name, region) in &sessions {
                text += &format!("[sso-session {name}]\nsso_region={region}\n");
            }
            let read = parse(&text, FileKind::Config, "f").unwrap();
            proptest::prop_assert_eq!(read.profiles.len(), written.len());
            for (name, properties) in &written {
                for (key, value) in properties {
                    // A comment begins with a blank before it.
                    let value = [" #", " ;"].iter().filter_map(|sign| value.find(sign)).min().map_or(&**value, |at| &value[..at]).trim();
                    let value = if value.starts_with(['#', ';']) { "" } else { value };
                    proptest::prop_assert_eq!(read.profiles[name].get(key), Some(value).filter(|value| !value.is_empty()));
                }
            }
            for (name, region) in &sessions {
                proptest::prop_assert_eq!(read.sso_sessions[name].get("sso_region"), Some(&**region));
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_repeating_it(text in "(\\PC|[\\[\\]=#; \\t\\r\\n]|profile |sso-session |default){0,200}") {
            for kind in [FileKind::Config, FileKind::Credentials] {
                if let Err(error) = parse(&text, kind, "f") {
                    proptest::prop_assert!(error.message().len() < 80, "{error}");
                }
            }
        }
    }
}
