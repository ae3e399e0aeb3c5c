//! The atomics of loom, in place of those of the standard library.

pub(super) use loom::sync::atomic::Ordering;

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// Loom takes a sequentially consistent load for an acquiring one, which would raise false alarms: here it is a
        /// modification that changes nothing, because those see the last value.
        #[derive(Debug, Default)]
        pub(super) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(super) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(super) fn load(&self, ordering: Ordering) -> $value {
                match ordering {
                    Ordering::SeqCst => self.0.fetch_add(0, Ordering::SeqCst),
                    _ => self.0.load(ordering),
                }
            }

            pub(super) fn fetch_add(&self, value: $value, ordering: Ordering) -> $value {
                self.0.fetch_add(value, ordering)
            }

            pub(super) fn fetch_sub(&self, value: $value, ordering: Ordering) -> $value {
                self.0.fetch_sub(value, ordering)
            }

            pub(super) fn fetch_max(&self, value: $value, ordering: Ordering) -> $value {
                self.0.fetch_max(value, ordering)
            }

            pub(super) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }

            pub(super) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.0.fetch_update(set, fetch, update)
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
