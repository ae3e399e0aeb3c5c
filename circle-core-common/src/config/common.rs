//! The keys that every service has, whatever its provider.

use serde_json::json;

use super::suggest::nearest;
use super::tree::unknown_key;
use super::{KeyPath, Node, Problem, Problems, Reference, SecretUse, decode};
use crate::client_certificate::ClientCertificate;
use crate::network::Network;
use crate::resilience::Resilience;
use crate::scope::Slo;

/// The common keys of a service's table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Common {
    /// The service id of the provider.
    pub provider: String,
    /// Whether the start fails when the service is not healthy.
    pub required: bool,
    /// Whether endpoints on this machine are allowed.
    pub allow_loopback: bool,
    /// Whether endpoints in private networks are allowed.
    pub allow_private: bool,
    /// Networks that are allowed besides, for endpoints and for addresses that answers name.
    pub allow_networks: Vec<Network>,
    /// What is shown to services that ask for a certificate: a table.
    pub client_certificate: Option<Node>,
    /// Whether requests carry the trace that the application's calls belong to.
    pub trace: bool,
    /// Overrides of the resilience policy: a table.
    pub resilience: Option<Node>,
    /// The service level objectives: a table.
    pub slo: Option<Node>,
}

impl Common {
    /// The keys, for [`decode`] to suggest.
    pub const KEYS: &'static [&'static str] =
        &["provider", "required", "allow_loopback", "allow_private", "allow_networks", "trace", "resilience", "slo"];

    /// Takes the common keys out of a service's table, so that what is left is the provider's own.
    ///
    /// A key of a wrong type is a problem and counts as absent. Without a provider there is nothing that could read the
    /// rest, so the answer is `None`.
    pub fn take(service: &mut Node, path: &KeyPath, problems: &mut Problems) -> Option<Self> {
        let origin = service.origin.clone();
        let Some(table) = service.as_table_mut() else {
            let message = format!("expected a table, found {}", service.value.kind());
            problems.push(Problem::new(path.clone(), origin, message));
            return None;
        };
        let mut take = |key: &str| table.remove(key).map(|node| (path.key(key), node));
        let provider = take("provider");
        let common = Self {
            provider: String::new(),
            required: flag(take("required"), false, problems),
            allow_loopback: flag(take("allow_loopback"), false, problems),
            allow_private: flag(take("allow_private"), true, problems),
            allow_networks: networks(take("allow_networks"), problems),
            client_certificate: subtable(take("client_certificate"), problems),
            trace: flag(take("trace"), true, problems),
            resilience: subtable(take("resilience"), problems),
            slo: subtable(take("slo"), problems),
        };
        let Some((at, node)) = provider else {
            // With a mistyped `provider` the provider's keys are not known, so no later decoding would find it.
            let typo = table.iter().find(|(key, _)| nearest(key, ["provider"]).is_some());
            problems.push(match typo {
                Some((key, node)) => unknown_key(path.key(key), node.origin.clone(), key, &["provider"], &[]),
                None => Problem::new(path.key("provider"), origin, "missing key"),
            });
            return None;
        };
        match decode::<String>(&node, &at, &[]).value {
            Ok(provider) if !provider.is_empty() => Some(Self { provider, ..common }),
            Ok(_) => {
                problems.push(Problem::new(at, node.origin, "expected a provider, found empty text"));
                None
            }
            Err(found) => {
                problems.extend(found);
                None
            }
        }
    }

    /// The table `resilience`, and the services that it refers to; without one, nothing is chosen. `service` is where the
    /// service's table stands.
    pub fn decode_resilience(&self, service: &KeyPath, problems: &mut Problems) -> (Resilience, Vec<Reference>) {
        let Some(table) = &self.resilience else { return Default::default() };
        let path = service.key("resilience");
        let decoded = decode::<Resilience>(table, &path, &[]);
        let resilience = match decoded.value {
            Ok(resilience) => resilience,
            Err(found) => {
                problems.extend(found);
                return Default::default();
            }
        };
        for (keys, message) in resilience.mistakes() {
            let (at, node) = keys
                .iter()
                .fold((path.clone(), Some(table)), |(path, node), key| (path.key(key), node.and_then(|node| node.get(key))));
            let origin = node.unwrap_or(table).origin.clone();
            problems.push(Problem::new(at, origin, message));
        }
        (resilience, decoded.references)
    }

    /// The table `client_certificate`, where there is one, and the secrets in it. `service` is where the service's table stands.
    pub fn decode_client_certificate(
        &self,
        service: &KeyPath,
        problems: &mut Problems,
    ) -> (Option<ClientCertificate>, Vec<SecretUse>) {
        let Some(table) = &self.client_certificate else { return Default::default() };
        let decoded = decode::<ClientCertificate>(table, &service.key("client_certificate"), &[]);
        let certificate = decoded.value.map_err(|found| problems.extend(found)).ok();
        (certificate, decoded.secrets)
    }

    /// The table `slo`, where there is one. `service` is where the service's table stands.
    pub fn decode_slo(&self, service: &KeyPath, problems: &mut Problems) -> Option<Slo> {
        let table = self.slo.as_ref()?;
        let path = service.key("slo");
        let slo = match decode::<Slo>(table, &path, &[]).value {
            Ok(slo) => slo,
            Err(found) => {
                problems.extend(found);
                return None;
            }
        };
        let mistakes = slo.mistakes();
        let sound = mistakes.is_empty();
        for (key, message) in mistakes {
            let (at, node) = if key.is_empty() { (path.clone(), None) } else { (path.key(key), table.get(key)) };
            problems.push(Problem::new(at, node.unwrap_or(table).origin.clone(), message));
        }
        sound.then_some(slo)
    }

    /// As [`schema`](Self::schema), for a provider whose calls leave the process: what `resilience` may hold is in it.
    #[must_use]
    pub fn remote_schema() -> serde_json::Value {
        let (mut common, mut resilience) = (Self::schema(), super::schema_of::<Resilience>());
        if let Some(types) = resilience.as_object_mut().and_then(|schema| schema.remove("$defs")) {
            common["$defs"] = types;
        }
        resilience["description"] = "Overrides of the resilience policy.".into();
        common["properties"]["resilience"] = resilience;
        common
    }

    /// The JSON Schema of the common keys, for [`schema_for_service`](super::schema_for_service). `resilience` is any
    /// table in it.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        let mut slo = super::schema_of::<Slo>();
        let mut client_certificate = super::schema_of::<ClientCertificate>();
        client_certificate["description"] = "What is shown to services that ask for a certificate (mutual TLS).".into();
        slo["description"] = "The service level objectives that calls are measured against.".into();
        json!({
            "type": "object",
            "properties": {
                "provider": { "type": "string", "description": "The provider that serves this service." },
                "required": {
                    "type": "boolean", "default": false,
                    "description": "Whether the start fails when the service is not healthy.",
                },
                "allow_loopback": {
                    "type": "boolean", "default": false,
                    "description": "Whether endpoints on this machine are allowed.",
                },
                "allow_networks": {
                    "type": "array", "items": super::schema_of::<Network>(),
                    "description": "Networks that are allowed besides, for endpoints and for addresses that answers name.",
                },
                "allow_private": {
                    "type": "boolean", "default": true,
                    "description": "Whether endpoints in private networks are allowed.",
                },
                "client_certificate": client_certificate,
                "resilience": { "type": "object", "description": "Overrides of the resilience policy." },
                "trace": {
                    "type": "boolean", "default": true,
                    "description": "Whether requests carry the trace that the application's calls belong to.",
                },
                "slo": slo,
            },
            "required": ["provider"],
        })
    }
}

fn flag(entry: Option<(KeyPath, Node)>, default: bool, problems: &mut Problems) -> bool {
    let Some((path, node)) = entry else {
        return default;
    };
    // A variable that is set to nothing is the default.
    match decode::<Option<bool>>(&node, &path, &[]).value {
        Ok(value) => value.unwrap_or(default),
        Err(found) => {
            problems.extend(found);
            default
        }
    }
}

fn networks(entry: Option<(KeyPath, Node)>, problems: &mut Problems) -> Vec<Network> {
    let Some((path, node)) = entry else { return Vec::new() };
    match decode::<Vec<Network>>(&node, &path, &[]).value {
        Ok(networks) => networks,
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}

fn subtable(entry: Option<(KeyPath, Node)>, problems: &mut Problems) -> Option<Node> {
    let (path, node) = entry?;
    let message = match super::overlay::inline_table(&node) {
        Ok(Some(table)) => return Some(table),
        Ok(None) if node.as_table().is_some() => return Some(node),
        Ok(None) => format!("expected a table, found {}", node.value.kind()),
        Err(message) => message,
    };
    problems.push(Problem::new(path, node.origin, message));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tree;

    fn take(service: &str) -> (Option<Common>, Vec<String>, String) {
        let tree = Tree::from_toml(&format!("[services.a]\n{service}"), "f").unwrap();
        let mut node = tree.service("a").unwrap().clone();
        let mut problems = Problems::new();
        let common = Common::take(&mut node, &KeyPath::root().key("services").key("a"), &mut problems);
        let left = node.as_table().map(|table| table.keys().cloned().collect()).unwrap_or_default();
        problems.sort();
        (common, left, problems.to_string())
    }

    #[test]
    fn common_keys_are_taken_out() {
        let (common, left, problems) =
            take("provider = \"s3\"\nrequired = true\nallow_loopback = true\nresilience = { x = 1 }\nslo.y = 2\nbucket = \"b\"");
        let common = common.unwrap();
        assert_eq!(common.provider, "s3");
        assert!(common.required && common.allow_loopback && common.trace);
        assert!(common.resilience.unwrap().get("x").is_some() && common.slo.unwrap().get("y").is_some());
        assert_eq!((left, problems), (vec!["bucket".to_owned()], String::new()));

        let (common, ..) = take("provider = \"memory\"");
        let common = common.unwrap();
        assert!(!common.required && !common.allow_loopback && common.resilience.is_none() && common.slo.is_none());
        assert!(common.allow_private && common.allow_networks.is_empty());
    }

    #[test]
    fn networks_are_read_and_a_mistyped_one_is_named() {
        let (common, _, problems) = take("provider = \"s3\"\nallow_private = false\nallow_networks = [\"10.20.0.0/16\"]");
        let common = common.unwrap();
        assert!(!common.allow_private && problems.is_empty(), "{problems}");
        assert_eq!(common.allow_networks, ["10.20.0.0/16".parse().unwrap()]);
        let (_, _, problems) = take("provider = \"s3\"\nallow_networks = [\"10.20.0.1/16\"]");
        assert!(problems.starts_with("services.a.allow_networks[0] (f:3): `10.20.0.1/16` is no network"), "{problems}");
    }

    #[test]
    fn all_problems_at_once() {
        for (service, known, message) in [
            (
                "provider = \"s3\"\nrequired = \"yes\"\nresilience = 3",
                true,
                "services.a.required (f:3): expected true or false, found text `yes`\n\
                 services.a.resilience (f:4): expected a table, found the number",
            ),
            ("bucket = \"b\"", false, "services.a.provider (f:1): missing key"),
            ("providr = \"s3\"", false, "services.a.providr (f:2): unknown key, did you mean `provider`?"),
            ("provider = \"\"", false, "services.a.provider (f:2): expected a provider, found empty text"),
            (
                "provider = 3\nslo = []",
                false,
                "services.a.provider (f:2): expected text in quotes, found the number `3`\n\
                 services.a.slo (f:3): expected a table, found a list",
            ),
        ] {
            let (common, _, problems) = take(service);
            assert_eq!((common.is_some(), problems.as_str()), (known, message), "{service}");
        }
    }

    #[test]
    fn objectives_are_read_and_mistakes_named_with_their_line() {
        let read = |text: &str| {
            let (common, ..) = take(&format!("provider = \"s3\"\ntrace = false\n{text}"));
            let (common, mut problems) = (common.unwrap(), Problems::new());
            assert!(!common.trace);
            let slo = common.decode_slo(&KeyPath::root().key("services").key("a"), &mut problems);
            (slo, problems.to_string())
        };
        let (slo, problems) = read("slo = { p99 = \"300ms\", success = 0.999 }");
        assert_eq!(problems, "");
        assert_eq!(slo, Some(Slo::new().p99(std::time::Duration::from_millis(300)).success(0.999)));
        for (text, message) in [
            ("slo = {}", "services.a.slo (f:4): expected an objective"),
            ("slo = { p98 = \"1s\" }", "services.a.slo.p98 (f:4): unknown key, did you mean `p99`?"),
            ("slo.success = 1.0", "services.a.slo.success (f:4): expected a number above 0 and below 1"),
            ("slo.p99 = 300", "services.a.slo.p99 (f:4): "),
            ("slo.p50 = \"2s\"\nslo.p99 = \"1s\"", "services.a.slo.p99 (f:5): expected at least what fewer calls may take"),
            ("slo.p50 = \"2s\"\nslo.window = \"1s\"", "services.a.slo.window (f:5): expected `1m` to `30d`"),
        ] {
            let (slo, problems) = read(text);
            assert!(slo.is_none() && problems.contains(message), "{text}: {problems}");
        }
    }

    #[test]
    fn variables_set_them_too() {
        let mut tree = Tree::from_toml("services.a.provider = \"s3\"", "f").unwrap();
        let variables = [("REQUIRED", "TRUE"), ("ALLOW_LOOPBACK", ""), ("RESILIENCE", "{ x = 1 }")];
        let variables = variables.map(|(name, text)| (format!("CIRCLE__SERVICES__A__{name}"), text.to_owned()));
        tree.apply_environment("CIRCLE", variables).unwrap();
        let mut node = tree.service("a").unwrap().clone();
        let mut problems = Problems::new();
        let common = Common::take(&mut node, &KeyPath::root(), &mut problems).unwrap();
        assert!(problems.is_empty() && common.required && !common.allow_loopback && common.resilience.is_some());
    }
}
