//! Every key has a file of its own, and lists are in the order of keys.

use super::*;

/// Keys that are hard to keep on a disk.
fn nasty() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a//b",
        "a/",
        "/",
        "/x",
        "//",
        "..",
        "../x",
        ".",
        "./x",
        "x/../y",
        "%2F",
        "%=x",
        "%~x/y",
        "%_x",
        "%",
        "a\nb",
        "a\\b",
        "CON",
        " ",
        "ünïcode/€",
        "Case",
        "case",
        "CASE",
        ".circle",
        ".circle/format",
        ".circle/tmp/x",
        "x/.circle",
        "a\0b",
        "\u{1}",
        "-",
        "a-",
        "a0",
        "a",
        "a/b",
        "a/b/c",
        "a/b/c/d",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend(["x".repeat(255), "x".repeat(256), "x".repeat(1024), "é".repeat(512), "y/".repeat(512), "/".repeat(1024)]);
    keys
}

#[tokio::test]
async fn every_key_comes_back() {
    // What a key reaches outside of the store is in a folder that nobody else writes to.
    let around = tempfile::tempdir().unwrap();
    let directory = tempfile::tempdir_in(&around).unwrap();
    let files = open(directory.path());
    for key in nasty() {
        files.create(&key, key.as_str()).await.unwrap();
    }
    for key in nasty() {
        assert_eq!(text(&files, &key).await, key);
    }
    let mut expected = nasty();
    expected.sort();
    assert_eq!(keys(&files, "").await, expected);
    assert_eq!(keys(&open(directory.path()), "").await, expected);
    assert_eq!(fs::read_dir(&around).unwrap().count(), 1);
    for key in nasty() {
        assert_eq!(files.delete(&key).await.unwrap(), Deleted::Removed, "{key:?}");
    }
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".circle"]);
    assert_eq!((own(&directory, "meta").len(), own(&directory, "tmp").len()), (0, 0));
}

#[tokio::test]
async fn lists_are_those_of_a_simple_model() {
    let (_directory, files) = store();
    let model: BTreeSet<String> = nasty().into_iter().filter(|key| key.len() < 200).collect();
    for key in &model {
        files.put(key, "").await.unwrap();
    }
    for prefix in ["", "a", "a/", "a/b", "a/b/", ".", "..", "%", "/", "x", "nothing", ".circle/", "C", "a//"] {
        for after in ["", "a", "a/b", "a/c", "x/../", "~"] {
            for delimiter in ["", "/", "b", "//"] {
                let mut expected: Vec<String> = Vec::new();
                for key in model.iter().filter(|key| key.starts_with(prefix) && key.as_str() > after) {
                    let fold = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
                    let name = fold.map_or(key.as_str(), |at| &key[..prefix.len() + at + delimiter.len()]);
                    if expected.last().is_none_or(|last| last != name) {
                        expected.push(name.to_owned());
                    }
                }
                let mut options = ListOptions::new();
                if !after.is_empty() {
                    options = options.start_after(after);
                }
                if !delimiter.is_empty() {
                    options = options.delimiter(delimiter);
                }
                for size in [2, 1000] {
                    let entries = files.entries_with(prefix, options.clone()).page_size(size).all().await.unwrap();
                    let names: Vec<&str> = entries.iter().map(Entry::name).collect();
                    assert_eq!(names, expected, "{prefix:?} behind {after:?} by {delimiter:?}, {size} a page");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_ordinary_key_is_a_file_at_its_path() {
    let (directory, files) = store();
    files.put("reports/2026/q3.md", "# Q3").await.unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("reports/2026/q3.md")).unwrap(), "# Q3");
    files.delete("reports/2026/q3.md").await.unwrap();
    assert!(!directory.path().join("reports").exists());
}

#[tokio::test]
async fn a_key_and_keys_below_it_live_together() {
    for [first, second] in [["a", "a/b"], ["a/b", "a"], ["é//", "é/"], ["é/", "é//"]] {
        let (directory, files) = store();
        files.put_with(first, "1", PutOptions::new().metadata("n", "1")).await.unwrap();
        let before = files.head(first).await.unwrap();
        files.put(second, "2").await.unwrap();
        let after = files.head(first).await.unwrap();
        assert_eq!((before.version, before.metadata), (after.version, after.metadata), "what exists does not move");
        assert_eq!((text(&files, first).await, text(&files, second).await), ("1".into(), "2".into()));
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(keys(&files, "").await, both);
        // The way back: what is left is still found and replaced where it is.
        files.delete(first).await.unwrap();
        files.put(second, "3").await.unwrap();
        files.put(first, "4").await.unwrap();
        assert_eq!((text(&files, first).await, text(&files, second).await), ("4".into(), "3".into()));
        assert_eq!(keys(&files, "").await, both);
        files.delete(second).await.unwrap();
        files.delete(first).await.unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
