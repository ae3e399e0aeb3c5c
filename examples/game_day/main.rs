//! Breaks a service on purpose, and shows what its callers see with and without the policies: `game_day --help`.
//!
//! The work is in `src/game_day/`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use circle_core_examples::game_day::{crowd, in_simulated_time, plot, report, scenario};
use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
Breaks a service on purpose, and shows what its callers see with and without the policies.

A hundred callers per second for a minute, which is simulated and takes no time; from second 20 on something is wrong, to
second 40 (of `overload` to 30). Every attempt has 2 s. For each
scenario and each way of calling: how many got an answer, the requests that came for each call, how long callers waited, how soon all
got answers again; a line with a block for each second; and a drawing in a file.

Usage: game_day [--to FOLDER] [SCENARIO …]

  SCENARIO     outage, silence, resets, overload, limit, tail; all without one
  --to FOLDER  where the drawings go, .circle/game_day by default

Exit code: 0, 2 wrong usage, 3 failed.
";

fn main() -> ExitCode {
    match parse() {
        Ok(Some((folder, names))) => match run(&folder, &names) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => said(&error.to_string(), 3),
        },
        Ok(None) => {
            let _ = write!(io::stdout(), "{HELP}");
            ExitCode::SUCCESS
        }
        Err(error) => said(&format!("{error}; see --help"), 2),
    }
}

fn said(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "game_day: {text}");
    ExitCode::from(code)
}

/// The folder and the scenarios; `None` asks for help.
fn parse() -> Result<Option<(PathBuf, Vec<String>)>, lexopt::Error> {
    let (mut parser, mut folder, mut names) = (Parser::from_env(), PathBuf::from(".circle/game_day"), Vec::new());
    let known = scenario::all();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("to") => folder = parser.value()?.into(),
            Arg::Value(name) => {
                let name = name.string()?;
                if !known.iter().any(|scenario| scenario.name == name) {
                    return Err(format!("there is no scenario `{}`", name.escape_debug()).into());
                }
                names.push(name);
            }
            arg => return Err(arg.unexpected()),
        }
    }
    Ok(Some((folder, names)))
}

fn run(folder: &PathBuf, names: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for scenario in scenario::all().into_iter().filter(|scenario| wanted(scenario.name)) {
        let outcomes = scenario
            .contestants
            .iter()
            .map(|contestant| in_simulated_time(crowd::run(&scenario, contestant))?.map_err(Into::into));
        let outcomes = outcomes.collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
        let file = folder.join(scenario.name).with_extension("svg");
        std::fs::write(&file, plot::svg(&scenario, &outcomes)).map_err(|error| format!("{}: {error}", file.display()))?;
        writeln!(io::stdout(), "{}  drawn in {}\n", report::table(&scenario, &outcomes), file.display())?;
    }
    Ok(())
}
