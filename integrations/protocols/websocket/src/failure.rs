//! What went wrong on a line, told as an [`Error`].

use circle_core_common::{ByteSize, Error, ErrorKind, Limit, Reason, Sent};
use tokio_tungstenite::tungstenite::Error as Fault;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};

use crate::close::CloseCode;

/// What was being read when it went wrong.
pub(crate) fn read(fault: Fault, message_max: ByteSize) -> Error {
    let error = match fault {
        Fault::Capacity(CapacityError::MessageTooLong { size, .. }) => too_long(message_max, size),
        Fault::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Fault::ConnectionClosed | Fault::AlreadyClosed => {
            Error::new(ErrorKind::Connection, "the WebSocket ended without being closed").with_reason(Reason::Truncated)
        }
        Fault::Protocol(why) => Error::new(ErrorKind::Decode, format!("the service broke the WebSocket protocol: {why}")),
        Fault::Utf8(_) => Error::new(ErrorKind::Decode, "the service sent text that is not UTF-8"),
        Fault::Io(why) => Error::new(ErrorKind::Connection, "the connection of the WebSocket broke").with_source(why),
        // Nothing else comes out of reading; its text may repeat what was read.
        _ => Error::new(ErrorKind::Internal, "the WebSocket failed"),
    };
    error.with_sent(Sent::Maybe)
}

/// What was being written when it went wrong.
pub(crate) fn write(fault: Fault) -> Error {
    match fault {
        Fault::Io(why) => {
            Error::new(ErrorKind::Connection, "the connection of the WebSocket broke").with_sent(Sent::Maybe).with_source(why)
        }
        Fault::WriteBufferFull(_) => Error::new(ErrorKind::Unavailable, "the service takes no more messages").with_sent(Sent::No),
        _ => closed(),
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the WebSocket is closed").with_sent(Sent::No)
}

pub(crate) fn too_long(message_max: ByteSize, actual: usize) -> Error {
    Error::outside_limit(Limit::at_most("message_max", message_max.as_u64(), "bytes"), actual)
}

/// What a service is told that broke the rules; `None` where there is nobody to tell.
pub(crate) fn close_code(fault: &Fault) -> Option<CloseCode> {
    match fault {
        Fault::Capacity(_) => Some(CloseCode::MESSAGE_TOO_BIG),
        Fault::Utf8(_) => Some(CloseCode::INVALID_PAYLOAD),
        Fault::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Fault::Protocol(_) => Some(CloseCode::PROTOCOL_ERROR),
        _ => None,
    }
}
