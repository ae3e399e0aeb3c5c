//! A small rule set: default-deny, and a deny beats every allow.

use super::{AccessControl, AccessRequest, Verdict};
use crate::operation::Class;

/// One rule. What is not said matches everything; `*` in a pattern stands for any text, `/` included.
///
/// ```
/// use circle_core_common::{Class, access::{AccessRule, AccessRules}};
/// let rules = AccessRules::new()
///     .rule(AccessRule::allow().principal("reporter").service("documents").class(Class::Read).resource("reports/*"))
///     .rule(AccessRule::deny().resource("reports/secret/*"));
/// ```
#[derive(Clone, Debug)]
pub struct AccessRule {
    allow: bool,
    principal: Option<Pattern>,
    tenant: Option<Pattern>,
    service: Option<Pattern>,
    resource: Option<Pattern>,
    classes: u8,
}

/// What a value must be like.
#[derive(Clone, Debug)]
enum Pattern {
    Exact(String),
    /// What is before the only `*`, at the end: the usual pattern, and the cheaper one.
    Prefix(String),
    Glob(String),
}

impl From<String> for Pattern {
    fn from(mut text: String) -> Self {
        match text.find('*') {
            None => Self::Exact(text),
            Some(at) if at + 1 == text.len() => {
                text.truncate(at);
                Self::Prefix(text)
            }
            Some(_) => Self::Glob(text),
        }
    }
}

impl Pattern {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Exact(text) => text == value,
            Self::Prefix(text) => value.starts_with(text.as_str()),
            Self::Glob(pattern) => glob(pattern.as_bytes(), value.as_bytes()),
        }
    }
}

const ALL_CLASSES: u8 = u8::MAX;

const fn bit(class: Class) -> u8 {
    1 << class as u8
}

impl AccessRule {
    /// A rule that allows what it matches.
    #[must_use]
    pub const fn allow() -> Self {
        Self { allow: true, principal: None, tenant: None, service: None, resource: None, classes: ALL_CLASSES }
    }

    /// A rule that refuses what it matches, whatever other rules allow.
    #[must_use]
    pub fn deny() -> Self {
        Self { allow: false, ..Self::allow() }
    }

    /// Matches principals like this; a call without principal matches no such rule.
    #[must_use]
    pub fn principal(mut self, pattern: impl Into<String>) -> Self {
        self.principal = Some(pattern.into().into());
        self
    }

    /// Matches tenants like this; a call without tenant matches no such rule.
    #[must_use]
    pub fn tenant(mut self, pattern: impl Into<String>) -> Self {
        self.tenant = Some(pattern.into().into());
        self
    }

    /// Matches services like this.
    #[must_use]
    pub fn service(mut self, pattern: impl Into<String>) -> Self {
        self.service = Some(pattern.into().into());
        self
    }

    /// Matches resources like this.
    #[must_use]
    pub fn resource(mut self, pattern: impl Into<String>) -> Self {
        self.resource = Some(pattern.into().into());
        self
    }

    /// Matches this class; said again, it matches either.
    #[must_use]
    pub const fn class(mut self, class: Class) -> Self {
        let said = if self.classes == ALL_CLASSES { 0 } else { self.classes };
        self.classes = said | bit(class);
        self
    }

    fn matches(&self, request: &AccessRequest<'_>) -> bool {
        let fits = |pattern: &Option<Pattern>, value: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| value.is_some_and(|value| pattern.fits(value)))
        };
        self.classes & bit(request.class) != 0
            && fits(&self.principal, request.principal)
            && fits(&self.tenant, request.tenant)
            && fits(&self.service, Some(request.service))
            && fits(&self.resource, Some(request.resource))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text. Linear in `text` for each `*`, without recursion.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = last_star {
            // The star takes one byte more.
            last_star = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// A rule set: refuses what no rule allows, and what any rule denies.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    denying: Vec<AccessRule>,
    allowing: Vec<AccessRule>,
}

impl AccessRules {
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
}

impl AccessControl for AccessRules {
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
        let any = |rules: &[AccessRule]| rules.iter().any(|rule| rule.matches(request));
        // Apart, because a deny beats every allow: the first that fits decides.
        if any(&self.denying) {
            return Verdict::Deny("a rule denies it".to_owned());
        }
        if any(&self.allowing) { Verdict::Allow } else { Verdict::Deny("no rule allows it".to_owned()) }
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

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*.md", "x.md", true),
            ("*.md", "x.md5", false),
            ("a*b*c", "a__b__bc", true),
            ("a*b*c", "a__b__", false),
            ("a", "", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
            assert_eq!(Pattern::from(pattern.to_owned()).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(matches!(AccessRules::new().decide(&request(None, Class::Read, "a")), Verdict::Deny(_)));
    }

    #[test]
    fn deny_beats_allow_in_any_order() {
        let (allow, deny) = (AccessRule::allow().principal("ana"), AccessRule::deny().resource("secret/*"));
        for rules in [AccessRules::new().rule(allow.clone()).rule(deny.clone()), AccessRules::new().rule(deny).rule(allow)] {
            assert!(matches!(rules.decide(&request(Some("ana"), Class::Write, "open/a")), Verdict::Allow));
            assert!(matches!(rules.decide(&request(Some("ana"), Class::Write, "secret/a")), Verdict::Deny(_)));
            assert!(matches!(rules.decide(&request(None, Class::Read, "open/a")), Verdict::Deny(_)));
        }
    }

    #[test]
    fn classes_add_up() {
        let rules = AccessRules::new().rule(AccessRule::allow().class(Class::Read).class(Class::Write));
        assert!(matches!(rules.decide(&request(None, Class::Write, "")), Verdict::Allow));
        assert!(matches!(rules.decide(&request(None, Class::Delete, "")), Verdict::Deny(_)));
    }
}
