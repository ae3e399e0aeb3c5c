//! What `--help` says.

/// What it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    General,
    Run,
    List,
    Verify,
    Restore,
    Prune,
}

impl Topic {
    pub(crate) const COMMANDS: [Self; 5] = [Self::Run, Self::List, Self::Verify, Self::Restore, Self::Prune];

    /// The command's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::General => "",
            Self::Run => "run",
            Self::List => "list",
            Self::Verify => "verify",
            Self::Restore => "restore",
            Self::Prune => "prune",
        }
    }

    /// The help.
    pub(crate) fn text(self) -> String {
        let own = match self {
            Self::General => return format!("{GENERAL}\n{COMMON}\n{EXIT}"),
            Self::Run => RUN,
            Self::List => LIST,
            Self::Verify => VERIFY,
            Self::Restore => RESTORE,
            Self::Prune => PRUNE,
        };
        format!("{own}\n{COMMON}\n{EXIT}")
    }
}

const GENERAL: &str = "\
An incremental, deduplicating, verifiable archive of folders in any object store.

  archive run <folder> <archive>        archive a folder
  archive list <archive>                show the runs, or what a run holds
  archive verify <archive>              read everything again and check it
  archive restore <archive> <folder>    restore a run
  archive prune <archive>               remove old runs and what no run needs

<archive> is a path, or service:<name> for a service of the file named by --config.
`archive <command> --help` says more.

Kept: contents, modification times, modes, symbolic links and empty folders, under names of any bytes.
Not kept: owners, hard links (each name becomes a file of its own), extended attributes and access lists, holes.
Sockets, pipes and devices are reported and skipped.
";

const RUN: &str = "\
archive run <folder> <archive>

Archives what is in <folder>. Files that have not changed since the last run are not read again, and content that the
archive has, from whatever file, is not stored again. Files that cannot be read are reported and skipped; files that
change while they are read are reported and stored as they were read. The archive's own folder is left out.

A file is safe once `--verbose` prints `stored <path>`: its content, a line in the run's journal and its index entry are
written and synced. If the run is killed after that, the next run does not store the file again; `list` shows the
unfinished run, and `restore --run <id>` restores what it had stored.

  --exclude GLOB    leave out what matches, with all that is in it; may be repeated. A pattern with a `/` is matched
                    with the path within the folder (`src/*.tmp`, `**/target/debug`), one without with each name (`*.o`)
  --patience S      how many seconds a prune must be silent to count as dead, 30 by default
";

const LIST: &str = "\
archive list <archive>

Shows the runs, earliest first: name, state, files, size, what was new, folder. An unfinished run was killed or is at
work.

  --run ID          show what this run holds instead: mode, size, time, path
";

const VERIFY: &str = "\
archive verify <archive>

Reads every chunk and compares it with its SHA-256, then follows every run to its last chunk. What is missing or damaged
is reported, with each run and file that needs it.

  --repair          delete damaged chunks, so that the next run stores them again from the files that still have that
                    content; runs that need them are whole again then
";

const RESTORE: &str = "\
archive restore <archive> <folder>

Restores the latest complete run into <folder>, which must be absent or empty. Every piece is checked; what is damaged
is reported and left out. Nothing is written outside of <folder>, whatever the archive says.

  --run ID          restore this run; of an unfinished one, what it had stored
  --force           restore over what is in <folder>; what the run does not name stays
";

const PRUNE: &str = "\
archive prune <archive>

Removes the chunks that no run needs, and the runs that --keep and --forget say. Refuses while a run is at work; a run
that starts meanwhile waits. An unfinished run is watched for a while, to tell a dead one from one at work.

  --keep N          keep the N latest complete runs of each folder, and the unfinished runs that are later; without it
                    no run is removed
  --forget ID       remove this run, damaged or not; may be repeated
  --patience S      how many seconds an unfinished run must be silent to count as dead, 30 by default. A run at work
                    shows itself every 5 seconds
";

const COMMON: &str = "\
Options of every command:

  --config FILE     where services are described (circle.toml); for service:<name>
  --index SERVICE   service:<name> of the key-value store for the index; the archive's own service by default
  -v, --verbose     print a line for each file
  -q, --quiet       print errors and problems only
  -h, --help        print this
";

const EXIT: &str = "\
Exit code: 0 done; 1 done, but something was skipped, changed while it was read or is damaged; 2 wrong usage; 3 failed.
";
