//! A small rule set with roles: default-deny, and a deny beats every allow.

use std::sync::Arc;

use super::pattern::Patterns;
use super::{AccessControl, AccessRequest, Decision, Verdict};
use crate::operation::Class;

/// One rule. What is not said matches everything, and what is said again matches either; `*` in a pattern stands for any text,
/// `/` included.
///
/// ```
/// use circle_core_common::{Class, access::{AccessRule, AccessRules}};
/// let rules = AccessRules::new()
///     .rule(AccessRule::allow().principal("reporter").service("documents").class(Class::Read).resource("reports/*"))
///     .rule(AccessRule::deny().resource("reports/secret/*").named("secrets-stay"));
/// ```
#[derive(Clone, Debug)]
pub struct AccessRule {
    allow: bool,
    policy: Option<Arc<str>>,
    principals: Patterns,
    tenants: Patterns,
    services: Patterns,
    resources: Patterns,
    classes: u8,
    /// Who holds it, of a role's rule.
    grant: Option<Arc<Grant>>,
}

const ALL_CLASSES: u8 = u8::MAX;

const fn bit(class: Class) -> u8 {
    1 << class as u8
}

impl AccessRule {
    const fn new(allow: bool) -> Self {
        Self {
            allow,
            policy: None,
            principals: Patterns::NONE,
            tenants: Patterns::NONE,
            services: Patterns::NONE,
            resources: Patterns::NONE,
            classes: ALL_CLASSES,
            grant: None,
        }
    }

    /// A rule that allows what it matches.
    #[must_use]
    pub const fn allow() -> Self {
        Self::new(true)
    }

    /// A rule that refuses what it matches, whatever other rules allow.
    #[must_use]
    pub const fn deny() -> Self {
        Self::new(false)
    }

    /// Names the rule, in the audit and in refusals; a role's rule is called as the role otherwise.
    #[must_use]
    pub fn named(mut self, policy: impl Into<Arc<str>>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Matches principals like this; a call without principal matches no such rule.
    #[must_use]
    pub fn principal(mut self, pattern: impl Into<String>) -> Self {
        self.principals.add(pattern);
        self
    }

    /// Matches tenants like this; a call without tenant matches no such rule.
    #[must_use]
    pub fn tenant(mut self, pattern: impl Into<String>) -> Self {
        self.tenants.add(pattern);
        self
    }

    /// Matches services like this.
    #[must_use]
    pub fn service(mut self, pattern: impl Into<String>) -> Self {
        self.services.add(pattern);
        self
    }

    /// Matches resources like this.
    #[must_use]
    pub fn resource(mut self, pattern: impl Into<String>) -> Self {
        self.resources.add(pattern);
        self
    }

    /// Matches this class.
    #[must_use]
    pub const fn class(mut self, class: Class) -> Self {
        let said = if self.classes == ALL_CLASSES { 0 } else { self.classes };
        self.classes = said | bit(class);
        self
    }

    fn matches(&self, request: &AccessRequest<'_>) -> bool {
        self.classes & bit(request.class) != 0
            && self.principals.fit(request.principal)
            && self.tenants.fit(request.tenant)
            && self.services.fit(Some(request.service))
            && self.resources.fit(Some(request.resource))
            && self.grant.as_ref().is_none_or(|grant| grant.is_to(request))
    }

    fn decision(&self, mut decision: Decision) -> Verdict<'_> {
        decision.policy.clone_from(&self.policy);
        Verdict::Decided(decision)
    }
}

/// What somebody may do, and may not: rules under a name, which grants give to principals.
#[derive(Clone, Debug)]
pub struct Role {
    name: Arc<str>,
    rules: Vec<AccessRule>,
}

impl Role {
    /// A role that may nothing.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), rules: Vec::new() }
    }

    /// Adds a rule; it holds for those who have the role.
    #[must_use]
    pub fn rule(mut self, rule: AccessRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Who gets a role.
#[derive(Clone, Debug)]
pub struct Grant {
    principals: Patterns,
    tenants: Patterns,
}

impl Grant {
    /// To principals like this.
    #[must_use]
    pub fn to(pattern: impl Into<String>) -> Self {
        Self::everyone().and(pattern)
    }

    /// To every call, those without principal too.
    #[must_use]
    pub const fn everyone() -> Self {
        Self { principals: Patterns::NONE, tenants: Patterns::NONE }
    }

    /// And to principals like this; after [`Grant::everyone`], to these only.
    #[must_use]
    pub fn and(mut self, pattern: impl Into<String>) -> Self {
        self.principals.add(pattern);
        self
    }

    /// For calls on behalf of tenants like this only; said again, of either.
    #[must_use]
    pub fn in_tenant(mut self, pattern: impl Into<String>) -> Self {
        self.tenants.add(pattern);
        self
    }

    fn is_to(&self, request: &AccessRequest<'_>) -> bool {
        self.principals.fit(request.principal) && self.tenants.fit(request.tenant)
    }
}

/// A rule set: refuses what no rule allows, and what any rule denies.
///
/// ```
/// use circle_core_common::{Class, access::{AccessRule, AccessRules, Grant, Role}};
/// let reporter = Role::new("reporter").rule(AccessRule::allow().class(Class::Read).resource("reports/*"));
/// let rules = AccessRules::new().grant(&reporter, Grant::to("ana").and("svc-*").in_tenant("acme"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    denying: Vec<AccessRule>,
    allowing: Vec<AccessRule>,
}

impl AccessRules {
    /// What refuses a call that no rule speaks of, as the audit calls it.
    pub const DEFAULT: &'static str = "default-deny";

    /// No rules: everything is refused.
    #[must_use]
    pub const fn new() -> Self {
        Self { denying: Vec::new(), allowing: Vec::new() }
    }

    /// Adds a rule; the order does not matter.
    #[must_use]
    pub fn rule(mut self, rule: AccessRule) -> Self {
        let rules = if rule.allow { &mut self.allowing } else { &mut self.denying };
        rules.push(rule);
        self
    }

    /// Gives a role to somebody.
    #[must_use]
    pub fn grant(self, role: &Role, to: Grant) -> Self {
        let to = Arc::new(to);
        role.rules.iter().fold(self, |rules, rule| {
            let policy = rule.policy.clone().or_else(|| Some(Arc::clone(&role.name)));
            rules.rule(AccessRule { policy, grant: Some(Arc::clone(&to)), ..rule.clone() })
        })
    }
}

impl AccessControl for AccessRules {
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
        let first = |rules: &'a [AccessRule]| rules.iter().find(|rule| rule.matches(request));
        // Apart, because a deny beats every allow: the first that fits decides.
        if let Some(rule) = first(&self.denying) {
            return match &rule.policy {
                Some(policy) => rule.decision(Decision::deny(format!("`{policy}` denies it"))),
                None => rule.decision(Decision::deny("a rule denies it")),
            };
        }
        match first(&self.allowing) {
            Some(rule) => rule.decision(Decision::allow()),
            None => Decision::deny("no rule allows it").by(Self::DEFAULT).into(),
        }
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro makes public items")]
mod tests {
    use super::*;

    crate::operations! { "Test" => { /// Reads.
    READ = "test.read", Read; } }

    fn request<'a>(principal: Option<&'a str>, class: Class, resource: &'a str) -> AccessRequest<'a> {
        AccessRequest { principal, tenant: None, service: "documents", provider: "memory", operation: &READ, class, resource }
    }

    fn allowed(rules: &AccessRules, request: AccessRequest<'_>) -> bool {
        decided(rules, request).is_allowed()
    }

    fn decided(rules: &AccessRules, request: AccessRequest<'_>) -> Decision {
        match rules.decide(&request) {
            Verdict::Decided(decision) => decision,
            Verdict::Ask(_) => panic!("rules decide at once"),
        }
    }

    #[test]
    fn default_deny() {
        for class in [Class::Read, Class::Write, Class::Delete, Class::Admin, Class::Money] {
            for (principal, resource) in [(None, ""), (None, "a"), (Some("ana"), "a"), (Some(""), "*")] {
                let decision = decided(&AccessRules::new(), request(principal, class, resource));
                assert!(!decision.is_allowed());
                assert_eq!(decision.policy().map(|policy| &**policy), Some("default-deny"));
                // A role that nobody has allows nobody anything, and a rule allows nothing that it does not speak of.
                let role = Role::new("all").rule(AccessRule::allow());
                assert!(!allowed(&AccessRules::new().grant(&role, Grant::to("bo")), request(principal, class, resource)));
                let other = AccessRules::new().rule(AccessRule::allow().resource("b")).rule(AccessRule::deny().resource("c"));
                assert!(!allowed(&other, request(principal, class, resource)));
            }
        }
    }

    #[test]
    fn deny_beats_allow_in_any_order() {
        let (allow, deny) = (AccessRule::allow().principal("ana"), AccessRule::deny().resource("secret/*"));
        for rules in [AccessRules::new().rule(allow.clone()).rule(deny.clone()), AccessRules::new().rule(deny).rule(allow)] {
            assert!(allowed(&rules, request(Some("ana"), Class::Write, "open/a")));
            assert!(!allowed(&rules, request(Some("ana"), Class::Write, "secret/a")));
            assert!(!allowed(&rules, request(None, Class::Read, "open/a")));
        }
    }

    #[test]
    fn what_is_said_again_adds_up() {
        let rules =
            AccessRules::new().rule(AccessRule::allow().class(Class::Read).class(Class::Write).resource("a").resource("b/*"));
        for (class, resource, expected) in [
            (Class::Write, "a", true),
            (Class::Read, "b/c", true),
            (Class::Delete, "a", false),
            (Class::Money, "a", false),
            (Class::Read, "c", false),
        ] {
            assert_eq!(allowed(&rules, request(None, class, resource)), expected, "{class} {resource}");
        }
    }

    #[test]
    fn a_role_is_for_those_who_have_it_in_the_tenants_where_they_have_it() {
        let role = Role::new("reporter")
            .rule(AccessRule::allow().class(Class::Read))
            .rule(AccessRule::deny().resource("secret/*").named("secrets-stay"));
        let rules = AccessRules::new()
            .grant(&role, Grant::to("ana").and("svc-*").in_tenant("acme").in_tenant("umbrella"))
            .rule(AccessRule::allow().principal("bo"));
        let ask = |principal, tenant, resource| {
            let asked = AccessRequest { tenant, ..request(principal, Class::Read, resource) };
            let decision = decided(&rules, asked);
            (decision.is_allowed(), decision.policy().map(|policy| policy.to_string()))
        };
        let by = |allowed, policy: &str| (allowed, Some(policy.to_owned()));
        assert_eq!(ask(Some("ana"), Some("acme"), "a"), by(true, "reporter"));
        assert_eq!(ask(Some("svc-1"), Some("umbrella"), "a"), by(true, "reporter"));
        assert_eq!(ask(Some("ana"), Some("acme"), "secret/a"), by(false, "secrets-stay"));
        for (principal, tenant) in [(Some("ana"), None), (Some("ana"), Some("other")), (None, Some("acme"))] {
            assert_eq!(ask(principal, tenant, "a"), by(false, "default-deny"));
        }
        // The role's denial is not for those who do not have it.
        assert_eq!(ask(Some("bo"), None, "secret/a"), (true, None));
    }
}
