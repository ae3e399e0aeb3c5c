//! Where the browser brings the answer of a login to an application on its user's machine (RFC 8252, 7.3).

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use circle_core_common::interfaces::identity_provider::LoginState;
use circle_core_common::secret::equal;
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::login::Callback;

/// The only path that is answered.
const PATH: &str = "/callback";
/// The largest head of a request.
const HEAD_MAX: usize = 32 * 1024;
/// How long a connection may take to ask: browsers open some that never do.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections are held at once.
const CONNECTIONS_MAX: usize = 32;

/// Listens on this machine, on a port that the system chooses, for the one answer of a login.
pub struct LoopbackListener {
    listener: TcpListener,
    port: u16,
}

impl LoopbackListener {
    /// Begins to listen, on `127.0.0.1` and no other interface.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no port.
    pub async fn bind() -> Result<Self> {
        let failed =
            |error: std::io::Error| Error::new(ErrorKind::Unavailable, "no port of this machine is free").with_source(error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    /// The address that the login names. Servers compare it without its port for applications on their user's machine.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer of this login and gives its query; the browser is told that it may be closed. Requests that are not
    /// the answer, of whatever program or page, change nothing.
    ///
    /// # Errors
    /// `Timeout` and `Cancelled` of the context; `Unavailable` when the system stops listening.
    pub async fn answer(self, cx: &CallContext, login: &LoginState) -> Result<SecretString> {
        cx.guard(self.accept(cx, &login.state)).await
    }

    async fn accept(self, cx: &CallContext, state: &SecretString) -> Result<SecretString> {
        let host = format!("127.0.0.1:{}", self.port);
        let mut asking = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if asking.len() < CONNECTIONS_MAX => {
                    let (stream, _) = accepted.map_err(|error| {
                        Error::new(ErrorKind::Unavailable, "this machine listens no more").with_source(error)
                    })?;
                    let (host, state, clock) = (host.clone(), state.clone(), cx.clock().clone());
                    asking.spawn(async move {
                        tokio::select! {
                            query = serve(stream, &host, &state) => query,
                            () = clock.sleep(PATIENCE) => None,
                        }
                    });
                }
                Some(served) = asking.join_next() => {
                    if let Ok(Some(query)) = served {
                        return Ok(query);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for LoopbackListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopbackListener({})", self.redirect_uri())
    }
}

/// Serves one connection; gives the query if it is the answer.
async fn serve(mut stream: TcpStream, host: &str, state: &SecretString) -> Option<SecretString> {
    let head = read_head(&mut stream).await?;
    let query = answer_of(&head, host, state);
    let (status, text) = match &query {
        Some(_) => ("200 OK", "You are logged in. This window may be closed."),
        None => ("404 Not Found", "There is nothing here."),
    };
    // No script, no frame, no referrer: the address of this page holds the code.
    let page = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    // Whether the browser shows it does not matter to the login.
    let _ = stream.write_all(page.as_bytes()).await;
    let _ = stream.shutdown().await;
    query
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await.ok().filter(|&read| read > 0)?;
        head.extend_from_slice(&piece[..read]);
        if head.len() > HEAD_MAX {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// The query of a request, if it is the answer: to this very host, so that no page reaches here by a name of its own, and with
/// the state that was sent.
fn answer_of(head: &str, host: &str, state: &SecretString) -> Option<SecretString> {
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, target) = (request.next()?, request.next()?);
    let mut hosts = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let is_here = hosts.next().is_some_and(|(_, value)| value.trim() == host) && hosts.next().is_none();
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    let callback = Callback::parse(query).ok()?;
    let fits = callback.state.is_some_and(|sent| equal(&sent, state));
    (method == "GET" && is_here && fits).then(|| query.into())
}
