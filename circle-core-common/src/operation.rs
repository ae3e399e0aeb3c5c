//! What a call is, statically: its interface, verb and class.

use std::fmt;

/// What a call does to the other side; access rules and audit speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "config", derive(schemars::JsonSchema))]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Deletes.
    Delete,
    /// Changes configuration, rights or lifecycle of the service itself.
    Admin,
    /// Moves money or spends irrevocably.
    Money,
}

impl Class {
    /// The name in rules and records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
            Self::Money => "money",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An operation of an interface, as the scope around every call sees it.
///
/// Made by [`operations!`](crate::operations), one constant each.
#[derive(Debug)]
pub struct Operation {
    interface: &'static str,
    name: &'static str,
    class: Class,
    index: usize,
}

impl Operation {
    /// How many operations an interface can have: instruments are cached per handle in a table of this size.
    pub const MAX_PER_INTERFACE: usize = 24;

    /// Used by [`operations!`](crate::operations).
    ///
    /// # Panics
    /// At compile time, when `index` is not below [`Operation::MAX_PER_INTERFACE`].
    #[must_use]
    pub const fn new(interface: &'static str, name: &'static str, class: Class, index: usize) -> Self {
        assert!(index < Self::MAX_PER_INTERFACE, "an interface has too many operations");
        Self { interface, name, class, index }
    }

    /// The interface: `ObjectStore`.
    #[must_use]
    pub const fn interface(&self) -> &'static str {
        self.interface
    }

    /// The full name: `object_store.get`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it does to the other side.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    pub(crate) const fn index(&self) -> usize {
        self.index
    }
}

/// Declares the operations of an interface, one `static` each.
///
/// ```
/// circle_core_common::operations! {
///     "Greeter" => {
///         /// Says hello.
///         GREET = "greeter.greet", Read;
///     }
/// }
/// assert_eq!(GREET.name(), "greeter.greet");
/// ```
#[macro_export]
macro_rules! operations {
    ($interface:literal => { $($(#[$meta:meta])* $constant:ident = $name:literal, $class:ident;)+ }) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "named as the operations are")]
        enum OperationIndex { $($constant,)+ }
        $(
            $(#[$meta])*
            #[allow(unreachable_pub, reason = "an interface may be in a private module")]
            pub static $constant: $crate::Operation = $crate::Operation::new(
                $interface, $name, $crate::Class::$class, OperationIndex::$constant as usize,
            );
        )+
    };
}
