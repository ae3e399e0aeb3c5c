//! The suite of key-value storage: one public function per pinned behaviour.
