//! Running targets: pick inputs, catch panics, save what crashes.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env, fs,
    num::NonZeroUsize,
    panic,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    mutate::{Numbers, mutated},
    targets::{TARGETS, Target},
};
use crate::{
    outcome::{Context as _, Failure, Problem, Problems, Result},
    workspace::Workspace,
};

/// A parser that takes longer for 4 KiB is a way to stop a service.
const SLOW: Duration = Duration::from_secs(1);

/// More findings of one target are rarely more bugs.
const FINDINGS: usize = 10;

struct Options {
    seconds: u64,
    runs: u64,
    seed: u64,
}

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let mut options = Options { seconds: 10, runs: u64::MAX, seed: 0 };
    let (mut names, mut file, mut list) = (Vec::new(), None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("seconds") => options.seconds = arguments.value()?.parse()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("input") => file = Some(PathBuf::from(arguments.value()?)),
            Long("list") => list = true,
            Value(name) => names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if list {
        for target in TARGETS {
            println!("{:<16} {}", target.name, target.promise);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let targets = chosen(&names)?;
    if let Some(file) = file {
        let [target] = targets[..] else {
            return Err(Failure::new("`--input` runs one target: name it"));
        };
        let input = fs::read(&file).context(format_args!("reading {}", file.display()))?;
        (target.run)(&input);
        println!("{} keeps its promise on {}", target.name, file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let mut problems = Problems::default();
    let targets = targets.into_iter().map(|target| Ok((target, corpus(&workspace, target)?))).collect::<Result<Vec<_>>>()?;
    for (target, found) in fuzz_all(&targets, &options) {
        problems.extend(save(&workspace, target, found)?);
    }
    Ok(problems.finish("fuzz"))
}

/// Runs as many targets at once as there are cores: each has its time to itself. What is found comes in the order of targets.
fn fuzz_all(targets: &[(&'static Target, Vec<Vec<u8>>)], options: &Options) -> Vec<(&'static Target, BTreeMap<String, Finding>)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((target, corpus)) = targets.get(index) else { break };
                    let found = fuzz(target, corpus, options);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, (*target, found));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>> {
    let known = |name: &String| TARGETS.iter().find(|target| target.name == name);
    if let Some(unknown) = names.iter().find(|name| known(name).is_none()) {
        return Err(Failure::new(format!("no target `{unknown}`; `--list` prints them")));
    }
    Ok(TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name)).collect())
}

fn corpus(workspace: &Workspace, target: &Target) -> Result<Vec<Vec<u8>>> {
    let folder = workspace.path("xtask/corpus").join(target.name);
    let entries = fs::read_dir(&folder).context(format_args!("reading {}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let read = |path: &PathBuf| fs::read(path).context(format_args!("reading {}", path.display()));
    files.iter().map(read).collect()
}

/// An input that breaks the target's promise, and how.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    input: Vec<u8>,
    what: String,
}

/// Runs the corpus as it is, then mutations of it; one finding for each place in the code that panics.
fn fuzz(target: &Target, corpus: &[Vec<u8>], options: &Options) -> BTreeMap<String, Finding> {
    let mut found = BTreeMap::new();
    let mut numbers = Numbers::new(options.seed);
    let start = Instant::now();
    let mut runs = 0;
    while runs < options.runs && found.len() < FINDINGS && start.elapsed() < Duration::from_secs(options.seconds) {
        let input = match usize::try_from(runs).ok().and_then(|index| corpus.get(index)) {
            Some(input) => input.clone(),
            None => mutated(&mut numbers, corpus, target.dictionary),
        };
        if let Some((place, what)) = breaks(target, &input) {
            found.entry(place).or_insert(Finding { input, what });
        }
        runs += 1;
    }
    let rate = runs as f64 / start.elapsed().as_secs_f64().max(f64::EPSILON);
    println!("{:<16} {runs} inputs, {rate:.0}/s, {} findings (seed {})", target.name, found.len(), options.seed);
    found
}

thread_local! {
    /// `Some` while this thread runs an input: place and text of its last panic.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// The place of the broken promise, and what to say about it.
fn breaks(target: &Target, input: &[u8]) -> Option<(String, String)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let running = PANIC.with(|panic| match &mut *panic.borrow_mut() {
                Some((place, text)) => {
                    *place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
                    let payload = info.payload();
                    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
                    *text = said.unwrap_or("a panic without text").to_owned();
                    true
                }
                None => false,
            });
            if !running {
                before(info);
            }
        }));
    });
    PANIC.set(Some(Default::default()));
    let start = Instant::now();
    let caught = panic::catch_unwind(|| (target.run)(input));
    let took = start.elapsed();
    let (place, text) = PANIC.take().unwrap_or_default();
    if caught.is_err() {
        return Some((place.clone(), format!("panics at {place}: {text}")));
    }
    (took > SLOW).then(|| ("slow".to_owned(), format!("takes {:.1} s", took.as_secs_f64())))
}

fn save(workspace: &Workspace, target: &Target, found: BTreeMap<String, Finding>) -> Result<Vec<Problem>> {
    let folder = Path::new("target/xtask/fuzz").join(target.name);
    let mut problems = Vec::new();
    for (index, finding) in found.into_values().enumerate() {
        let file = folder.join(format!("finding-{index}"));
        let path = workspace.root.join(&file);
        fs::create_dir_all(workspace.root.join(&folder))
            .and_then(|()| fs::write(&path, &finding.input))
            .context(format_args!("saving {}", path.display()))?;
        problems.push(Problem::new(
            "fuzz",
            format_args!("xtask/src/fuzz/targets.rs: {}", target.name),
            format!("an input of {} bytes {}", finding.input.len(), finding.what.lines().next().unwrap_or_default()),
            format!("replay it with `cargo xtask fuzz {} --input {}`", target.name, file.display()),
        ));
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(run: fn(&[u8])) -> Target {
        Target { name: "test", promise: "", dictionary: &[b"bug"], run }
    }

    fn runs(runs: u64) -> Options {
        Options { seconds: 60, runs, seed: 0 }
    }

    #[test]
    fn a_bug_behind_a_word_is_found_and_its_input_replays() {
        let buggy = target(|input| assert!(!input.windows(3).any(|word| word == b"bug"), "has a bug"));
        let found = fuzz(&buggy, &[b"seed".to_vec()], &runs(10_000));
        assert_eq!(found.len(), 1, "one place, one finding: {found:?}");
        let finding = found.values().next().expect("a finding");
        assert!(finding.what.contains("has a bug"), "{}", finding.what);
        assert!(panic::catch_unwind(|| (buggy.run)(&finding.input)).is_err());
    }

    #[test]
    fn the_corpus_itself_is_run_first() {
        let buggy = target(|input| assert_ne!(input, b"regression"));
        assert_eq!(fuzz(&buggy, &[b"fine".to_vec(), b"regression".to_vec()], &runs(2)).len(), 1);
    }

    #[test]
    fn the_same_seed_finds_the_same() {
        let buggy = target(|input| assert!(input.len() < 40));
        let found = || fuzz(&buggy, &[b"0123456789".to_vec()], &runs(5_000));
        assert_eq!(found(), found());
        assert_eq!(found().len(), 1);
    }

    #[test]
    fn targets_that_run_at_once_find_each_its_own() {
        let targets = [target(|input| assert_ne!(input, b"one")), target(|_| {}), target(|input| assert_ne!(input, b"two"))];
        let targets: &'static [Target] = Box::leak(Box::new(targets));
        let corpora = [b"one", b"one", b"two"].map(|seed| vec![seed.to_vec()]);
        let all: Vec<_> = targets.iter().zip(corpora).collect();
        let found: Vec<_> = fuzz_all(&all, &runs(1)).into_iter().map(|(_, found)| found.len()).collect();
        assert_eq!(found, [1, 0, 1]);
    }

    #[test]
    fn every_target_has_a_corpus_that_it_keeps_its_promise_on() {
        let workspace = Workspace::load(env!("CARGO_MANIFEST_DIR").as_ref()).expect("this workspace");
        for target in TARGETS {
            let corpus = corpus(&workspace, target).expect("a corpus");
            assert!(!corpus.is_empty(), "{} has an empty corpus", target.name);
            // By time as well: a target on a disk manages a few dozen a second.
            let briefly = Options { seconds: 2, ..runs(2_000) };
            assert_eq!(fuzz(target, &corpus, &briefly), BTreeMap::new(), "{}", target.name);
        }
    }
}
