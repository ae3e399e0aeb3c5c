//! Running a program that prints a credential.

use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most that a program may print, in bytes.
const OUTPUT_MAX: u64 = 64 * 1024;
/// How often it is looked whether a program has ended that has closed its output.
const LOOK: Duration = Duration::from_millis(5);

/// What a program printed. It is ended when nobody waits any longer.
///
/// By a thread of its own and not by tokio's processes, which watch over all children of the process by a signal: an application
/// may have its own ways there. Nor by tokio's threads, which a program that never ends would hold up at the runtime's end.
pub(super) async fn run(program: &str, arguments: &[String]) -> io::Result<Vec<u8>> {
    let mut command = Command::new(program);
    // What it complains of may quote secrets: nobody reads it here.
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
    let running = Running(Arc::new(Mutex::new(child)));
    let (done, answer) = tokio::sync::oneshot::channel();
    let watched = Running(Arc::clone(&running.0));
    std::thread::Builder::new().name("circle-program".to_owned()).spawn(move || drop(done.send(watched.wait(output))))?;
    answer.await.unwrap_or_else(|_| Err(io::Error::other("it was lost")))
}

/// A program that ends when this is dropped.
struct Running(Arc<Mutex<Child>>);

impl Running {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, output: ChildStdout) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(4096);
        let read = output.take(OUTPUT_MAX + 1).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 > OUTPUT_MAX {
            let _ = self.child().kill();
        }
        let status = loop {
            let ended = self.child().try_wait()?;
            match ended {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        read?;
        if bytes.len() as u64 > OUTPUT_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it prints over {OUTPUT_MAX} bytes")));
        }
        if !status.success() {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        Ok(bytes)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing to one that has ended and was waited for.
        let _ = self.child().kill();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<String, String> {
        match run("/bin/sh", &["-c".to_owned(), script.to_owned()]).await {
            Ok(bytes) => Ok(String::from_utf8(bytes).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn what_a_program_prints_is_read_and_what_it_complains_of_is_not() {
        assert_eq!(sh("echo hello; echo s3cr3t >&2").await.unwrap(), "hello\n");
        let error = sh("echo s3cr3t; echo s3cr3t >&2; exit 3").await.unwrap_err();
        assert_eq!(error, "it ended with exit status: 3");
        assert!(run("/surely/not/there", &[]).await.unwrap_err().kind() == io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_program_that_prints_without_end_is_ended() {
        assert_eq!(
            sh("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done").await.unwrap_err(),
            "it prints over 65536 bytes"
        );
    }

    #[tokio::test]
    async fn a_program_ends_when_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("alive");
        // It holds a lock of its own: a file that it writes its number to.
        let script = format!("echo $$ > {}; exec sleep 600", pipe.display());
        let waiting = tokio::spawn(async move { sh(&script).await });
        let id = loop {
            match std::fs::read_to_string(&pipe) {
                Ok(id) if id.ends_with('\n') => break id.trim().to_owned(),
                _ => tokio::time::sleep(LOOK).await,
            }
        };
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        // Ends only if the program does; the test's own runner gives up otherwise.
        while std::path::Path::new(&format!("/proc/{id}")).exists() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
