//! Access control as a section of the config.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AccessRule, AccessRules, Grant, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Class;

/// Roles and who has them. With this section, what no rule allows is refused.
///
/// ```toml
/// [access.roles.reporter]
/// allow = [{ services = ["documents"], classes = ["read"], resources = ["reports/*"] }]
///
/// [[access.grants]]
/// roles      = ["reporter"]
/// principals = ["ana", "svc-*"]
/// tenants    = ["acme"]
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessConfig {
    /// The roles by their names.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleConfig>,
    /// Who has which roles.
    #[serde(default)]
    pub grants: Vec<GrantConfig>,
}

/// What a role may, and may not.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RoleConfig {
    /// What those who have it may do.
    #[serde(default)]
    pub allow: Vec<RuleConfig>,
    /// What they may not do, whatever else allows it.
    #[serde(default)]
    pub deny: Vec<RuleConfig>,
}

/// A rule: it matches what is like one of each list; a list that is not there matches everything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RuleConfig {
    /// What the audit and refusals call it; the role's name otherwise.
    pub name: Option<String>,
    /// Names of services; `*` stands for any text.
    pub services: Option<Vec<String>>,
    /// What calls do: `read`, `write`, `delete`, `admin`, `money`.
    pub classes: Option<Vec<Class>>,
    /// Keys, topics, names of things; `*` stands for any text, `/` included.
    pub resources: Option<Vec<String>>,
}

/// Who has which roles.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantConfig {
    /// The roles.
    pub roles: Vec<String>,
    /// Principals; `*` stands for any text.
    #[serde(default)]
    pub principals: Vec<String>,
    /// Whether all calls have the roles, those without a principal too.
    #[serde(default)]
    pub everyone: bool,
    /// Tenants; `*` stands for any text. Otherwise the roles hold in all tenants, and in calls without one.
    pub tenants: Option<Vec<String>>,
}

impl AccessConfig {
    /// The rules.
    ///
    /// # Errors
    /// `ConfigInvalid` for a grant of a role that is not there, one to nobody, and an empty list, which would match nothing.
    pub fn rules(&self) -> Result<AccessRules> {
        let mut roles = BTreeMap::new();
        for (name, config) in &self.roles {
            let mut role = Role::new(name.as_str());
            for rule in &config.allow {
                role = role.rule(rule.over(AccessRule::allow(), name)?);
            }
            for rule in &config.deny {
                role = role.rule(rule.over(AccessRule::deny(), name)?);
            }
            roles.insert(name.as_str(), role);
        }
        let mut rules = AccessRules::new();
        for (at, config) in self.grants.iter().enumerate() {
            let grant = config.grant().map_err(|error| error.context(format_args!("access.grants[{at}]")))?;
            for name in &config.roles {
                let unknown = || invalid(format!("access.grants[{at}]: there is no role `{name}`"));
                rules = rules.grant(roles.get(name.as_str()).ok_or_else(unknown)?, grant.clone());
            }
        }
        Ok(rules)
    }
}

impl RuleConfig {
    fn over(&self, mut rule: AccessRule, role: &str) -> Result<AccessRule> {
        let some = |what: &str, empty: Option<bool>| match empty {
            Some(true) => {
                Err(invalid(format!("access.roles.{role}: `{what}` is empty and matches nothing; leave it out to match all")))
            }
            _ => Ok(()),
        };
        some("services", self.services.as_ref().map(Vec::is_empty))?;
        some("classes", self.classes.as_ref().map(Vec::is_empty))?;
        some("resources", self.resources.as_ref().map(Vec::is_empty))?;
        if let Some(name) = &self.name {
            rule = rule.named(name.as_str());
        }
        rule = self.services.iter().flatten().fold(rule, |rule, service| rule.service(service.as_str()));
        rule = self.classes.iter().flatten().fold(rule, |rule, class| rule.class(*class));
        Ok(self.resources.iter().flatten().fold(rule, |rule, resource| rule.resource(resource.as_str())))
    }
}

impl GrantConfig {
    fn grant(&self) -> Result<Grant> {
        // A forgotten list must not give rights to all.
        let grant = match (self.everyone, self.principals.as_slice()) {
            (true, []) => Grant::everyone(),
            (false, [first, others @ ..]) => others.iter().fold(Grant::to(first.as_str()), |grant, one| grant.and(one.as_str())),
            (true, _) => return Err(invalid("`everyone` and `principals` exclude each other".to_owned())),
            (false, []) => return Err(invalid("say `principals`, or `everyone = true`".to_owned())),
        };
        match self.tenants.as_deref() {
            Some([]) => Err(invalid("`tenants` is empty and matches nothing; leave it out to match all".to_owned())),
            tenants => Ok(tenants.unwrap_or_default().iter().fold(grant, |grant, tenant| grant.in_tenant(tenant.as_str()))),
        }
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::ConfigInvalid, text)
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro makes public items")]
mod tests {
    use super::*;
    use crate::access::{AccessControl, AccessRequest, Verdict};

    crate::operations! { "Test" => { /// Reads.
    READ = "test.read", Read; } }

    fn rules(text: &str) -> Result<AccessRules> {
        toml::from_str::<AccessConfig>(text).unwrap().rules()
    }

    fn allows(rules: &AccessRules, principal: Option<&str>, tenant: Option<&str>, class: Class, resource: &str) -> bool {
        let request =
            AccessRequest { principal, tenant, service: "documents", provider: "memory", operation: &READ, class, resource };
        matches!(rules.decide(&request), Verdict::Decided(decision) if decision.is_allowed())
    }

    #[test]
    fn default_deny_in_config() {
        for text in ["", "[roles.all]\nallow = [{}]", "[roles.none]\n[[grants]]\nroles = ['none']\neveryone = true"] {
            assert!(!allows(&rules(text).unwrap(), Some("ana"), Some("acme"), Class::Read, "a"), "{text}");
        }
    }

    #[test]
    fn roles_hold_as_they_are_written() {
        let rules = rules(
            "[roles.reporter]\nallow = [{ services = ['doc*'], classes = ['read'], resources = ['reports/*'] }]\n\
             deny = [{ resources = ['*/secret/*'], name = 'secrets-stay' }]\n\
             [[grants]]\nroles = ['reporter']\nprincipals = ['ana', 'svc-*']\ntenants = ['acme']",
        )
        .unwrap();
        let ana = |class, resource| allows(&rules, Some("ana"), Some("acme"), class, resource);
        assert!(ana(Class::Read, "reports/q3") && allows(&rules, Some("svc-1"), Some("acme"), Class::Read, "reports/q3"));
        assert!(!ana(Class::Write, "reports/q3") && !ana(Class::Read, "q3") && !ana(Class::Read, "reports/secret/q3"));
        assert!(!allows(&rules, Some("ana"), None, Class::Read, "reports/q3"));
        assert!(!allows(&rules, None, Some("acme"), Class::Read, "reports/q3"));
    }

    #[test]
    fn what_would_give_rights_by_mistake_is_refused() {
        for (text, says) in [
            ("[[grants]]\nroles = ['a']\nprincipals = ['ana']", "no role `a`"),
            ("[roles.a]\n[[grants]]\nroles = ['a']", "say `principals`"),
            ("[roles.a]\n[[grants]]\nroles = ['a']\neveryone = true\nprincipals = ['ana']", "exclude each other"),
            ("[roles.a]\n[[grants]]\nroles = ['a']\neveryone = true\ntenants = []", "`tenants` is empty"),
            ("[roles.a]\nallow = [{ resources = [] }]", "`resources` is empty"),
            ("[roles.a]\nallow = [{ classes = [] }]", "`classes` is empty"),
            ("[roles.a]\ndeny = [{ services = [] }]", "`services` is empty"),
        ] {
            let error = rules(text).unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains(says), "{error}");
        }
        assert!(toml::from_str::<AccessConfig>("[roles.a]\nalow = []").is_err());
    }
}
