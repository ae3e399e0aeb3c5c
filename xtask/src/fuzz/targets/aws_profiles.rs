//! The shared files of the AWS tools, which anybody's editor writes, and what credentials come in: documents of services, of endpoints
//! in the network, of programs.

use std::{collections::HashMap, io, path::Path};

use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Result,
    credentials::{FileStamp, LOAD, Os, OsSource},
    http::{Transport, TransportRequest, TransportResponse},
};
use circle_core_protocol_aws_auth::AwsCredentialsConfig;

use super::Target;

pub(super) const PROFILES: Target = Target {
    name: "aws-profiles",
    promise: "any text as either file gives a whole key or an error that repeats no value, and leads to no address in plain text",
    dictionary: &[
        b"[default]",
        b"[profile default]",
        b"[profile ",
        b"[sso-session x]",
        b"aws_access_key_id",
        b"aws_secret_access_key",
        b"aws_session_token",
        b"role_arn",
        b"source_profile",
        b"credential_source = Environment",
        b"credential_source = Ec2InstanceMetadata",
        b"web_identity_token_file = /token",
        b"credential_process",
        b"sso_session = x",
        b"sso_start_url = u\nsso_region = r\nsso_account_id = 1\nsso_role_name = n",
        b"endpoint_url = https://",
        b"region",
        b" = ",
        b"s3cr3t",
        b" #",
        b" ;",
        b"\n ",
        b"\r\n",
        b"]",
    ],
    run: |input| {
        let text = String::from_utf8_lossy(input);
        // What a profile is called is no value, and messages say which one they are about.
        let is_a_name = text.lines().any(|line| line.starts_with('[') && line.contains("s3cr3t"));
        for file in ["/ann/.aws/config", "/ann/.aws/credentials"] {
            let machine = Machine { prints: Some(Vec::new()), ..Machine::new(&[], &[(file, input), ("/token", b"s3cr3t")]) };
            if let Err(error) = machine.found(Answer::None) {
                assert!(is_a_name || !format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
            }
        }
    },
};

pub(super) const ANSWERS: Target = Target {
    name: "aws-answers",
    promise: "any answer of what gives credentials is a whole key or an error",
    dictionary: &[
        b"<AssumeRoleWithWebIdentityResponse>",
        b"<AssumeRoleWithWebIdentityResult>",
        b"<Credentials>",
        b"<AccessKeyId>ASIA</AccessKeyId>",
        b"<SecretAccessKey>",
        b"<SessionToken>",
        b"<Expiration>2100-01-01T00:00:00Z</Expiration>",
        b"</Credentials>",
        b"<![CDATA[",
        b"&#x41;",
        b"&amp;",
        b"{\"Version\":1,",
        b"\"AccessKeyId\":\"ASIA\"",
        b"\"SecretAccessKey\":",
        b"\"Token\":",
        b"\"Expiration\":\"2100-01-01T00:00:00Z\"",
        b"\"Code\":\"Success\"",
        b"{\"roleCredentials\":{",
        b"\"accessKeyId\":\"ASIA\"",
        b"\"secretAccessKey\":",
        b"\"sessionToken\":",
        b"\"expiration\":4102444800000",
        b"\"accessToken\":",
        b"\"expiresAt\":\"2100-01-01T00:00:00UTC\"",
        b"null",
    ],
    run: |input| {
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:r")];
        let _ = Machine::new(&web, &[("/token", b"t")]).found(Answer::With(input));
        let _ = Machine::new(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c")], &[]).found(Answer::With(input));
        let run = ("/ann/.aws/config", &b"[default]\ncredential_process = /bin/creds"[..]);
        let _ = Machine { prints: Some(input.to_vec()), ..Machine::new(&[], &[run]) }.found(Answer::None);
        let sso = &b"[default]\nsso_start_url = u\nsso_region = r\nsso_account_id = 1\nsso_role_name = n"[..];
        // By the SHA-1 of `u`.
        let token = "/ann/.aws/sso/cache/51e69892ab49df85c6230ccc57f8e1d1606caccc.json";
        let kept = &br#"{"accessToken":"t","expiresAt":"2100-01-01T00:00:00Z"}"#[..];
        let _ = Machine::new(&[], &[("/ann/.aws/config", sso), (token, kept)]).found(Answer::With(input));
        let _ = Machine::new(&[], &[("/ann/.aws/config", sso), (token, input)]).found(Answer::None);
    },
};

/// What is answered to whatever is asked.
#[derive(Clone, Copy)]
enum Answer<'a> {
    /// Nothing: nobody is there.
    None,
    With(&'a [u8]),
}

/// A machine with these variables and files, and one program.
struct Machine {
    variables: HashMap<String, String>,
    files: HashMap<String, Vec<u8>>,
    prints: Option<Vec<u8>>,
}

impl Machine {
    fn new(variables: &[(&str, &str)], files: &[(&str, &[u8])]) -> Self {
        let variables = variables.iter().chain(&[("HOME", "/ann")]);
        Self {
            variables: variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            files: files.iter().map(|(path, text)| ((*path).to_owned(), text.to_vec())).collect(),
            prints: None,
        }
    }

    /// By the default chain.
    fn found(self, answer: Answer<'_>) -> Result<()> {
        let answers = match answer {
            Answer::None => None,
            Answer::With(bytes) => Some(bytes.to_vec()),
        };
        let environment = Environment::builder().transport(Network { answers }).build();
        let cx = BuildContext::new(environment.clone(), "fuzz");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let (Some(credentials), Ok(runtime)) =
            (AwsCredentialsConfig::DefaultChain.credentials_from(&cx, &Os::from_source(self)), runtime)
        else {
            panic!("the machine of the target")
        };
        let lease = runtime.block_on(credentials.get(&CallContext::new(&environment, &LOAD, None)))?;
        assert!(!lease.access_key_id().is_empty());
        Ok(())
    }
}

#[async_trait::async_trait]
impl OsSource for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let text = self.read(path).await?;
        Ok(FileStamp { length: text.len() as u64, modified: None })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(path.to_str().and_then(|path| self.files.get(path)).ok_or(io::ErrorKind::NotFound)?.clone())
    }

    async fn run(&self, _: &str, _: &[String]) -> io::Result<Vec<u8>> {
        self.prints.clone().ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }
}

/// Where nothing is sent.
struct Network {
    answers: Option<Vec<u8>>,
}

#[async_trait::async_trait]
impl Transport for Network {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let origin = &request.target.origin;
        assert!(origin.scheme().as_str() == "https" || origin.host().starts_with("169.254."), "{origin}");
        // What is asked again would be waited for.
        let nobody = || Error::new(ErrorKind::Unsupported, "nobody is there");
        let answer = self.answers.clone().ok_or_else(nobody)?;
        Ok(TransportResponse::new(http::StatusCode::OK, http::HeaderMap::new(), bytes::Bytes::from(answer)))
    }
}
