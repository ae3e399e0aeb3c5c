//! From a config to what must be built, in which order; offline, all problems at once.

use std::collections::{BTreeMap, BTreeSet};

use circle_core_common::access::{AccessConfig, AccessRules};
use circle_core_common::config::{self, Common, KeyPath, Node, Problem, Problems, Reference, SecretUse, Segment, Tree, Value};
use circle_core_common::resilience::Resilience;
use circle_core_common::scope::Slo;
use circle_core_common::{AnyServiceRef, ClientCertificate};

use super::audit::{self, AuditConfig};
use crate::registry::{Entry, Registry};

/// The top-level keys besides `version`, `services` and `profiles`.
const SECTIONS: &[&str] = &["access", "audit"];

/// The schemas of the top-level sections.
pub(crate) fn sections() -> [(&'static str, serde_json::Value); 2] {
    [("access", config::schema_of::<AccessConfig>()), ("audit", config::schema_of::<AuditConfig>())]
}

/// One service to build.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) common: Common,
    pub(super) client_certificate: Option<ClientCertificate>,
    pub(super) resilience: Resilience,
    pub(super) slo: Option<Slo>,
    /// The provider's own keys.
    pub(super) node: Node,
    pub(super) references: Vec<Reference>,
}

impl Planned {
    pub(super) fn path(&self) -> KeyPath {
        KeyPath::service(&self.name)
    }
}

/// What a config asks for: services, each behind those that it refers to.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) services: Vec<Planned>,
    pub(super) audit: Option<AuditConfig>,
    pub(super) access: Option<AccessRules>,
}

/// Plans a tree. `ready` are the services that the application brings itself, with their interfaces.
pub(super) fn plan(
    tree: &Tree,
    registry: &Registry,
    profile: Option<&str>,
    ready: &BTreeMap<String, Vec<&'static str>>,
) -> Result<Plan, Problems> {
    let mut problems = tree.check(SECTIONS);
    let (audit, audit_references) = tree.get("audit").map(|node| audit::plan(node, profile, &mut problems)).unwrap_or_default();
    let access = tree.get("access").and_then(|node| plan_access(node, &mut problems));
    let mut planned = BTreeMap::new();
    // A service that is described but not plannable is still a name that others may refer to.
    let mut described: BTreeMap<String, Option<Vec<&'static str>>> = BTreeMap::new();
    // A ready handle takes the place of a configured service, whatever that says.
    for (name, node) in tree.services().filter(|(name, _)| !ready.contains_key(*name)) {
        let service = plan_service(name, node, registry, profile, &mut problems);
        described.insert(name.to_owned(), service.as_ref().map(|service| service.entry.interfaces().to_vec()));
        if let Some(service) = service {
            planned.insert(name.to_owned(), service);
        }
    }
    let decorators = planned.values().filter(|service| service.entry.decorates());
    let offered: Vec<_> = decorators.map(|service| (service.name.clone(), offered_by(service, &planned, ready))).collect();
    described.extend(offered.into_iter().map(|(name, interfaces)| (name, Some(interfaces))));
    for reference in planned.values().flat_map(|service| &service.references).chain(&audit_references) {
        check_reference(reference, &described, ready, &mut problems);
    }
    let services = in_order(planned, &mut problems);
    problems.or(Plan { services, audit, access })
}

fn plan_access(node: &Node, problems: &mut Problems) -> Option<AccessRules> {
    let path = KeyPath::root().key("access");
    let config = config::decode::<AccessConfig>(node, &path, &[]).value.map_err(|found| problems.extend(found)).ok()?;
    let rules = config.rules().map_err(|error| Problem::new(path, node.origin.clone(), error.message()));
    rules.map_err(|problem| problems.push(problem)).ok()
}

fn plan_service(name: &str, node: &Node, registry: &Registry, profile: Option<&str>, problems: &mut Problems) -> Option<Planned> {
    let path = KeyPath::service(name);
    let (whole, mut node) = (node, node.clone());
    let provider_origin = node.get("provider").map(|provider| provider.origin.clone());
    let common = Common::take(&mut node, &path, problems)?;
    let Some(entry) = registry.get(&common.provider) else {
        let (message, suggestion) = registry.explain_missing(&common.provider);
        let origin = provider_origin.unwrap_or_else(|| node.origin.clone());
        problems.push(Problem::new(path.key("provider"), origin, message).with_suggestion(suggestion));
        return None;
    };
    let (resilience, shared) = match (entry.is_remote(), &common.resilience) {
        (true, table) => {
            let decoded = common.decode_resilience(&path, problems);
            for (name, _) in decoded.0.operations.iter() {
                let Some(meant) = registry.misspelt(entry, name) else { continue };
                let at = table.as_ref().and_then(|table| table.get("operations")?.get(name)).unwrap_or(&node);
                let message = format!("no request of `{}` is called so", entry.name());
                let at_key = path.key("resilience").key("operations").key(name);
                problems.push(Problem::new(at_key, at.origin.clone(), message).with_suggestion(meant));
            }
            decoded
        }
        (false, None) => Default::default(),
        (false, Some(table)) => {
            let why = "runs in this process: no call leaves it, so `resilience` has nothing to act on";
            problems.push(Problem::new(path.key("resilience"), table.origin.clone(), format!("`{}` {why}", entry.name())));
            Default::default()
        }
    };
    let slo = common.decode_slo(&path, problems);
    let (client_certificate, secrets) = common.decode_client_certificate(&path, problems);
    if let (Some(table), false) = (&common.client_certificate, entry.is_remote()) {
        let why = "runs in this process: no service asks it for a certificate";
        let text = format!("`{}` {why}", entry.name());
        problems.push(Problem::new(path.key("client_certificate"), table.origin.clone(), text));
    }
    let inspected = entry.inspect(&node, &path);
    problems.extend(inspected.problems);
    check_secrets(inspected.secrets.into_iter().chain(secrets), whole, &path, profile, problems);
    let references = inspected.references.into_iter().chain(shared).collect();
    Some(Planned { name: name.to_owned(), entry: *entry, common, client_certificate, resilience, slo, node, references })
}

/// Refuses secrets that are limited to other profiles than the active one.
pub(super) fn check_secrets(
    secrets: impl IntoIterator<Item = SecretUse>,
    node: &Node,
    path: &KeyPath,
    profile: Option<&str>,
    problems: &mut Problems,
) {
    for secret in secrets {
        let allowed = value_at(node, path, &secret.path).and_then(profiles_of);
        if let Some(allowed) = allowed.filter(|allowed| !profile.is_some_and(|profile| allowed.contains(&profile))) {
            let here =
                profile.map_or_else(|| "no profile is active".to_owned(), |profile| format!("the active one is `{profile}`"));
            let message = format!("this secret is for the profiles {} only, and {here}", allowed.join(", "));
            problems.push(Problem::new(secret.path, secret.origin, message));
        }
    }
}

/// The value at `path`, which lies below the table at `place`.
fn value_at<'n>(table: &'n Node, place: &KeyPath, path: &KeyPath) -> Option<&'n Node> {
    path.segments().strip_prefix(place.segments())?.iter().try_fold(table, |node, segment| match (segment, &node.value) {
        (Segment::Key(key), _) => node.get(key),
        (Segment::Index(at), Value::List(list)) => list.get(*at),
        (Segment::Index(_), _) => None,
    })
}

/// The profiles that a reference to a secret is limited to.
fn profiles_of(secret: &Node) -> Option<Vec<&str>> {
    match &secret.get("profiles")?.value {
        Value::List(list) => Some(list.iter().filter_map(Node::as_text).collect()),
        _ => None,
    }
}

/// The interfaces that a decorator offers: those that everything at the end of its references has.
fn offered_by(
    decorator: &Planned,
    planned: &BTreeMap<String, Planned>,
    ready: &BTreeMap<String, Vec<&'static str>>,
) -> Vec<&'static str> {
    let mut interfaces = decorator.entry.interfaces().to_vec();
    let mut seen = BTreeSet::new();
    let mut ahead = vec![decorator];
    while let Some(service) = ahead.pop() {
        let decorated = service.references.iter().filter(|reference| reference.interface == AnyServiceRef::INTERFACE);
        for name in decorated.map(|reference| reference.service.as_str()).filter(|name| seen.insert(name.to_owned())) {
            let next = planned.get(name);
            let offered = match (ready.get(name), next) {
                (Some(offered), _) => offered.as_slice(),
                (None, Some(service)) => service.entry.interfaces(),
                // That it does not exist, or cannot be planned, is another problem.
                (None, None) => continue,
            };
            interfaces.retain(|interface| offered.contains(interface));
            ahead.extend(next.filter(|service| service.entry.decorates() && !ready.contains_key(name)));
        }
    }
    interfaces
}

fn check_reference(
    reference: &Reference,
    described: &BTreeMap<String, Option<Vec<&'static str>>>,
    ready: &BTreeMap<String, Vec<&'static str>>,
    problems: &mut Problems,
) {
    let name = &reference.service;
    let offered = match (ready.get(name), described.get(name)) {
        (Some(interfaces), _) => interfaces.as_slice(),
        (None, Some(Some(interfaces))) => interfaces,
        // Its own problem is told already.
        (None, Some(None)) => return,
        (None, None) => {
            let nearest = config::nearest(name, described.keys().chain(ready.keys()).map(String::as_str)).map(str::to_owned);
            let message = format!("there is no service `{name}`");
            problems.push(Problem::new(reference.path.clone(), reference.origin.clone(), message).with_suggestion(nearest));
            return;
        }
    };
    if reference.interface != AnyServiceRef::INTERFACE && !offered.contains(&reference.interface) {
        let message = format!("`{name}` offers {}, not {}", offered.join(", "), reference.interface);
        problems.push(Problem::new(reference.path.clone(), reference.origin.clone(), message));
    }
}

/// The services, each behind those that it refers to; a cycle is a problem of each reference in it.
fn in_order(mut planned: BTreeMap<String, Planned>, problems: &mut Problems) -> Vec<Planned> {
    let mut ordered: Vec<Planned> = Vec::with_capacity(planned.len());
    while !planned.is_empty() {
        let waits = |service: &Planned| service.references.iter().any(|reference| planned.contains_key(&reference.service));
        let Some(name) = planned.values().find(|service| !waits(service)).map(|service| service.name.clone()) else {
            report_cycles(&planned, problems);
            break;
        };
        ordered.extend(planned.remove(&name));
    }
    ordered
}

fn report_cycles(stuck: &BTreeMap<String, Planned>, problems: &mut Problems) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in stuck.keys() {
        // Every stuck service refers to a stuck one, so following the first such reference ends in a cycle.
        let mut way: Vec<&Reference> = Vec::new();
        let mut names = vec![start.as_str()];
        let cycle = loop {
            let at = names[names.len() - 1];
            let Some(next) = stuck[at].references.iter().find(|reference| stuck.contains_key(&reference.service)) else {
                break None;
            };
            way.push(next);
            if let Some(from) = names.iter().position(|name| *name == next.service) {
                break Some(from);
            }
            names.push(&next.service);
        };
        let Some(from) = cycle else { continue };
        if names[from..].iter().any(|name| told.contains(name)) {
            continue;
        }
        told.extend(&names[from..]);
        let circle = names[from..].iter().chain([&names[from]]).copied().collect::<Vec<_>>().join(" → ");
        let reference = way[from];
        problems.push(Problem::new(
            reference.path.clone(),
            reference.origin.clone(),
            format!("services refer to each other: {circle}"),
        ));
    }
}
