//! The shared files of the AWS tools: anybody's editor writes them.

use std::{io, path::Path};

use circle_core_common::{
    CallContext, Environment,
    credentials::{FileStamp, LOAD, Os, OsSource},
};
use circle_core_protocol_aws_auth::AwsCredentialsConfig;

use super::Target;

pub(super) const PROFILES: Target = Target {
    name: "aws-profiles",
    promise: "any text as either file gives a whole key or an error that repeats no value",
    dictionary: &[
        b"[default]",
        b"[profile default]",
        b"[profile ",
        b"[sso-session x]",
        b"aws_access_key_id",
        b"aws_secret_access_key",
        b"aws_session_token",
        b"role_arn",
        b"credential_process",
        b" = ",
        b"s3cr3t",
        b" #",
        b" ;",
        b"\n ",
        b"\r\n",
        b"]",
    ],
    run: |input| {
        let config = AwsCredentialsConfig::DefaultChain;
        for file in ["/ann/.aws/config", "/ann/.aws/credentials"] {
            let os = Os::from_source(Machine { file, text: input.to_vec() });
            let (Some(credentials), Ok(runtime)) =
                (config.credentials_from(&os), tokio::runtime::Builder::new_current_thread().build())
            else {
                continue;
            };
            let cx = CallContext::new(&Environment::default(), &LOAD, None);
            match runtime.block_on(credentials.get(&cx)) {
                Ok(lease) => assert!(!lease.access_key_id().is_empty()),
                Err(error) => assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}"),
            }
        }
    },
};

/// A machine with one file.
struct Machine {
    file: &'static str,
    text: Vec<u8>,
}

#[async_trait::async_trait]
impl OsSource for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/ann".to_owned())
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let text = self.read(path).await?;
        Ok(FileStamp { length: text.len() as u64, modified: None })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new(self.file) { Ok(self.text.clone()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}
