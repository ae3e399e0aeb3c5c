//! The suites over a directory, over sealed files, each with a second store on the same root as the second client, and over
//! environment variables.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use circle_core_common::interfaces::secret_store::conformance::PutsSecrets;
use circle_core_common::interfaces::secret_store::{SecretFields, SecretStore};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{Environment, SecretRef};
use circle_core_filesystem::{
    EnvironmentConfig, EnvironmentSecrets, Filesystem, FilesystemConfig, SealedFiles, SealedFilesConfig,
};
use circle_core_testkit::{Conformance, Runner, Subject, Suited, assert_metadata};

fn main() {
    // No case cuts the power; `tests/crash.rs` does. So nothing waits for the device here.
    let files = Conformance::<Filesystem>::of(env!("CARGO_MANIFEST_DIR"), |fixture| {
        Ok(FilesystemConfig::new(fixture.folder()?).sync(false))
    });
    let sealed = Conformance::<SealedFiles>::of(env!("CARGO_MANIFEST_DIR"), |fixture| {
        Ok(SealedFilesConfig::new(fixture.folder()?, SecretRef::literal("5e".repeat(32))).sync(false))
    });
    let runner = files.native::<Filesystem>().second_client().add_to(Runner::new());
    let runner = sealed.native::<SealedFiles>().second_client().add_to(runner);
    environment(runner).main();
}

/// Variables that the suite sets: a process that sets its own races with what reads them.
#[derive(Clone, Default)]
struct Given(Arc<Mutex<BTreeMap<String, String>>>);

impl PutsSecrets for Given {
    fn put(&self, name: &str, fields: &SecretFields) {
        let text = fields.to_text().expose_secret().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("SECRET_{name}"), text);
    }
}

fn environment(runner: Runner) -> Runner {
    let made = || async {
        let given = Given::default();
        let config = EnvironmentConfig::new("SECRET_");
        let secrets = EnvironmentSecrets::with_variables(config, &Environment::default(), Arc::clone(&given.0));
        let mut subject = Subject::<SecretStore>::over(Arc::new(secrets));
        subject.second = Some(subject.handle.clone());
        subject.native = Some(|handle| handle.native::<EnvironmentSecrets>().is_some());
        subject.secrets = Some(Arc::new(given));
        Ok(subject)
    };
    runner
        .test("environment_metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), "environment", &["SecretStore"])
        })
        .suite("Environment", SecretStore::SUITE, made)
        .negatives("Environment", SecretStore::NEGATIVES, move |_| made())
}
