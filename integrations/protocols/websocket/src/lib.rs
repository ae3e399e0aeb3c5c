//! WebSockets (RFC 6455) for providers: one [`Socket`], and a [`Reconnecting`] stream over one after the other.
//!
//! A socket begins as a request of an [`HttpClient`](circle_core_common::http::HttpClient), so everything that holds for
//! requests holds for it: which addresses are allowed, the time to connect, the caller's deadline, policies,
//! interceptors, the credential bound to its origin, and what a refusal says. Only the frames are this crate's.
//!
//! There is no task and no queue: a socket reads when it is asked for the next message and writes when one is sent. A slow
//! reader makes the service wait; dropping the socket closes its connection.
//!
//! ```no_run
//! use circle_core_common::http::{HttpClient, Request};
//! use circle_core_common::resilience::{Idempotency, RemoteOperation};
//! use circle_core_common::{BuildContext, CallContext, Result};
//! use circle_core_protocol_websocket::{Message, Socket, SocketOptions, target};
//!
//! static TICKS: RemoteOperation = RemoteOperation::new("acme.Ticks", Idempotency::Safe, "/ticks");
//!
//! async fn watch(build: &BuildContext, cx: &CallContext, client: &HttpClient) -> Result<()> {
//!     let target = target("wss://feed.example.org/ticks?depth=1", build.guard())?;
//!     let options = SocketOptions::new().protocol("ticks.v2");
//!     let mut socket = Socket::connect(cx, client, &TICKS, Request::get(target).anonymous(), options).await?;
//!     socket.sender().send("subscribe").await?;
//!     while let Some(message) = socket.receive().await? {
//!         if let Message::Text(text) = message { /* … */ }
//!     }
//!     Ok(())
//! }
//! ```

mod close;
mod failure;
mod handshake;
mod keepalive;
mod line;
mod message;
mod options;
mod reconnecting;
mod sender;
mod socket;
mod target;

pub use close::{Close, CloseCode};
pub use message::{Message, Text};
pub use options::SocketOptions;
pub use reconnecting::{Disconnect, Event, Reconnecting, SocketId};
pub use sender::Sender;
pub use socket::Socket;
pub use target::target;
