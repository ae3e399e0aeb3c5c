//! The program itself, as cargo has built it, in a place of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A working directory, with a folder `docs` in it.
pub(crate) struct Place {
    work: TempDir,
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// That it answered from all documents and had nothing to report.
    pub(crate) fn ok(self) -> Self {
        assert_eq!((self.code, &*self.err), (0, ""), "{}", self.out);
        self
    }

    /// That it ended with this code and one line that has all of these words.
    pub(crate) fn failed(self, code: i32, words: &[&str]) {
        self.failed_in(1, code, words);
    }

    /// That it ended with this code and so many lines, which have all of these words; those behind the first stand in.
    pub(crate) fn failed_in(self, lines: usize, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.err.lines().count()), (code, lines), "{self:?}");
        assert!(self.err.lines().skip(1).all(|line| line.starts_with("  ")), "{self:?}");
        assert!(self.err.starts_with("ask_docs: ") && words.iter().all(|word| self.err.contains(word)), "{self:?}");
    }

    /// The first line.
    pub(crate) fn summary(&self) -> &str {
        self.out.lines().next().unwrap_or_default()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        fs::create_dir(work.path().join("docs")).unwrap();
        Self { work }
    }

    /// Two documents.
    pub(crate) fn with_documents() -> Self {
        let place = Self::new();
        place.write("trains.md", "# Trains\n\n## Riga\n\nTrains to Riga leave from platform four.\n");
        place.write("hall/tickets.txt", "Tickets are sold in the hall.\n");
        place
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.work.path().join(path)
    }

    /// Writes a file of the folder.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path("docs").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The program with these arguments, ready to start here. Nothing of the environment reaches it but what is given.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.work.path()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Done {
        self.command(args).output().unwrap().into()
    }

    /// Asks the folder.
    pub(crate) fn ask(&self, question: &str) -> Done {
        self.run(["docs", question])
    }
}

/// `cargo test` builds examples before it runs tests; `--test ask_docs` alone does not.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(format!("ask_docs{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "no {}: run `cargo build -p circle-core-examples --example ask_docs`", program.display());
    program
}
