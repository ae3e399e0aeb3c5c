//! Config structs that the config tree can read: no serde form that hides the valid keys or the field's type from it.

use crate::{
    outcome::{Problem, Result},
    source,
    workspace::{Place, Workspace},
};

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for file in super::files::tracked(workspace)? {
        let in_provider = workspace.packages.iter().any(|package| {
            matches!(package.place, Place::Provider { .. } | Place::Protocol)
                && file
                    .strip_prefix(&package.file("src/config"))
                    .is_some_and(|rest| rest == ".rs" || (rest.starts_with('/') && rest.ends_with(".rs")))
        });
        if in_provider && let Some(text) = workspace.text(&file) {
            problems.extend(lint(&file, &text));
        }
    }
    Ok(problems)
}

fn lint(file: &str, text: &str) -> Vec<Problem> {
    let code = source::code(text);
    let mut problems = Vec::new();
    for (at, attribute) in source::attributes(&code) {
        if source::words(attribute, "serde").next().is_none() {
            continue;
        }
        let has = |word| source::words(attribute, word).next().is_some();
        let what = if has("flatten") {
            "`serde(flatten)` loses the list of valid keys"
        } else if has("untagged") {
            "`serde(untagged)` loses the reason why a value does not fit"
        } else if has("tag") && !has("content") {
            "an internally tagged enum cannot read values from the environment"
        } else if has("alias") {
            "`serde(alias)` is a key that the schema does not know"
        } else {
            continue;
        };
        problems.push(Problem::new(
            "config-struct",
            format_args!("{file}:{}", source::line(&code, at)),
            what,
            "use plain fields, an externally tagged enum or a hand-written `Deserialize`",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::lint;
    use crate::fixture::Fixture;

    #[test]
    fn every_form_is_reported_with_its_line() {
        for attribute in [
            "#[serde(flatten)]",
            "#[serde(default, untagged)]",
            "#[serde(tag = \"kind\")]",
            "#[serde(alias = \"other\")]",
            "#[cfg_attr(unix, serde(\n    flatten\n))]",
        ] {
            let text = format!("//! Config.\n{attribute}\nstruct S;\n");
            let problems = lint("config.rs", &text);
            assert_eq!(problems.len(), 1, "{attribute}");
            assert_eq!(problems[0].at, "config.rs:2");
        }
    }

    #[test]
    fn other_forms_are_accepted() {
        let text = "// #[serde(flatten)]\n#[serde(tag = \"a\", content = \"b\")]\n#[serde(rename = \"untagged\")]\n\
                    #[schemars(flatten)]\n#[doc = \"#[serde(untagged)]\"]\nstruct S;";
        assert_eq!(lint("config.rs", text), []);
    }

    #[test]
    fn the_config_of_a_provider_is_looked_at() {
        let fixture = Fixture::new();
        let config = "integrations/data-storage/memory/src/config.rs";
        fixture.append(config, "#[serde(flatten)]\n");
        fixture.expect("config-struct", &format!("{config}:1"));
    }
}
