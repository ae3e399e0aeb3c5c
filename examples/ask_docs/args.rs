//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use circle_core::ByteSize;
use lexopt::{Arg, Parser, ValueExt};

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Ask(Ask),
}

/// A question to a folder.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) folder: PathBuf,
    pub(crate) question: String,
    pub(crate) name: Option<String>,
    pub(crate) channel: String,
    pub(crate) config: Option<PathBuf>,
    pub(crate) profile: Option<String>,
    pub(crate) max_size: ByteSize,
    pub(crate) anew: bool,
    pub(crate) quiet: bool,
}

/// Reads the command line.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = Parser::from_iter(args);
    let mut words: Vec<OsString> = Vec::new();
    let (mut name, mut channel, mut config, mut profile) = (None, "#docs".to_owned(), None, None);
    let (mut max_size, mut anew, mut quiet) = (ByteSize::mib(1), false, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Short('q') | Arg::Long("quiet") => quiet = true,
            Arg::Long("anew") => anew = true,
            Arg::Long("name") => name = Some(slug(parser.value()?.string()?)?),
            Arg::Long("channel") => channel = parser.value()?.string()?,
            Arg::Long("config") => config = Some(parser.value()?.into()),
            Arg::Long("profile") => profile = Some(parser.value()?.string()?),
            Arg::Long("max-size") => max_size = size(&mut parser)?,
            Arg::Value(word) => words.push(word),
            arg => return Err(arg.unexpected()),
        }
    }
    let mut words = words.into_iter();
    let folder = words.next().ok_or("the folder is missing, and the question")?.into();
    let question = words.next().ok_or("the question is missing; write it in quotes behind the folder")?.string()?;
    if question.trim().is_empty() {
        return Err("the question is empty".into());
    }
    match words.next() {
        Some(extra) => Err(format!("`{}` is one argument too many; write the question in quotes", extra.display()).into()),
        None => Ok(Command::Ask(Ask { folder, question, name, channel, config, profile, max_size, anew, quiet })),
    }
}

fn slug(name: String) -> Result<String, lexopt::Error> {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    match (1..=60).contains(&name.len()) && name.chars().all(fits) {
        true => Ok(name),
        false => Err(format!("`{}` is no name: write up to 60 of a-z, 0-9 and -", name.escape_debug()).into()),
    }
}

fn size(parser: &mut Parser) -> Result<ByteSize, lexopt::Error> {
    let kib: u64 = parser.value()?.parse()?;
    match kib {
        1..=65_536 => Ok(ByteSize::kib(kib)),
        _ => Err("--max-size is from 1 to 65536 KiB".into()),
    }
}
