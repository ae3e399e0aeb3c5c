//! A server that runs, and does not outlive this process.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::servers::{Server, Start};
use crate::outcome::{Context as _, Failure, Result};

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to end when it is asked to.
const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// How often a free port may turn out to be taken.
const TRIES: u32 = 3;
const LOG_LINES: usize = 20;

/// Waits until its input ends, which is at the latest when the process at the other end of the pipe does, however that
/// happens. Then stops the process group, and removes the data.
const WATCH: &str = r#"
cat >/dev/null
kill -s TERM -- "-$1" 2>/dev/null
n=0
while kill -s 0 -- "-$1" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL -- "-$1" 2>/dev/null
rm -rf -- "$2"
"#;

/// Stopped when this is dropped, and by its watch when this process ends otherwise: killed, or by Ctrl-C.
#[derive(Debug)]
pub(super) struct Running {
    server: Server,
    process: Child,
    watch: Option<Child>,
    port: u16,
    data: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Starts a server and waits until it answers.
    pub(super) fn start(server: &Server, folder: &Path, data: &Path) -> Result<Self> {
        let mut last = None;
        for _ in 0..TRIES {
            let began = Instant::now();
            let mut running = Self::spawn(server, folder, data)?;
            match running.until_ready() {
                Ok(()) => {
                    println!("{} answers at {} after {} ms", server.software, running.origin(), began.elapsed().as_millis());
                    return Ok(running);
                }
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(format!("{} was not started", server.software))))
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn spawn(server: &Server, folder: &Path, data: &Path) -> Result<Self> {
        let data = data.join(server.name);
        fs::create_dir_all(&data).context(format_args!("making {}", data.display()))?;
        let log = data.with_extension("log");
        let output = File::create(&log).context(format_args!("making {}", log.display()))?;
        let errors = output.try_clone().context("the log")?;
        let port = free_port()?;
        let start = Start { program: server.program_in(folder), port, data: data.clone() };
        let mut command = (server.command)(&start);
        command.current_dir(&data).stdin(Stdio::null()).stdout(output).stderr(errors);
        own_group(&mut command);
        let process = command.spawn().context(format_args!("{} did not start", server.software))?;
        let watch = watch(process.id(), &data);
        Ok(Self { server: *server, process, watch, port, data, log })
    }

    fn until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if self.answers().is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(self.failure(&format!("ended with {status}")));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(self.failure(&format!("did not answer within {} s", READY_WITHIN.as_secs())))
    }

    /// Whether it answers in HTTP; with which status does not matter.
    fn answers(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let (path, port) = (self.server.ready, self.port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        if &start == b"HTTP/" { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
    }

    fn failure(&self, what: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LOG_LINES);
        let end: String = log.lines().skip(skipped).map(|line| format!("\n  {line}")).collect();
        Failure::new(format!("{} {what}; its log ends with:{end}", self.server.software))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match &mut self.watch {
            Some(watch) => drop(watch.stdin.take()),
            None => drop(self.process.kill()),
        }
        let began = Instant::now();
        // Taken note of here, or it would go on existing as a process that has ended.
        while matches!(self.process.try_wait(), Ok(None)) {
            if began.elapsed() > STOPS_WITHIN {
                let _ = self.process.kill();
                let _ = self.process.wait();
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        if let Some(watch) = &mut self.watch {
            let _ = watch.wait();
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// Where there is no shell, the server outlives a process that is killed.
fn watch(process: u32, data: &Path) -> Option<Child> {
    if !cfg!(unix) {
        return None;
    }
    let mut command = Command::new("sh");
    command.args(["-c", WATCH, "watch", &process.to_string()]).arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    own_group(&mut command);
    command.spawn().ok()
}

/// Ctrl-C is for the whole group of a terminal; the server is to end in its turn, and its watch last.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("no port is free")?.port())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::live::servers::Source;

    const PORT: &str = "XTASK_FAKE_SERVER_PORT";
    const ORPHAN: &str = "XTASK_FAKE_SERVER_ORPHAN";

    /// A server that is this test binary, which is there wherever the test is.
    pub(in crate::live) const FAKE: Server = Server {
        name: "fake",
        software: "fake 1.0.0",
        source: Source::Pip { requirement: "fake==1.0.0" },
        program: "bin/fake",
        command: |start| {
            let mut command = Command::new(std::env::current_exe().expect("this binary"));
            command.args(["--exact", "live::running::tests::fake_server", "--nocapture"]);
            command.env(PORT, start.port.to_string());
            command
        },
        ready: "/",
    };

    /// One that ends as soon as it starts.
    pub(in crate::live) const BROKEN: Server = Server {
        name: "broken",
        command: |_| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo out of order; exit 3"]);
            command
        },
        ..FAKE
    };

    /// No test: the server, when it is started as one.
    #[test]
    fn fake_server() {
        let Some(port) = std::env::var(PORT).ok().and_then(|port| port.parse::<u16>().ok()) else { return };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port");
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
        }
    }

    fn is_reachable(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_server_runs_until_it_is_dropped() -> Result<()> {
        let folder = tempfile::tempdir().context("a folder")?;
        let running = Running::start(&FAKE, folder.path(), folder.path())?;
        let (port, data) = (running.port, running.data.clone());
        assert!(is_reachable(port) && data.is_dir());
        assert_eq!(running.origin(), format!("http://127.0.0.1:{port}"));
        drop(running);
        assert!(!is_reachable(port) && !data.exists());
        Ok(())
    }

    #[test]
    fn a_server_stops_when_a_test_panics() {
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::sync::atomic::AtomicU16::new(0);
        let panicked = std::panic::catch_unwind(|| {
            let running = Running::start(&FAKE, folder.path(), folder.path()).expect("started");
            port.store(running.port, std::sync::atomic::Ordering::SeqCst);
            panic!("while it runs");
        });
        assert!(panicked.is_err() && !is_reachable(port.into_inner()));
    }

    /// No test: starts a server, says where, and waits to be killed.
    #[test]
    fn parent_that_is_killed() {
        let Some(folder) = std::env::var_os(ORPHAN).map(PathBuf::from) else { return };
        let running = Running::start(&FAKE, &folder, &folder).expect("started");
        fs::write(folder.join("port.new"), running.port.to_string()).expect("written");
        fs::rename(folder.join("port.new"), folder.join("port")).expect("renamed");
        thread::sleep(Duration::from_secs(60));
    }

    #[test]
    #[cfg(unix)]
    fn a_server_stops_when_its_starter_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parent = Command::new(std::env::current_exe().expect("this binary"));
        parent.args(["--exact", "live::running::tests::parent_that_is_killed", "--nocapture"]);
        let mut parent = parent.env(ORPHAN, folder.path()).stdout(Stdio::null()).spawn().expect("started");
        let until = |what: &dyn Fn() -> bool| {
            let began = Instant::now();
            while !what() {
                assert!(began.elapsed() < Duration::from_secs(20));
                thread::sleep(Duration::from_millis(10));
            }
        };
        let file = folder.path().join("port");
        until(&|| file.exists());
        let port = fs::read_to_string(file).expect("a port").parse().expect("a number");
        assert!(is_reachable(port));
        parent.kill().expect("killed, and it cannot clean up");
        parent.wait().expect("ended");
        until(&|| !is_reachable(port) && !folder.path().join("fake").exists());
    }

    #[test]
    fn a_server_that_ends_at_once_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = Running::start(&BROKEN, folder.path(), folder.path()).expect_err("it ends").to_string();
        assert!(failure.contains("exit status: 3") && failure.contains("out of order"), "{failure}");
    }
}
