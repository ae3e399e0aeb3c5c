//! Whether a crate says the same of itself as its code does.

use std::path::{Path, PathBuf};

use circle_core_common::resilience::RemoteOperation;
use circle_core_common::suite::{Failed, Outcome, equal};

/// Checks that `[package.metadata.circle]` in the crate's `Cargo.toml` names this service with these interfaces:
/// `services = { memory = ["ObjectStore", "KeyValueStore"] }`.
///
/// # Errors
/// `Wrong`, with what differs.
pub fn assert_metadata(manifest_dir: impl AsRef<Path>, service: &str, interfaces: &[&str]) -> Outcome {
    let path = manifest_dir.as_ref().join("Cargo.toml");
    let wrong = |what: &str| Failed::Wrong(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    let manifest: toml::Table = text.parse().map_err(|error| wrong(&format!("is not TOML: {error}")))?;
    let listed = ["package", "metadata", "circle", "services", service]
        .iter()
        .try_fold(&toml::Value::Table(manifest), |value, key| value.get(key))
        .and_then(toml::Value::as_array)
        .ok_or_else(|| wrong(&format!("[package.metadata.circle] lists no interfaces of the service `{service}`")))?
        .iter()
        .map(|name| name.as_str().unwrap_or_default().to_owned())
        .collect::<Vec<_>>();
    equal(format_args!("the interfaces of `{service}` in {}", path.display()), &sorted(&listed), &sorted(interfaces))
}

/// Checks that an integration tells every remote operation that the sources in a folder describe, tests aside: one that it does
/// not tell could not be named in a config.
///
/// # Errors
/// `Wrong`, with those that are not told, and with those that nobody describes.
pub fn assert_operations(sources: impl AsRef<Path>, told: &[&RemoteOperation]) -> Outcome {
    let folder = sources.as_ref();
    let mut described = Vec::new();
    for file in rust_files(folder).map_err(|error| Failed::Wrong(format!("{}: {error}", folder.display())))? {
        let text = std::fs::read_to_string(&file).map_err(|error| Failed::Wrong(format!("{}: {error}", file.display())))?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        let code = lines.collect::<Vec<_>>().join(" ");
        // Behind the type comes the name, as the first text.
        let names = code.split(": RemoteOperation =").skip(1).filter_map(|rest| rest.split('"').nth(1));
        described.extend(names.map(str::to_owned));
    }
    let told: Vec<&str> = told.iter().map(|operation| operation.name()).collect();
    equal(format_args!("the remote operations of {}", folder.display()), &sorted(&told), &sorted(&described))
}

fn rust_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_of_tests = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_of_tests {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_of_tests {
            files.push(path);
        }
    }
    Ok(files)
}

pub(crate) fn sorted(names: &[impl AsRef<str>]) -> Vec<String> {
    let mut names: Vec<_> = names.iter().map(|name| name.as_ref().to_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use circle_core_common::resilience::Idempotency;

    use super::*;

    #[test]
    fn every_operation_that_is_described_must_be_told() -> std::io::Result<()> {
        static GET: RemoteOperation = RemoteOperation::new("acme.Get", Idempotency::Safe, "/a");
        static PUT: RemoteOperation = RemoteOperation::new("acme.Put", Idempotency::Idempotent, "/a");
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("deep"))?;
        let source = "/// `static NO: RemoteOperation = RemoteOperation::new(\"acme.No\")`\n\
                      static GET: RemoteOperation =\n    RemoteOperation::new(\"acme.Get\", Idempotency::Safe, \"/a\");\n\
                      #[cfg(test)]\nmod tests { static T: RemoteOperation = new(\"acme.Test\"); }\n";
        std::fs::write(folder.path().join("deep/a.rs"), source)?;
        std::fs::write(folder.path().join("tests.rs"), source.replace("Get", "Test"))?;
        assert_eq!(assert_operations(&folder, &[&GET]), Ok(()));
        for told in [&[][..], &[&GET, &PUT], &[&PUT]] {
            assert!(matches!(assert_operations(&folder, told), Err(Failed::Wrong(_))), "{told:?}");
        }
        Ok(())
    }

    #[test]
    fn metadata_must_agree_with_the_code() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = "[package.metadata.circle]\nservices = { a = [\"Queue\", \"ObjectStore\"] }\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest)?;
        assert_eq!(assert_metadata(&folder, "a", &["ObjectStore", "Queue"]), Ok(()));
        for (service, interfaces) in [("a", &["ObjectStore"][..]), ("b", &["ObjectStore"]), ("a", &["ObjectStore", "Lock"])] {
            assert!(matches!(assert_metadata(&folder, service, interfaces), Err(Failed::Wrong(_))), "{service} {interfaces:?}");
        }
        Ok(())
    }
}
