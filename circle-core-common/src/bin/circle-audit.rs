//! `circle-audit`: verifies audit logs, proves what is in them, makes keys, and destroys those of subjects.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use circle_core_common::audit::note::{SigningKey, VerifyingKey};
use circle_core_common::audit::{FileAnchor, Integrity, Leaves, SubjectKeys, Verifier};
use circle_core_common::{Error, ErrorKind, Result};
use secrecy::ExposeSecret;

const HELP: &str = "\
Verifies audit logs, proves what is in them, makes keys, and destroys those of subjects.

Usage:
  circle-audit verify LOG [--key VKEY]… [--anchor FILE]… [--origin TEXT] [--json]
  circle-audit prove LOG SEQ [--size RECORDS]
  circle-audit consistency LOG FIRST SECOND
  circle-audit key new NAME
  circle-audit key public FILE
  circle-audit subject LOG (NAME | PSEUDONYM)
  circle-audit erase LOG NAME

  verify       tells what has been done to a log. The keys are those that it was signed with, as they were noted elsewhere; without
               --key it is that of LOG.key, which says nothing of one who may write there. --anchor names a file with checkpoints from a
               second place, one behind the other. Exit code: 0 intact, 3 unanchored, 4 truncated, 5 rewritten, 2 it could not be told
  prove        prints the proof that a record is in the log of this size: the leaf's hash, then the path to the root
  consistency  prints the proof that the log of the second size continues that of the first
  key new      prints a private key with this name, for `audit.key`, and on the standard error the public one
  key public   prints the public half of the private key in a file
  subject      says whose pseudonym this is, or which pseudonym somebody has; no process may have the log open
  erase        destroys the key of somebody's pseudonym; no process may have the log open";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("circle-audit: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[&str]) -> Result<u8> {
    match arguments {
        ["verify", log, options @ ..] => return verify(Path::new(log), options),
        ["prove", log, seq] => prove(Path::new(log), number(seq)?, None)?,
        ["prove", log, seq, "--size", size] => prove(Path::new(log), number(seq)?, Some(number(size)?))?,
        ["consistency", log, first, second] => {
            print(&Leaves::of(log)?.consistency(number(first)?, number(second)?)?);
        }
        ["key", "new", name] => {
            let key = SigningKey::generate(name)?;
            println!("{}", key.to_secret().expose_secret());
            eprintln!("{}", key.verifying_key());
        }
        ["key", "public", file] => println!("{}", private_key(Path::new(file))?.verifying_key()),
        ["subject", log, wanted] => {
            let keys = SubjectKeys::open(beside(Path::new(log), "subjects")?)?;
            let unknown = || Error::new(ErrorKind::NotFound, "nobody of that name, or pseudonym, has a key");
            let found = keys.subject(wanted).map(str::to_owned).or_else(|| keys.pseudonym(wanted));
            println!("{}", found.ok_or_else(unknown)?);
        }
        ["erase", log, subject] => {
            let erased = SubjectKeys::open(beside(Path::new(log), "subjects")?)?.erase(subject)?;
            println!("{}", if erased { "the key is destroyed" } else { "there was no such key" });
        }
        ["--help" | "-h" | "help"] => println!("{HELP}"),
        _ => return Err(Error::new(ErrorKind::InvalidInput, format!("this is no command; its help is:\n\n{HELP}"))),
    }
    Ok(0)
}

fn verify(log: &Path, options: &[&str]) -> Result<u8> {
    let (mut keys, mut anchored, mut origin, mut json) = (Vec::new(), Vec::new(), None, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("{option} needs a value")));
        match *option {
            "--key" => keys.push(value()?.parse::<VerifyingKey>()?),
            "--anchor" => anchored.extend(FileAnchor::new(value()?).checkpoints()?),
            "--origin" => origin = Some(*value()?),
            "--json" => json = true,
            other => return Err(Error::new(ErrorKind::InvalidInput, format!("`verify` has no option {other}"))),
        }
    }
    if keys.is_empty() {
        let file = beside(log, "key")?;
        let key = private_key(&file).map_err(|error| error.context("name the log's public key with --key"))?;
        eprintln!("circle-audit: the key is that of {}; who can write there can have signed anything", file.display());
        keys.push(key.verifying_key().clone());
    }
    let mut verifier = Verifier::new(keys).anchored(anchored);
    if let Some(origin) = origin {
        verifier = verifier.origin(origin);
    }
    let found = verifier.verify(log)?;
    if json {
        let text = serde_json::to_string(&found);
        println!("{}", text.map_err(|error| Error::new(ErrorKind::Internal, "the report is no JSON").with_source(error))?);
    } else {
        println!("{found}");
    }
    Ok(match found.integrity {
        Integrity::Intact => 0,
        Integrity::Unanchored { .. } => 3,
        Integrity::Truncated { .. } => 4,
        _ => 5,
    })
}

fn prove(log: &Path, seq: u64, size: Option<u64>) -> Result<()> {
    let leaves = Leaves::of(log)?;
    let proof = leaves.inclusion(seq, size.unwrap_or_else(|| leaves.size()))?;
    print(&leaves.get(seq).copied().into_iter().chain(proof).collect::<Vec<_>>());
    Ok(())
}

fn print(hashes: &[[u8; 32]]) {
    for hash in hashes {
        println!("{}", BASE64.encode(hash));
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::new(ErrorKind::InvalidInput, format!("`{text}` is no number")))
}

/// A file beside the log, which must be there: a mistyped name would make a new one.
fn beside(log: &Path, what: &str) -> Result<PathBuf> {
    let file = PathBuf::from(format!("{}.{what}", log.display()));
    if file.is_file() { Ok(file) } else { Err(Error::new(ErrorKind::NotFound, format!("there is no file {}", file.display()))) }
}

fn private_key(file: &Path) -> Result<SigningKey> {
    let text = std::fs::read_to_string(file);
    let text =
        text.map_err(|error| Error::new(ErrorKind::Unavailable, format!("{}: {error}", file.display())).with_source(error))?;
    SigningKey::parse(&text.into()).map_err(|error| error.context(file.display()))
}
