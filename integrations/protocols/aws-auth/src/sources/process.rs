//! Credentials that a program prints
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).

use circle_core_common::credentials::{Lease, Os};
use circle_core_common::{Error, ErrorKind, Result};

use crate::credentials::AwsCredentials;
use crate::document::Document;

/// Runs the command of a profile. No shell sees it: what is special to one is not here.
///
/// # Errors
/// `ConfigInvalid` for a command that cannot be split or run, or fails; `Decode` for what it prints, if it is no credential. No
/// message has its arguments, or what it printed.
pub(crate) async fn credentials(os: &Os, command: &str) -> Result<Lease<AwsCredentials>> {
    let (program, arguments) = split(command)?;
    let program = os.expand(&program)?;
    let printed = os.run(&program.to_string_lossy(), &arguments).await?;
    Document::printed("what the program of `credential_process` prints", &printed)
}

/// The program and its arguments: parted by blanks, except within quotes; a backslash takes the letter behind it as it is, but not on
/// Windows, where paths are made of them.
fn split(command: &str) -> Result<(String, Vec<String>)> {
    let invalid = |what: &str| Error::new(ErrorKind::ConfigInvalid, format!("`credential_process` {what}"));
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, '\\') if !cfg!(windows) => {
                let next = letters.next().ok_or_else(|| invalid("ends with a backslash"))?;
                let word = word.get_or_insert_default();
                // Within double quotes it is special before few letters, and one of itself before the others.
                if quote.is_some() && !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err(invalid("has a quote that is not closed"));
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) {
        return Err(invalid("names no program"));
    }
    let program = words.remove(0);
    Ok((program, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(windows))]
    #[test]
    fn a_command_is_split_as_a_shell_would_and_nothing_else_is_done_to_it() {
        for (command, words) in [
            ("/opt/bin/creds", &["/opt/bin/creds"][..]),
            ("  creds   --user  ann ", &["creds", "--user", "ann"]),
            (r#""/opt/my program" 'a b' "c \"d\" \e" f\ g '' "#, &["/opt/my program", "a b", r#"c "d" \e"#, "f g", ""]),
            ("creds a'b'\"c\"", &["creds", "abc"]),
            (
                "creds $HOME `id` $(id) ; id | id > x & *",
                &["creds", "$HOME", "`id`", "$(id)", ";", "id", "|", "id", ">", "x", "&", "*"],
            ),
        ] {
            let (program, arguments) = split(command).unwrap();
            let all: Vec<_> = std::iter::once(program).chain(arguments).collect();
            assert_eq!(all, words, "{command}");
        }
        for command in ["", "   ", "''", "creds 's3cr3t", "creds \"s3cr3t", "creds s3cr3t\\"] {
            let error = split(command).unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains("s3cr3t"), "{command}: {error:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_command_is_split_or_refused(command in "(\\PC|[ \"'\\\\]){0,60}") {
            let _ = split(&command);
        }
    }
}
