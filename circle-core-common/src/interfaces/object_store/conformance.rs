//! The suite of object storage: one public function per pinned behaviour.
