//! Config files and variables: read, or refused with one line per problem.

use std::{collections::BTreeMap, time::Duration};

use circle_core_common::{
    ByteSize, SecretRef,
    config::{Common, KeyPath, Problems, Tree, decode, duration},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Target;

pub(super) const TOML: Target = Target {
    name: "config-toml",
    promise: "a TOML config is read, overlaid and decoded, or refused with one line per problem",
    dictionary: WORDS,
    run: |input| text(input, |text| Tree::from_toml(text, "circle.toml")),
};

pub(super) const JSON: Target = Target {
    name: "config-json",
    promise: "a JSON config is read, overlaid and decoded, or refused with one line per problem",
    dictionary: WORDS,
    run: |input| text(input, |text| Tree::from_json(text, "circle.json")),
};

pub(super) const ENVIRONMENT: Target = Target {
    name: "config-environment",
    promise: "variables, one per line, are laid over a config, or refused with one line per problem",
    dictionary: WORDS,
    run: environment,
};

const WORDS: &[&[u8]] = &[
    b"version = 1\n",
    b"[services.a]\n",
    b"[profiles.p.services.a]\n",
    b"provider = \"x\"\n",
    b"\"20s\"",
    b"\"5 MiB\"",
    b"\"env:A\"",
    b"{ a = 1 }",
    b"[[a]]\n",
    b"\"\"\"",
    b"'''",
    b"\\u0000",
    b"\\n",
    b"0x",
    b"1e999",
    b"nan",
    b"1979-05-27T07:32:00Z",
    b"null",
    b"true",
    b"CIRCLE__SERVICES__A__",
    b"__",
    b"=",
    b"\n",
];

/// A field of every kind that a provider's config can have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoding the fields is the point, not reading them")]
struct Sample {
    text: String,
    count: Option<u64>,
    offset: Option<i8>,
    ratio: Option<f64>,
    #[serde(default)]
    flag: bool,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    size: Option<ByteSize>,
    #[serde(default, with = "duration::option")]
    #[schemars(schema_with = "duration::option::schema")]
    wait: Option<Duration>,
    key: Option<SecretRef>,
    mode: Option<Mode>,
    inner: Option<Box<Sample>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "decoding the variants is the point, not reading them")]
enum Mode {
    Fast,
    Safe { retries: u32 },
    Named(String),
}

fn text(input: &[u8], read: impl Fn(&str) -> Result<Tree, Problems>) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match read(text) {
        Ok(tree) => whole(&tree),
        Err(problems) => one_line_each(&problems),
    }
}

fn environment(input: &[u8]) {
    const BASE: &str = "version = 1\n[services.a]\nprovider = \"x\"\ntext = \"t\"\ncount = 1\n[services.a.inner]\ntext = \"u\"\n";
    let (Ok(text), Ok(mut tree)) = (std::str::from_utf8(input), Tree::from_toml(BASE, "circle.toml")) else {
        return;
    };
    let variables = text.lines().filter_map(|line| line.split_once('='));
    match tree.apply_environment("CIRCLE", variables) {
        Ok(()) => whole(&tree),
        Err(problems) => one_line_each(&problems),
    }
}

/// What the hub does with a tree, with every profile.
fn whole(tree: &Tree) {
    one_line_each(&tree.check(&[]));
    services(tree);
    for profile in tree.profiles() {
        let mut tree = tree.clone();
        match tree.apply_profile(profile) {
            Ok(()) => services(&tree),
            Err(problems) => one_line_each(&problems),
        }
    }
}

fn services(tree: &Tree) {
    for (name, node) in tree.services() {
        let path = KeyPath::service(name);
        let (mut node, mut problems) = (node.clone(), Problems::new());
        Common::take(&mut node, &path, &mut problems);
        one_line_each(&problems);
        if let Err(problems) = decode::<Sample>(&node, &path, Common::KEYS).value {
            assert!(!problems.is_empty(), "a service is refused without a reason");
            one_line_each(&problems);
        }
    }
}

fn one_line_each(problems: &Problems) {
    let text = problems.to_string();
    assert_eq!(text.lines().count(), problems.len(), "not one line per problem: {text:?}");
    assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "a control character in {text:?}");
}
