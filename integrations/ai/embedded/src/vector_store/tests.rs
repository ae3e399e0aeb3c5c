//! What no suite can see: the objects of the index, and what happens to them.
