//! Keys on a disk: any text is a key, and none leaves the root.

use std::{collections::BTreeSet, fs};

use circle_core_common::{Environment, interfaces::object_store::ObjectStore};
use circle_core_filesystem::{Filesystem, FilesystemConfig};

use super::Target;

pub(super) const KEYS: Target = Target {
    name: "filesystem-keys",
    promise: "objects of any keys, one per line, are kept apart, listed and read back, also by another process; nothing leaves the root",
    dictionary: &[
        b"/",
        b"//",
        b".",
        b"..",
        b"../",
        b"%",
        b"%=",
        b"%~",
        b"%_",
        b"%25",
        b"%00",
        b".circle",
        b".circle/",
        b"\0",
        b"\\",
        b"a",
        b"A",
        b"a/b",
        b"\n",
        "e\u{301}".as_bytes(),
        "\u{e9}".as_bytes(),
        &[b'x'; 255],
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        // Few and shallow enough for a second on a slow disk: every level costs system calls for each one below it.
        let is_key = |key: &&str| (1..=1024).contains(&key.len()) && key.matches('/').count() <= 16;
        let keys: BTreeSet<_> = text.split('\n').filter(is_key).take(6).collect();
        let told = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| error.to_string())
            .and_then(|runtime| runtime.block_on(round(&keys)).map_err(|error| error.to_string()));
        assert_eq!(told, Ok(()), "of {keys:?}");
    },
};

async fn round(keys: &BTreeSet<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let outer = tempfile::tempdir()?;
    let open = || {
        let config = FilesystemConfig::new(outer.path().join("root")).sync(false);
        Filesystem::new(config, &Environment::default()).map(ObjectStore::new)
    };
    let files = open()?;
    for key in keys {
        files.put(*key, format!("content of {key}")).await?;
    }
    for store in [files, open()?] {
        for key in keys {
            assert_eq!(store.get(*key).await?.text().await?, format!("content of {key}"));
        }
        let listed = store.list("").all().await?;
        assert_eq!(listed.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), keys.iter().copied().collect::<Vec<_>>());
    }
    let files = open()?;
    for (index, key) in keys.iter().enumerate() {
        files.delete(*key).await?;
        assert_eq!(files.list("").all().await?.len(), keys.len() - index - 1, "after deleting {key:?}");
    }
    let beside = fs::read_dir(outer.path())?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(beside, ["root"], "something left the root");
    Ok(())
}
