//! Whether a crate says the same of itself as its code does.

use std::path::Path;

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

pub(crate) fn sorted(names: &[impl AsRef<str>]) -> Vec<String> {
    let mut names: Vec<_> = names.iter().map(|name| name.as_ref().to_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

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
