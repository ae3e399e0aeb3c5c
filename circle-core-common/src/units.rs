//! Units: a moment, a size. A bare number in the public interface has its unit in its name; everything else is typed.

mod byte_size;
mod timestamp;

pub use byte_size::{ByteSize, ParseByteSizeError};
pub use timestamp::{ParseTimestampError, Timestamp};
