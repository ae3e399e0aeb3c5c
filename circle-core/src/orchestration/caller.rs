//! Who calls, and what for.

use std::fmt::{Display, Write as _};

use circle_core_common::{CallContext, Class};

/// Whether a read is to tell what became of a write whose answer was lost. An older answer, or another copy, would tell wrong.
pub(super) fn looks_up_a_write(cx: &CallContext) -> bool {
    let operation = cx.operation();
    operation.class() != Class::Read || operation.name().ends_with(".resolve")
}

/// What tells one call from all that are not equal to it, as text. Every part is preceded by its length, so that no two
/// sequences of parts are one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity(String);

impl Identity {
    /// A call of this method, for the tenant and the principal of the call.
    pub(super) fn of(cx: &CallContext, method: &'static str) -> Self {
        Self(String::with_capacity(64)).part(method).optional(cx.tenant()).optional(cx.principal()).part(cx.emulates())
    }

    /// A call of this method, whoever makes it.
    pub(super) fn of_anybody(method: &'static str) -> Self {
        Self(String::with_capacity(64)).part(method).part("*")
    }

    /// Adds a part.
    pub(super) fn part(mut self, part: impl Display) -> Self {
        let start = self.0.len();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{part}");
        let length = self.0.len() - start;
        self.0.insert_str(start, &format!("{length}:"));
        self
    }

    /// Adds a part that may be absent, which is not the same as empty.
    pub(super) fn optional(self, part: Option<impl Display>) -> Self {
        match part {
            Some(part) => self.part("+").part(part),
            None => self.part("-"),
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use circle_core_common::interfaces::object_store::{GET, PUT, RESOLVE};
    use circle_core_common::{CallOptions, Environment, Operation};

    use super::*;

    fn call(operation: &'static Operation, options: CallOptions) -> CallContext {
        CallContext::new(&Environment::default(), operation, Some(Arc::new(options)))
    }

    #[test]
    fn equal_calls_have_one_identity_and_all_others_another() {
        let of = |tenant: Option<&str>, principal: Option<&str>| {
            let options = CallOptions::new();
            let options = tenant.into_iter().fold(options, |options, tenant| options.tenant(tenant));
            let options = principal.into_iter().fold(options, |options, principal| options.principal(principal));
            Identity::of(&call(&GET, options), "get")
        };
        assert_eq!(of(Some("a"), None).part("key"), of(Some("a"), None).part("key"));
        let others = [
            of(None, None).part("key"),
            of(Some("a"), None).part("key"),
            of(None, Some("a")).part("key"),
            of(Some("a"), Some("a")).part("key"),
            of(Some(""), None).part("key"),
            of(None, None).part("k").part("ey"),
            of(None, None).part("key").part(""),
            of(None, None).optional(Some("key")),
            of(None, None).optional(None::<&str>),
            Identity::of_anybody("get").part("key"),
        ];
        assert_eq!(others.iter().collect::<HashSet<_>>().len(), others.len());
    }

    #[test]
    fn what_asks_for_the_outcome_of_a_write_is_told_from_a_read() {
        let looks = |operation| looks_up_a_write(&call(operation, CallOptions::new()));
        assert!(!looks(&GET) && looks(&PUT) && looks(&RESOLVE));
    }
}
