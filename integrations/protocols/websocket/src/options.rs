//! How a socket behaves.

use std::time::Duration;

use circle_core_common::ByteSize;

/// Protocols, limits and times of a socket.
#[derive(Clone, Debug)]
#[must_use]
pub struct SocketOptions {
    pub(crate) protocols: Vec<String>,
    pub(crate) message_max: ByteSize,
    pub(crate) ping_interval: Duration,
    pub(crate) pong_timeout: Duration,
    pub(crate) send_timeout: Duration,
    pub(crate) close_timeout: Duration,
}

impl SocketOptions {
    /// No subprotocol; messages of up to 16 MiB; a ping after 20 s of silence, 10 s for what answers it; 30 s to write a
    /// message, 5 s to close.
    pub const fn new() -> Self {
        Self {
            protocols: Vec::new(),
            message_max: ByteSize::mib(16),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
        }
    }

    /// Offers this subprotocol, after those that were offered already. A service that chooses none is refused.
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocols.push(name.to_owned());
        self
    }

    /// The largest message in either direction, and so the largest frame. It bounds what a socket holds: one message being
    /// read, one being written.
    pub const fn message_max(mut self, size: ByteSize) -> Self {
        self.message_max = size;
        self
    }

    /// After how much silence a ping is sent; zero is never. Time counts while somebody waits for a message.
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long nothing may come after a ping.
    pub const fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.pong_timeout = timeout;
        self
    }

    /// How long the service may take a message no further; zero is for ever.
    pub const fn send_timeout(mut self, timeout: Duration) -> Self {
        self.send_timeout = timeout;
        self
    }

    /// How long the service may take to answer a close.
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self::new()
    }
}
