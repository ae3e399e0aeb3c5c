//! Opens the archive that the command line names.

use std::path::{Path, PathBuf};

use circle_core::filesystem::Filesystem;
use circle_core::prelude::*;
use circle_core::{Error, Provider, Result};
use circle_core_examples::archive::Archive;

use crate::args::{Place, service};

/// An archive, and the hub that its services come from.
pub(crate) struct Opened {
    pub(crate) archive: Archive,
    hub: Option<Hub>,
}

impl Opened {
    /// Ends what the hub has started.
    pub(crate) async fn close(self) -> Result<()> {
        match self.hub {
            Some(hub) => hub.shutdown(Duration::from_secs(5)).await,
            None => Ok(()),
        }
    }
}

/// Opens an archive; begins one where there is none if `create` says so.
pub(crate) async fn open(place: &Place, create: bool) -> Result<Opened> {
    let hub = match &place.config {
        Some(config) => Some(Hub::from_file(config).await?),
        None => None,
    };
    let (files, index) = match place.archive.to_str().filter(|text| text.starts_with("service:")) {
        Some(text) => {
            let name = service(text).map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
            let hub = hub.as_ref().ok_or_else(needs_config)?;
            (hub.get::<ObjectStore>(name)?, hub.get::<KeyValueStore>(place.index.as_deref().unwrap_or(name))?)
        }
        None => {
            let (files, own) = in_folder(Path::new(&place.archive), create)?;
            let index = match &place.index {
                Some(name) => hub.as_ref().ok_or_else(needs_config)?.get::<KeyValueStore>(name)?,
                None => own,
            };
            (files, index)
        }
    };
    let folder = folder_of(&files);
    let archive = if create { Archive::create(files, index).await? } else { Archive::open(files, index).await? };
    Ok(Opened { archive: archive.in_folder(folder), hub })
}

fn needs_config() -> Error {
    Error::new(ErrorKind::InvalidInput, "a service needs --config, the file that describes it")
}

/// Both stores in one folder: the provider composes without hub and config.
fn in_folder(path: &Path, create: bool) -> Result<(ObjectStore, KeyValueStore)> {
    // Opening would make the folder, which only a run may.
    if !create && !path.is_dir() {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no archive at {}", path.display())));
    }
    let folder = Filesystem::open(path)?;
    Ok((ObjectStore::new(folder.clone()), KeyValueStore::new(folder)))
}

/// The local folder that a store lies in, if it lies in one.
fn folder_of(files: &ObjectStore) -> Option<PathBuf> {
    let filesystem = files.native::<Filesystem>()?;
    std::fs::canonicalize(&filesystem.info().target).ok()
}
