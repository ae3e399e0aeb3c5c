//! The roadmap: what exists beside what is planned, by category.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, TableLike};

use super::{
    block::{self, Comment},
    maturity,
    plan::Plan,
};
use crate::{
    check::documents::markdown::slug,
    outcome::{Problem, Problems},
    workspace::{INTERFACES, Provider, Workspace, camel_case, folders},
};

const PAGE: &str = "docs/roadmap.md";
const PLANNED: &str = "docs/roadmap.toml";

/// The categories of providers in the order of the page.
const TITLES: [(&str, &str); 12] = [
    ("cloud", "Cloud platforms"),
    ("data-storage", "Data storage"),
    ("analytics", "Analytics and BI"),
    ("ai", "AI and ML"),
    ("data-engineering", "Data engineering"),
    ("devops", "DevOps and CI/CD"),
    ("security", "Security and identity"),
    ("industry", "Industry"),
    ("messaging", "Messaging"),
    ("blockchain", "Blockchain and Web3"),
    ("productivity", "Productivity"),
    ("observability", "Monitoring"),
];

pub(super) fn sync(plan: &mut Plan<'_>, problems: &mut Problems) {
    if plan.text(PAGE).is_none() {
        let (begin, end) = (Comment::Html.marker("roadmap", "begin"), Comment::Html.marker("roadmap", "end"));
        plan.set(PAGE, format!("# Roadmap\n\n{begin}\n{end}\n"));
    }
    let intentions = read(&plan.text(PLANNED).unwrap_or_default(), problems);
    let mut rows = existing(plan.workspace, &intentions, problems);
    let here: BTreeSet<_> = rows.iter().map(|row| row.name.clone()).collect();
    rows.extend(intentions.iter().filter(|(name, _)| !here.contains(*name)).map(|(name, intention)| Row {
        name: name.clone(),
        category: intention.category.clone(),
        covers: intention.covers.clone(),
        here: Vec::new(),
        planned: intention.interfaces.clone(),
        exists: None,
    }));
    // What can be used comes first.
    rows.sort_by_key(|row| (row.exists.is_none(), row.name.clone()));
    let text = summary(&rows) + &interfaces(plan.workspace, &rows) + &tables(&rows);
    block::fill(plan, problems, PAGE, Comment::Html, "roadmap", &text);
}

/// What the plan says of one provider.
struct Intention {
    category: String,
    covers: String,
    interfaces: Vec<String>,
}

struct Row {
    name: String,
    category: String,
    covers: String,
    /// Interfaces that it implements, and those that it is to implement.
    here: Vec<String>,
    planned: Vec<String>,
    exists: Option<Existing>,
}

struct Existing {
    maturity: &'static str,
    page: String,
}

fn problem(what: String, remedy: &str) -> Problem {
    Problem::new("roadmap", PLANNED, what, remedy)
}

/// The plan by name of the provider; what cannot be read is a problem and left out.
fn read(text: &str, problems: &mut Problems) -> BTreeMap<String, Intention> {
    let mut intentions: BTreeMap<String, Intention> = BTreeMap::new();
    let document: DocumentMut = match text.parse() {
        Ok(document) => document,
        Err(error) => {
            problems.push(problem(format!("is no TOML: {}", error.message()), "write it as it is read"));
            return intentions;
        }
    };
    for (category, providers) in document.iter() {
        let table = TITLES.iter().any(|(known, _)| *known == category).then(|| providers.as_table_like()).flatten();
        let Some(table) = table else {
            let known: Vec<_> = TITLES.iter().map(|(known, _)| *known).collect();
            let remedy = format!("its tables are the categories {}", known.join(", "));
            problems.push(problem(format!("`{category}` is no category"), &remedy));
            continue;
        };
        for (name, entry) in table.iter() {
            let Some(intention) = entry.as_table_like().and_then(|entry| intention(category, entry)) else {
                let remedy = "an entry is `name = { covers = \"…\", interfaces = [\"ObjectStore\", …] }` and nothing else";
                problems.push(problem(format!("`{category}.{name}` says no provider"), remedy));
                continue;
            };
            if let Some(earlier) = intentions.insert(name.to_owned(), intention) {
                let what = format!("`{name}` stands in {} and in {category}", earlier.category);
                problems.push(problem(what, "a provider has one category"));
            }
        }
    }
    intentions
}

fn intention(category: &str, entry: &dyn TableLike) -> Option<Intention> {
    let covers = entry.get("covers").and_then(Item::as_str).filter(|covers| !covers.is_empty() && !covers.contains('|'))?;
    let listed = entry.get("interfaces").and_then(Item::as_array)?;
    let interface = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains(['-', '_', ' ']);
    let names = listed.iter().map(|name| name.as_str().filter(|name| interface(name)).map(str::to_owned));
    let interfaces = names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())?;
    (entry.len() == 2).then(|| Intention { category: category.to_owned(), covers: covers.to_owned(), interfaces })
}

fn existing(workspace: &Workspace, intentions: &BTreeMap<String, Intention>, problems: &mut Problems) -> Vec<Row> {
    let coverage = maturity::coverage(workspace).unwrap_or_default();
    let mut row = |provider: &Provider<'_>| {
        let intention = intentions.get(provider.name);
        let category = provider.circle.category.clone();
        if let Some(planned) = intention.filter(|intention| intention.category != category) {
            let what = format!("plans `{}` in {}, and it is in {category}", provider.name, planned.category);
            problems.push(problem(what, "move the entry to the category of the crate"));
        }
        let here: Vec<_> = provider.interfaces().into_iter().map(str::to_owned).collect();
        let planned =
            intention.map(|intention| intention.interfaces.iter().filter(|name| !here.contains(name)).cloned().collect());
        let described = || provider.package.manifest.get("package")?.get("description")?.as_str();
        Row {
            name: provider.name.to_owned(),
            category,
            covers: intention.map_or_else(|| described().unwrap_or_default().to_owned(), |intention| intention.covers.clone()),
            here,
            planned: planned.unwrap_or_default(),
            exists: Some(Existing {
                // Not what the metadata says: this very sync may be about to rewrite it.
                maturity: maturity::maturity(workspace, provider, &coverage).unwrap_or("none"),
                page: provider.package.file("README.md"),
            }),
        }
    };
    workspace.providers().iter().map(&mut row).collect()
}

fn summary(rows: &[Row]) -> String {
    let mut text = String::from("| Category | Providers here | Planned |\n|---|---:|---:|\n");
    let count = |category: Option<&str>, exists: bool| {
        rows.iter().filter(|row| category.is_none_or(|one| row.category == one) && row.exists.is_some() == exists).count()
    };
    for (category, title) in TITLES {
        let (here, planned) = (count(Some(category), true), count(Some(category), false));
        text += &format!("| [{title}](#{}) | {here} | {planned} |\n", slug(title));
    }
    text + &format!("| all | {} | {} |\n", count(None, true), count(None, false))
}

fn interfaces(workspace: &Workspace, rows: &[Row]) -> String {
    let here: BTreeSet<_> = folders(&workspace.path(INTERFACES)).iter().map(|folder| camel_case(folder)).collect();
    let planned: BTreeSet<_> = rows.iter().flat_map(|row| &row.planned).filter(|name| !here.contains(*name)).cloned().collect();
    let list = |names: &BTreeSet<String>| match names.len() {
        0 => "–".to_owned(),
        _ => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    format!("\n## Interfaces\n\n| | |\n|---|---|\n| here | {} |\n| planned | {} |\n", list(&here), list(&planned))
}

fn tables(rows: &[Row]) -> String {
    let list = |names: &[String]| if names.is_empty() { "–".to_owned() } else { names.join(", ") };
    let mut text = String::new();
    for (category, title) in TITLES {
        text += &format!("\n## {title}\n\n| Provider | Covers | Interfaces here | Planned | Status |\n|---|---|---|---|---|\n");
        for row in rows.iter().filter(|row| row.category == category) {
            let (name, status) = match &row.exists {
                Some(Existing { maturity, page }) => (format!("[{}](../{page})", row.name), *maturity),
                None => (row.name.clone(), "planned"),
            };
            text += &format!("| {name} | {} | {} | {} | {status} |\n", row.covers, list(&row.here), list(&row.planned));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::Fixture,
        workspace::{CATEGORIES, PROTOCOLS},
    };

    /// The page, and the problems.
    fn synced(planned: &str) -> (String, Vec<String>) {
        let fixture = Fixture::new();
        fixture.write(PLANNED, planned);
        let workspace = fixture.workspace();
        let (mut plan, mut problems) = (Plan::new(&workspace), Problems::default());
        sync(&mut plan, &mut problems);
        let page = plan.text(PAGE).expect("a page");
        (page, problems.into_vec().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn every_category_of_providers_has_a_title() {
        let titled: BTreeSet<_> = TITLES.iter().map(|(category, _)| *category).collect();
        assert_eq!(titled, CATEGORIES.into_iter().filter(|category| *category != PROTOCOLS).collect());
    }

    #[test]
    fn what_exists_stands_beside_what_is_planned() {
        let (page, problems) = synced(
            "[data-storage]\n\
             memory = { covers = \"in this process\", interfaces = [\"ObjectStore\", \"Queue\"] }\n\
             acme = { covers = \"Acme\", interfaces = [\"ObjectStore\"] }\n\
             [ai]\nacme-ai = { covers = \"Acme AI\", interfaces = [\"ChatModel\"] }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let memory =
            "| [memory](../integrations/data-storage/memory/README.md) | in this process | ObjectStore | Queue | beta |\n";
        let acme = "| acme | Acme | – | ObjectStore | planned |\n";
        let (at_memory, at_acme) = (page.find(memory).expect(&page), page.find(acme).expect(&page));
        assert!(at_memory < at_acme, "{page}");
        // In no plan, and there all the same.
        assert!(page.contains("| [filesystem](../integrations/data-storage/filesystem/README.md) |"), "{page}");
        assert!(page.contains("| [Data storage](#data-storage) | 2 | 1 |\n"), "{page}");
        assert!(page.contains("| [AI and ML](#ai-and-ml) | 0 | 1 |\n| "), "{page}");
        assert!(page.contains("| all | 2 | 2 |\n"), "{page}");
        assert!(page.contains("| here | ObjectStore |\n| planned | ChatModel, Queue |\n"), "{page}");
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_a_problem() {
        for (planned, what) in [
            ("[data-storage\n", "is no TOML"),
            ("[toys]\na = { covers = \"A\", interfaces = [\"Queue\"] }\n", "`toys` is no category"),
            ("[protocols]\ns3 = { covers = \"S3\", interfaces = [\"ObjectStore\"] }\n", "`protocols` is no category"),
            ("[ai]\na = { covers = \"A\", interfaces = [] }\n", "`ai.a` says no provider"),
            ("[ai]\na = { covers = \"A\", interfaces = [\"chat_model\"] }\n", "`ai.a` says no provider"),
            ("[ai]\na = { covers = \"A | B\", interfaces = [\"ChatModel\"] }\n", "`ai.a` says no provider"),
            ("[ai]\na = { covers = \"A\", interfaces = [\"ChatModel\"], due = \"soon\" }\n", "`ai.a` says no provider"),
            (
                "[ai]\na = { covers = \"A\", interfaces = [\"ChatModel\"] }\n[cloud]\na = { covers = \"A\", interfaces = [\"Queue\"] }\n",
                "`a` stands in ai and in cloud",
            ),
            ("[ai]\nmemory = { covers = \"M\", interfaces = [\"Queue\"] }\n", "plans `memory` in ai, and it is in data-storage"),
        ] {
            let problems = synced(planned).1;
            assert!(matches!(&problems[..], [one] if one.starts_with(what)), "{planned}: {problems:?}");
        }
    }
}
