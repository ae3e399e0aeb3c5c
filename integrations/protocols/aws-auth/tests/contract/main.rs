//! What is asked for credentials, byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chain;
mod container;
mod instance;
mod process;
mod roles;
mod sso;
mod web_identity;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialCache, FileStamp, LOAD, Os, OsSource};
use circle_core_common::{BuildContext, CallContext, Environment, Error};
use circle_core_protocol_aws_auth::{AwsCredentials, AwsCredentialsConfig};
use circle_core_testkit::{CannedTransport, ManualClock, Received, Reply};

/// What no error, span or log may show: keys and tokens of these tests begin so.
const CANARY: &str = "hunter2canary";
const CONFIG: &str = "/ann/.aws/config";

/// A machine without a network, with variables and files of its own, and with a clock that tests move. It is 2000-01-01.
struct Machine {
    canned: CannedTransport,
    clock: ManualClock,
    environment: Environment,
    system: System,
}

/// Variables, files, and what programs print.
#[derive(Clone, Default)]
struct System(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    variables: HashMap<String, String>,
    files: HashMap<String, String>,
    ran: Vec<(String, Vec<String>)>,
    prints: Option<String>,
}

impl System {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl OsSource for System {
    fn variable(&self, name: &str) -> Option<String> {
        self.state().variables.get(name).cloned()
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let length = self.read(path).await?.len() as u64;
        Ok(FileStamp { length, modified: None::<SystemTime> })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.state().files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?.clone().into_bytes())
    }

    async fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.state().files.insert(path.to_str().unwrap().to_owned(), String::from_utf8(content.to_vec()).unwrap());
        Ok(())
    }

    async fn run(&self, program: &str, arguments: &[String]) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.ran.push((program.to_owned(), arguments.to_vec()));
        Ok(state.prints.clone().ok_or_else(|| io::Error::other("it ended with exit status: 1"))?.into_bytes())
    }
}

impl Machine {
    fn new(variables: &[(&str, &str)]) -> Self {
        let (canned, clock, system) = (CannedTransport::new(), ManualClock::jumping(), System::default());
        let environment = Environment::builder().transport(canned.clone()).clock(clock.clock()).build();
        let machine = Self { canned, clock, environment, system };
        machine.set("HOME", "/ann");
        variables.iter().for_each(|(name, value)| machine.set(name, value));
        machine
    }

    /// With this `~/.aws/config`.
    fn configured(config: &str) -> Self {
        let machine = Self::new(&[]);
        machine.write(CONFIG, config);
        machine
    }

    fn set(&self, name: &str, value: &str) {
        self.system.state().variables.insert(name.to_owned(), value.to_owned());
    }

    fn write(&self, path: &str, text: &str) {
        self.system.state().files.insert(path.to_owned(), text.to_owned());
    }

    fn file(&self, path: &str) -> String {
        self.system.state().files[path].clone()
    }

    fn cx(&self) -> CallContext {
        CallContext::new(&self.environment, &LOAD, None)
    }

    fn cache(&self, config: &AwsCredentialsConfig) -> CredentialCache<AwsCredentials> {
        let cx = BuildContext::new(self.environment.clone(), "files");
        config.credentials_from(&cx, &Os::from_source(self.system.clone())).unwrap()
    }

    /// The id of the key, and when it ends.
    async fn load(&self, config: &AwsCredentialsConfig) -> Result<String, Error> {
        self.ask(&self.cache(config)).await
    }

    async fn ask(&self, cache: &CredentialCache<AwsCredentials>) -> Result<String, Error> {
        let lease = cache.get(&self.cx()).await.inspect_err(shows_nothing)?;
        assert!(!format!("{lease:?} {:?}", lease.value()).contains(CANARY));
        let end = lease.expires_at().map_or_else(|| "-".to_owned(), |end| end.to_string());
        Ok(format!("{} {end}", lease.access_key_id()))
    }

    /// By the default chain.
    async fn found(&self) -> Result<String, Error> {
        self.load(&AwsCredentialsConfig::DefaultChain).await
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Every request: method, host and target.
    fn asked(&self) -> Vec<String> {
        let one = |request: Received| format!("{} {}{}", request.method, request.header("host").unwrap(), request.target);
        self.canned.received().into_iter().map(one).collect()
    }
}

fn shows_nothing(error: &Error) {
    let text = format!("{error} {error:?} {:?}", error.to_problem());
    assert!(!text.to_lowercase().contains(CANARY), "{text}");
}

fn body(request: &Received) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

/// A key in the environment.
const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "hunter2canary-of-env")];
/// When what is fetched ends; it is 2000-01-01T00:00:00Z.
const END: &str = "2000-01-01T01:00:00Z";
const ARN: &str = "arn:aws:iam::123456789012:role/reader";

/// What STS answers.
fn session(action: &str, id: &str) -> Reply {
    Reply::xml(format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n    <AssumedRoleUser>\n      \
         <AssumedRoleId>AROA:n</AssumedRoleId>\n      <Arn>arn:aws:sts::123456789012:assumed-role/reader/n</Arn>\n    \
         </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      \
         <SecretAccessKey>{CANARY}-of-{id}</SecretAccessKey>\n      <SessionToken>{CANARY}-token-of-{id}</SessionToken>\n      \
         <Expiration>{END}</Expiration>\n    </Credentials>\n  </{action}Result>\n  <ResponseMetadata>\n    \
         <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>\n  </ResponseMetadata>\n</{action}Response>\n"
    ))
}

/// How STS refuses.
fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::xml(format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
         <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>r-1</RequestId>\n</ErrorResponse>\n"
    ))
    .with_status(status)
}

/// What endpoints of containers and instances answer.
fn document(id: &str) -> Reply {
    Reply::json(format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{id}","SecretAccessKey":"{CANARY}-of-{id}","Token":"{CANARY}-token-of-{id}","Expiration":"{END}"}}"#
    ))
}
