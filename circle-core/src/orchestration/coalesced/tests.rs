//! Who makes a call, who waits for it, and what they are told.
