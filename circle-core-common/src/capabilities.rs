//! What a provider can do: flags that a handle checks before anything is sent, and limits.

use std::fmt;

use crate::error::{Error, Result};

/// One flag of the capabilities `C`.
///
/// The same flag feeds the handle's check, `require`, the status table and negative conformance.
pub struct Flag<C> {
    name: &'static str,
    get: fn(&C) -> bool,
    set: fn(&mut C, bool),
}

impl<C> Flag<C> {
    /// Used by [`capabilities!`](crate::capabilities).
    #[must_use]
    pub const fn new(name: &'static str, get: fn(&C) -> bool, set: fn(&mut C, bool)) -> Self {
        Self { name, get, set }
    }

    /// The name, as in [`Error::capability`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, capabilities: &C) -> bool {
        (self.get)(capabilities)
    }

    /// Switches it; decorators and fakes do.
    pub fn set(&self, capabilities: &mut C, on: bool) {
        (self.set)(capabilities, on);
    }

    /// `Ok` when it is on.
    ///
    /// # Errors
    /// `Unsupported`, with the flag's name.
    pub fn check(&self, capabilities: &C) -> Result<()> {
        if self.is_on(capabilities) { Ok(()) } else { Err(Error::unsupported(self.name)) }
    }
}

// By hand: derives would ask the same of `C`.
impl<C> Clone for Flag<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Flag<C> {}

impl<C> PartialEq for Flag<C> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<C> fmt::Debug for Flag<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flag({})", self.name)
    }
}

/// Declares the capabilities of an interface: flags (off in `none()`, on in `all()`) and limits with their defaults.
///
/// ```
/// circle_core_common::capabilities! {
///     /// What a greeter can do.
///     pub struct GreeterCapabilities {
///         flags {
///             /// Greets by name.
///             by_name = BY_NAME,
///         }
///         limits {
///             /// The longest name.
///             name_max: u64 = 100,
///         }
///     }
/// }
/// let none = GreeterCapabilities::none();
/// assert!(GreeterCapabilities::BY_NAME.check(&none).is_err());
/// assert_eq!(none.name_max, 100);
/// ```
#[macro_export]
macro_rules! capabilities {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            flags { $($(#[$flag_meta:meta])* $flag:ident = $constant:ident,)* }
            limits { $($(#[$limit_meta:meta])* $limit:ident: $type:ty = $default:expr,)* }
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        $vis struct $name {
            $($(#[$flag_meta])* pub $flag: bool,)*
            $($(#[$limit_meta])* pub $limit: $type,)*
        }

        impl $name {
            $($(#[$flag_meta])* pub const $constant: $crate::Flag<Self> = $crate::Flag::new(
                stringify!($flag), |capabilities| capabilities.$flag, |capabilities, on| capabilities.$flag = on,
            );)*

            /// Every flag.
            pub const FLAGS: &'static [$crate::Flag<Self>] = &[$(Self::$constant,)*];

            /// Every flag off, every limit at its default.
            #[must_use]
            pub fn none() -> Self {
                Self { $($flag: false,)* $($limit: $default,)* }
            }

            /// Every flag on, every limit at its default.
            #[must_use]
            pub fn all() -> Self {
                Self { $($flag: true,)* $($limit: $default,)* }
            }

            /// These capabilities with one flag on.
            #[must_use]
            pub fn with(mut self, flag: $crate::Flag<Self>) -> Self {
                flag.set(&mut self, true);
                self
            }

            /// These capabilities with one flag off.
            #[must_use]
            pub fn without(mut self, flag: $crate::Flag<Self>) -> Self {
                flag.set(&mut self, false);
                self
            }
        }
    };
}
