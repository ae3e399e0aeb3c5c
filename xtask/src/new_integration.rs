//! `new-integration`: the skeleton of a provider.

mod templates;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use toml_edit::DocumentMut;

use templates::{Does, FILES, Part, TEMPLATES, Template, chosen, filled, parts, sections};

use crate::{
    outcome::{Context as _, Failure, Result},
    process,
    workspace::{CATEGORIES, PROTOCOLS, Workspace, camel_case, snake_case},
};

pub(crate) const HELP: &str = "\
Writes the skeleton of a provider: a small but real one that keeps everything in the process, passes the suites of its
interfaces and `cargo xtask check`, and waits for its client to be replaced by calls to the service.

Usage: cargo xtask new-integration <category> <provider> [--interface NAME,…] [--path DIR [--circle-core PATH]]

  --interface NAME,…    what it offers (default ObjectStore); there are templates for ChatModel, EmbeddingModel,
                        KeyValueStore, Messenger, Notifier, ObjectStore, VectorStore and
                        WebhookVerifier
  --path DIR            write a crate of its own there, outside this workspace, for a private provider
  --circle-core PATH    where that crate finds circle-core: a checkout; without it, the published version

Exit code: 0 written, 2 not written.";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let (mut names, mut interfaces) = (Vec::new(), "ObjectStore".to_owned());
    let (mut path, mut circle_core) = (None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("interface") => interfaces = arguments.value()?.string()?,
            Long("path") => path = Some(PathBuf::from(arguments.value()?)),
            Long("circle-core") => circle_core = Some(PathBuf::from(arguments.value()?)),
            Value(name) => names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let [category, provider] = &names[..] else {
        return Err(Failure::new("name the category and the provider: `cargo xtask new-integration data-storage acme`"));
    };
    let here = env::current_dir().context("finding the current folder")?;
    let workspace = Workspace::load(&here)?;
    let place = match (path, circle_core) {
        (Some(path), circle_core) => {
            let circle_core = circle_core.map(|path| checkout(&here.join(path))).transpose()?;
            Place::Outside { dir: here.join(path), circle_core }
        }
        (None, None) => Place::Inside,
        (None, Some(_)) => {
            return Err(Failure::new("`--circle-core` goes with `--path`: inside the workspace there is no choice"));
        }
    };
    let skeleton = Skeleton::new(&workspace, category, provider, &interfaces, place)?;
    skeleton.write()?;
    // As it is, and not by way of where it was named from.
    let dir = skeleton.dir.canonicalize().unwrap_or_else(|_| skeleton.dir.clone());
    println!("wrote {}", dir.display());
    match skeleton.place {
        Place::Inside => println!("next: cargo xtask sync && cargo xtask check && cargo test -p circle-core-{provider}"),
        Place::Outside { .. } => {
            println!("next: cargo test --manifest-path {}", dir.join("Cargo.toml").display());
            println!("then: register it in your application, as docs/private-integrations.md shows");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The full path of a checkout of this repository.
fn checkout(path: &Path) -> Result<PathBuf> {
    if !path.join("circle-core-common/Cargo.toml").is_file() {
        return Err(Failure::new(format!("there is no checkout of circle-core in {}", path.display())));
    }
    path.canonicalize().context(format_args!("resolving {}", path.display()))
}

enum Place {
    Inside,
    Outside { dir: PathBuf, circle_core: Option<PathBuf> },
}

struct Skeleton {
    place: Place,
    dir: PathBuf,
    /// Path within the crate, and text.
    files: BTreeMap<String, String>,
}

impl Skeleton {
    fn new(workspace: &Workspace, category: &str, provider: &str, interfaces: &str, place: Place) -> Result<Self> {
        check_names(workspace, category, provider, matches!(place, Place::Inside))?;
        let templates = templates(interfaces)?;
        let dir = match &place {
            Place::Inside => workspace.root.join("integrations").join(category).join(provider),
            Place::Outside { dir, .. } => dir.clone(),
        };
        if dir.join("Cargo.toml").exists() {
            return Err(Failure::new(format!("there is a crate in {} already", dir.display())));
        }
        let mut values = values(category, provider, &templates);
        let manifest = match &place {
            Place::Inside => {
                values.push(("package", format!("circle-core-{provider}")));
                include_str!("../templates/manifest-workspace.toml")
            }
            Place::Outside { circle_core, .. } => {
                // The prefix is for crates of this project.
                values.push(("package", provider.to_owned()));
                values.extend(versions(workspace, circle_core.as_deref())?);
                include_str!("../templates/manifest-standalone.toml")
            }
        };
        let package = values.iter().find(|(name, _)| *name == "package").map(|(_, name)| name.replace('-', "_"));
        values.push(("library", package.unwrap_or_default()));
        let sections = sections(&templates);
        let filled = |template: &str| filled(&chosen(template, &sections), &values);
        let mut files = BTreeMap::from([("Cargo.toml".to_owned(), filled(manifest))]);
        files.extend(FILES.iter().map(|(file, template)| ((*file).to_owned(), filled(template))));
        for template in &templates {
            files.insert(format!("src/{}.rs", snake_case(template.interface)), filled(template.source));
            files.insert(format!("src/client/{}.rs", template.part.name), filled(template.part.source));
        }
        Ok(Self { place, dir, files })
    }

    fn write(&self) -> Result<()> {
        for (file, text) in &self.files {
            let path = self.dir.join(file);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).context(format_args!("making {}", folder.display()))?;
            }
            fs::write(&path, text).context(format_args!("writing {}", path.display()))?;
        }
        self.format()
    }

    /// The order of imports and the breaks of lines depend on the names that went in, and on the style of where they are.
    fn format(&self) -> Result<()> {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024"]);
        let sources = self.files.keys().filter(|file| file.ends_with(".rs"));
        rustfmt.args(sources.map(|file| self.dir.join(file)));
        process::output(&mut rustfmt).context("formatting the skeleton, which is written").map(drop)
    }
}

fn check_names(workspace: &Workspace, category: &str, provider: &str, inside: bool) -> Result<()> {
    if category == PROTOCOLS {
        return Err(Failure::new(
            "a protocol crate is no provider: it has no config and no suite; write integrations/protocols/<name> by hand",
        ));
    }
    if !CATEGORIES.contains(&category) {
        return Err(Failure::new(format!("`{category}` is no category; there are {}", CATEGORIES.join(", "))));
    }
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !provider.split('-').all(word) || provider.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(Failure::new(format!("`{provider}` is no provider's name: use small letters, digits and hyphens")));
    }
    let taken =
        workspace.providers().into_iter().find(|other| other.name == provider || other.circle.services.contains_key(provider));
    match taken {
        Some(other) if inside => Err(Failure::new(format!("`{provider}` is taken by {}", other.package.dir))),
        _ => Ok(()),
    }
}

fn templates(interfaces: &str) -> Result<Vec<&'static Template>> {
    let known = TEMPLATES.map(|template| template.interface);
    let mut chosen = Vec::new();
    for name in interfaces.split(',').map(str::trim) {
        let Some(template) = TEMPLATES.iter().find(|template| template.interface == name) else {
            return Err(Failure::new(format!("there is no template for `{name}`; there are {}", known.join(", "))));
        };
        if !chosen.iter().any(|other: &&Template| other.interface == name) {
            chosen.push(template);
        }
    }
    Ok(chosen)
}

fn values(category: &str, provider: &str, templates: &[&Template]) -> Vec<(&'static str, String)> {
    let each = |line: &dyn Fn(&str, &str) -> String, between: &str| {
        let lines: Vec<_> = templates.iter().map(|template| line(template.interface, &snake_case(template.interface))).collect();
        lines.join(between)
    };
    let parts = parts(templates);
    let does = |what: Does| parts.iter().any(|part| part.does == what);
    let only_if = |what: Does, text: &str| if does(what) { text.to_owned() } else { String::new() };
    let signs = does(Does::Sign);
    let suite_config = [
        only_if(Does::Keep, ".capacity(ByteSize::gib(1))"),
        only_if(Does::Sign, ".secrets(secrets(fixture).map(SecretRef::literal))"),
    ];
    let each_part = |line: &dyn Fn(&str) -> String| parts.iter().map(|part| line(part.name)).collect::<Vec<_>>().join("\n");
    vec![
        ("client_modules", each_part(&|part| format!("pub(crate) mod {part};"))),
        ("client_fields", each_part(&|part| format!("    pub(crate) {part}: {part}::{},", camel_case(part)))),
        ("client_values", parts.iter().map(|part| client_value(part)).collect()),
        ("suite_config", suite_config.concat()),
        ("fixture", if signs { "fixture" } else { "_" }.to_owned()),
        ("example_config", only_if(Does::Sign, ".secrets([circle_core_common::SecretRef::literal(\"a secret\")])")),
        ("features", if signs { "\"config\", \"webhook\"" } else { "\"config\"" }.to_owned()),
        ("auth", if signs { "shared-secret" } else { "none" }.to_owned()),
        ("category", category.to_owned()),
        ("provider", provider.to_owned()),
        ("PROVIDER", provider.replace('-', "_").to_ascii_uppercase()),
        ("Provider", camel_case(provider)),
        ("interfaces", each(&|name, _| name.to_owned(), " and ")),
        ("interface_list", each(&|name, _| format!("\"{name}\""), ", ")),
        ("modules", each(&|_, module| format!("mod {module};"), "\n")),
        ("module_list", each(&|_, module| module.to_owned(), ", ")),
        ("fields", each(&|name, module| format!("    pub(crate) {module}: {name}Capabilities,"), "\n")),
        ("field_values", each(&|_, module| format!("            {module}: {module}::capabilities(),"), "\n")),
        (
            "interface_imports",
            each(
                &|name, module| {
                    format!("use circle_core_common::interfaces::{module}::{{{name}, {name}Capabilities, {name}Provider}};")
                },
                "\n",
            ),
        ),
        ("offers", each(&|name, _| format!(".offer::<{name}>(Arc::clone(&provider) as Arc<dyn {name}Provider>)"), "")),
        ("capabilities", each(&|name, module| format!("{name}: what `capabilities()` in `src/{module}.rs` turns on."), "\n\n")),
        ("interface", templates[0].interface.to_owned()),
        ("module", snake_case(templates[0].interface)),
        ("handle", templates[0].handle.to_owned()),
        ("example", templates[0].example.lines().map(|line| format!("//! {line}")).collect::<Vec<_>>().join("\n")),
    ]
}

/// How a part of the client is made.
fn client_value(part: &Part) -> String {
    let Part { name, does, .. } = part;
    format!("{name}: {name}::{}::new(config){},", camel_case(name), if *does == Does::Sign { "?" } else { "" })
}

/// What a crate outside the workspace depends on, in the versions of the workspace.
fn versions(workspace: &Workspace, circle_core: Option<&Path>) -> Result<Vec<(&'static str, String)>> {
    let manifest = workspace.text("Cargo.toml").unwrap_or_default();
    let manifest: DocumentMut = manifest.parse().context("reading Cargo.toml")?;
    let root = manifest.get("workspace").ok_or("it is no workspace").context("reading Cargo.toml")?;
    let entry = |name: &'static str| {
        let found = root.get("dependencies").and_then(|dependencies| dependencies.get(name));
        found.map(|found| found.to_string().trim().to_owned()).ok_or(name).context("Cargo.toml has no workspace dependency")
    };
    let source = |folder: &str| match circle_core {
        Some(path) => format!("path = \"{}\"", path.join(folder).display()),
        None => format!("version = \"{}\"", workspace.packages.first().map_or("*", |package| package.version.as_str())),
    };
    let tokio = root.get("dependencies").and_then(|dependencies| dependencies.get("tokio")?.get("version"));
    let rust = root.get("package").and_then(|package| package.get("rust-version")?.as_str()).unwrap_or("1.88");
    Ok(vec![
        ("rust_version", rust.to_owned()),
        ("async-trait", entry("async-trait")?),
        ("bytes", entry("bytes")?),
        ("schemars", entry("schemars")?),
        ("secrecy", entry("secrecy")?),
        ("serde", entry("serde")?),
        ("tokio_version", tokio.map_or_else(|| "\"1\"".to_owned(), |version| version.to_string().trim().to_owned())),
        ("common", source("circle-core-common")),
        ("testkit", source("circle-core-common/testkit")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn skeleton(workspace: &Workspace, interfaces: &str, place: Place) -> Result<Skeleton> {
        Skeleton::new(workspace, "cloud", "acme-drive", interfaces, place)
    }

    /// Cases that are ignored when their skeleton can no more do what its stand-in for the service is there for.
    const TELLING: [&str; 8] = [
        "ObjectStore::list_pages_cover_everything_once",
        "KeyValueStore::list_pages_cover_everything_once",
        "VectorStore::delete_where_deletes_exactly_what_matches",
        "Messenger::history_pages_cover_everything_once",
        "Messenger::history_of_a_span_of_time_is_exact",
        "Notifier::status_pages_cover_everything_once",
        "WebhookVerifier::every_live_secret_is_accepted",
        "WebhookVerifier::moment_beyond_the_tolerance_is_refused_both_ways",
    ];

    /// Every interface that there is a template for, as `--interface` takes them.
    fn all() -> String {
        TEMPLATES.map(|template| template.interface).join(",")
    }

    fn this_workspace() -> Workspace {
        Workspace::load(env!("CARGO_MANIFEST_DIR").as_ref()).expect("this workspace")
    }

    #[test]
    fn a_skeleton_passes_the_check() {
        let fixture = Fixture::new();
        for template in &TEMPLATES {
            for room in ["mod", "provider", "types", "capabilities", "conformance", "mock"] {
                let module = snake_case(template.interface);
                fixture.write(&format!("circle-core-common/src/interfaces/{module}/{room}.rs"), "");
            }
        }
        skeleton(&fixture.workspace(), &all(), Place::Inside).expect("a skeleton").write().expect("written");
        // The fixture has no versions to inherit.
        let workspace = this_workspace();
        let versions = workspace.text("Cargo.toml").expect("a manifest");
        let (_, versions) = versions.split_once("[workspace.package]").expect("versions");
        let (versions, _) = versions.split_once("[workspace.lints").expect("lints");
        let versions = versions.replace("\ncircle-core-common =", "\n#").replace("\ncircle-core-testkit =", "\n#");
        fixture.append(
            "Cargo.toml",
            &format!(
                "\n[workspace.package]{versions}circle-core-common = {{ path = \"circle-core-common\" }}\n\
                 circle-core-testkit = {{ path = \"circle-core-common/testkit\" }}\n"
            ),
        );
        fixture.expect_clean();
    }

    #[test]
    #[ignore = "builds a crate: `cargo test -p xtask -- --ignored`"]
    fn a_skeleton_elsewhere_passes_the_suites_of_every_interface() {
        let workspace = this_workspace();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.path("target"), PathBuf::from);
        // Alone, an interface shows what a skeleton has only for another one.
        for interfaces in TEMPLATES.map(|template| template.interface.to_owned()).into_iter().chain([all()]) {
            let folder = tempfile::tempdir().expect("a folder");
            let place = Place::Outside { dir: folder.path().join("acme"), circle_core: Some(workspace.root.clone()) };
            let skeleton = skeleton(&workspace, &interfaces, place).expect("a skeleton");
            skeleton.write().expect("written");
            // With the lock file and the target folder of the workspace, most of what it needs is built already.
            fs::copy(workspace.path("Cargo.lock"), skeleton.dir.join("Cargo.lock")).expect("a lock file");
            let manifest = skeleton.files["Cargo.toml"].replace("[lints.rust]\n", "[lints.rust]\nwarnings = \"deny\"\n");
            fs::write(skeleton.dir.join("Cargo.toml"), manifest).expect("a manifest");
            let mut test = process::cargo(&skeleton.dir);
            let output = process::output(test.args(["test", "--target-dir"]).arg(&target)).expect("all tests pass");
            for interface in interfaces.split(',') {
                let interface = format!("{interface}::");
                let passed: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ok")).collect();
                let count = passed.iter().filter(|case| case.starts_with(&interface)).count();
                assert!(count >= 20, "{count} cases of {interface} passed:\n{output}");
                for telling in TELLING.iter().filter(|case| case.starts_with(&interface)) {
                    let is_case = |case: &&str| case.trim_end_matches([' ', '.']) == *telling;
                    assert!(passed.iter().any(is_case), "{telling} did not pass:\n{output}");
                }
            }
        }
    }

    #[test]
    fn every_placeholder_is_filled() {
        let workspace = this_workspace();
        let everywhere = || [Place::Inside, Place::Outside { dir: "elsewhere".into(), circle_core: None }];
        for interfaces in TEMPLATES.map(|template| template.interface.to_owned()).into_iter().chain([all()]) {
            for place in everywhere() {
                let skeleton = skeleton(&workspace, &interfaces, place).expect("a skeleton");
                for (file, text) in &skeleton.files {
                    assert!(!text.contains("{{"), "{file}:\n{text}");
                }
                let manifest: DocumentMut = skeleton.files["Cargo.toml"].parse().expect("a manifest");
                let services = &manifest["package"]["metadata"]["circle"]["services"]["acme-drive"];
                assert_eq!(services.as_array().map(toml_edit::Array::len), Some(interfaces.split(',').count()));
            }
        }
    }

    #[test]
    fn outside_the_crate_stands_alone() {
        let workspace = this_workspace();
        let place =
            |circle_core: Option<&str>| Place::Outside { dir: "elsewhere".into(), circle_core: circle_core.map(Into::into) };
        let manifest = |place| skeleton(&workspace, "ObjectStore", place).expect("a skeleton").files["Cargo.toml"].clone();
        let published = manifest(place(None));
        assert!(published.contains("[workspace]\n") && published.contains("name = \"acme-drive\"\n"), "{published}");
        assert!(published.contains("circle-core-common = { version = \"0.1.0\","), "{published}");
        assert!(!published.contains("workspace = true"), "{published}");
        assert!(manifest(place(Some("checkout"))).contains("path = \"checkout/circle-core-common/testkit\""));
    }

    #[test]
    fn a_checkout_is_recognised() {
        let fixture = Fixture::new();
        assert!(checkout(fixture.root()).is_ok());
        assert!(checkout(&fixture.root().join("xtask")).is_err());
    }

    #[test]
    fn wrong_names_are_refused() {
        let fixture = Fixture::new();
        let workspace = fixture.workspace();
        let refused = |category: &str, provider: &str, interfaces: &str| {
            Skeleton::new(&workspace, category, provider, interfaces, Place::Inside).err().map(|failure| failure.to_string())
        };
        for (category, provider, interfaces, why) in [
            ("clouds", "acme", "ObjectStore", "no category"),
            ("protocols", "acme", "ObjectStore", "no provider"),
            ("cloud", "Acme", "ObjectStore", "no provider's name"),
            ("cloud", "acme--x", "ObjectStore", "no provider's name"),
            ("cloud", "memory", "ObjectStore", "taken"),
            ("cloud", "acme", "Oracle", "no template"),
        ] {
            let text = refused(category, provider, interfaces).expect(why);
            assert!(text.contains(why), "{text}");
        }
    }
}
