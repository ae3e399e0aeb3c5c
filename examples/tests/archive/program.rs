//! The program itself, as cargo has built it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program. `cargo test` builds examples before it runs tests; `--test archive` alone does not.
pub(crate) fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join("archive");
    assert!(program.exists(), "no {}: run `cargo build -p circle-core-examples --example archive`", program.display());
    program
}

/// The program with these arguments, ready to start. Nothing of the environment reaches it but what it needs to run.
pub(crate) fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(path());
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// That it went well and had nothing to report.
    pub(crate) fn ok(self) -> Self {
        assert_eq!((self.code, &*self.err), (0, ""), "{}", self.out);
        self
    }

    /// That it failed with this code and one line that has all of these words.
    pub(crate) fn failed(self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.err.lines().count()), (code, 1), "{self:?}");
        assert!(self.err.starts_with("archive: ") && words.iter().all(|word| self.err.contains(word)), "{self:?}");
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Done {
    command(args).output().unwrap().into()
}

/// The arguments of a test, which are texts and paths.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$(::std::ffi::OsString::from(AsRef::<::std::ffi::OsStr>::as_ref(&$arg))),*] };
}
pub(crate) use args;
