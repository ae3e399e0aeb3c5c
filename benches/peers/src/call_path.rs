//! What the comparisons of the call path share: the policies alone, and a service on this machine's own interface.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use circle_core_benches::typed_call::DOCUMENT;
use circle_core_common::resilience::Policy;
use circle_core_common::{BuildContext, Environment};

/// The policies of a service as they are by default: everything on but a rate limit of one's own.
#[must_use]
pub fn policy(environment: &Environment) -> Policy {
    BuildContext::new(environment.clone(), "issues").policy()
}

/// Answers every request on this machine's own interface, from a thread of its own, with the document.
///
/// # Panics
/// When no port is to be had.
#[must_use]
pub fn serve() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { break };
            std::thread::spawn(move || {
                let _ = connection.set_nodelay(true);
                let length = DOCUMENT.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{DOCUMENT}");
                let (mut buffer, mut filled) = ([0; 4096], 0);
                while let Ok(read @ 1..) = connection.read(&mut buffer[filled..]) {
                    filled += read;
                    if buffer[..filled].ends_with(b"\r\n\r\n") {
                        filled = 0;
                        if connection.write_all(answer.as_bytes()).is_err() {
                            break;
                        }
                    }
                }
            });
        }
    });
    address
}
