//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use circle_core_examples::archive::lease::DEAD_AFTER;
use circle_core_examples::archive::record::RunId;
use lexopt::{Arg, Parser, ValueExt};

use crate::help::Topic;

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Help(Topic),
    Run { folder: PathBuf, place: Place, exclude: Vec<String>, patience: Duration, output: Output },
    List { place: Place, run: Option<RunId>, output: Output },
    Verify { place: Place, repair: bool, output: Output },
    Restore { place: Place, folder: PathBuf, run: Option<RunId>, force: bool, output: Output },
    Prune { place: Place, keep: Option<usize>, forget: Vec<RunId>, patience: Duration, output: Output },
}

/// Where the archive is.
#[derive(Debug)]
pub(crate) struct Place {
    /// A path, or `service:<name>`.
    pub(crate) archive: OsString,
    /// The file that describes the services.
    pub(crate) config: Option<PathBuf>,
    /// Another service for the index.
    pub(crate) index: Option<String>,
}

/// How much to print.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
}

/// Options of all commands together; each command takes its own.
#[derive(Default)]
struct Options {
    config: Option<PathBuf>,
    index: Option<String>,
    output: Output,
    exclude: Vec<String>,
    runs: Vec<RunId>,
    keep: Option<usize>,
    patience: Option<Duration>,
    force: bool,
    repair: bool,
}

/// Reads the command line.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = Parser::from_iter(args);
    let mut topic = None;
    let mut words: Vec<OsString> = Vec::new();
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match (arg, topic) {
            (Arg::Short('h') | Arg::Long("help"), _) => return Ok(Command::Help(topic.unwrap_or(Topic::General))),
            (Arg::Short('v') | Arg::Long("verbose"), _) => options.output.verbose = true,
            (Arg::Short('q') | Arg::Long("quiet"), _) => options.output.quiet = true,
            (Arg::Long("config"), _) => options.config = Some(parser.value()?.into()),
            (Arg::Long("index"), _) => options.index = Some(service(&parser.value()?.string()?)?.to_owned()),
            (Arg::Long("exclude"), Some(Topic::Run)) => options.exclude.push(parser.value()?.string()?),
            (Arg::Long("run"), Some(Topic::List | Topic::Restore)) => options.runs = vec![run(&mut parser)?],
            (Arg::Long("forget"), Some(Topic::Prune)) => options.runs.push(run(&mut parser)?),
            (Arg::Long("keep"), Some(Topic::Prune)) => options.keep = Some(keep(&mut parser)?),
            (Arg::Long("patience"), Some(Topic::Run | Topic::Prune)) => {
                options.patience = Some(Duration::from_secs(parser.value()?.parse::<u32>()?.into()));
            }
            (Arg::Long("repair"), Some(Topic::Verify)) => options.repair = true,
            (Arg::Long("force"), Some(Topic::Restore)) => options.force = true,
            (Arg::Value(word), None) => topic = Some(command(&word)?),
            (Arg::Value(word), Some(_)) => words.push(word),
            (arg, _) => return Err(arg.unexpected()),
        }
    }
    let topic = topic.ok_or("a command is missing: run, list, verify, restore or prune")?;
    assemble(topic, words, options)
}

fn assemble(topic: Topic, words: Vec<OsString>, options: Options) -> Result<Command, lexopt::Error> {
    let Options { config, index, output, exclude, mut runs, keep, patience, force, repair } = options;
    let patience = patience.unwrap_or(DEAD_AFTER);
    let mut words = words.into_iter();
    let mut word = |what: &str| words.next().ok_or_else(|| lexopt::Error::from(format!("{what} is missing")));
    let first = |topic: Topic| if topic == Topic::Run { "the folder" } else { "the archive" };
    let one = word(first(topic))?;
    let place = |archive| Place { archive, config, index };
    let command = match topic {
        Topic::Run => Command::Run { folder: one.into(), place: place(word("the archive")?), exclude, patience, output },
        Topic::List => Command::List { place: place(one), run: runs.pop(), output },
        Topic::Verify => Command::Verify { place: place(one), repair, output },
        Topic::Restore => {
            Command::Restore { place: place(one), folder: word("the folder")?.into(), run: runs.pop(), force, output }
        }
        Topic::Prune => Command::Prune { place: place(one), keep, forget: runs, patience, output },
        Topic::General => Command::Help(topic),
    };
    match words.next() {
        Some(extra) => Err(format!("`{}` is one argument too many", extra.display()).into()),
        None => Ok(command),
    }
}

fn command(word: &OsString) -> Result<Topic, lexopt::Error> {
    Topic::COMMANDS
        .into_iter()
        .find(|topic| word == topic.name())
        .ok_or_else(|| format!("`{}` is no command; there are run, list, verify, restore and prune", word.display()).into())
}

fn run(parser: &mut Parser) -> Result<RunId, lexopt::Error> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|_| format!("`{}` is no run; `list` shows them", text.escape_debug()).into())
}

fn keep(parser: &mut Parser) -> Result<usize, lexopt::Error> {
    let keep: usize = parser.value()?.parse()?;
    if keep == 0 { Err("--keep must keep at least 1 run".into()) } else { Ok(keep) }
}

/// The name in `service:<name>`.
pub(crate) fn service(text: &str) -> Result<&str, lexopt::Error> {
    text.strip_prefix("service:")
        .filter(|name| !name.is_empty())
        .ok_or_else(|| format!("`{text}` is no service; write service:<name>").into())
}
