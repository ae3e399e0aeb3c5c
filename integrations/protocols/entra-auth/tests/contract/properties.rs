//! What holds for whatever stands in variables, files and answers.

use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_entra_auth::{ApplicationConfig, ApplicationProof, EntraCredentialsConfig, ManagedIdentity};
use circle_core_testkit::Reply;
use proptest::prelude::*;

use crate::application::{application, by_secret};
use crate::keys::Keys;
use crate::{CANARY, CLIENT, Machine, TOKEN};

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn any_text_for_a_certificate_is_refused_without_repeating_it(text in "\\PC{0,60}|(-----(BEGIN|END) (CERTIFICATE|PRIVATE KEY)-----|[A-Za-z0-9+/=\n]{0,20}){0,6}") {
        let machine = Machine::new();
        let text = format!("{CANARY}\n{text}");
        let config = EntraCredentialsConfig::Application(application(ApplicationProof::Certificate(SecretRef::literal(text))));
        let error = wait(machine.token(&config)).unwrap_err();
        prop_assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{:?}", error);
        prop_assert!(!format!("{error:?}").contains(CANARY), "{:?}", error);
    }

    /// A byte that is another makes another certificate or key, which do not belong together, or none.
    #[test]
    fn a_certificate_with_a_changed_letter_is_named_by_its_own_thumbprint_or_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9+/]") {
        let keys = Keys::get();
        let at = at.index(keys.certificate.len());
        let mut changed = keys.certificate.clone();
        changed.replace_range(at..=at, &letter);
        let machine = Machine::new();
        machine.canned.always(Reply::json(TOKEN));
        let pem = SecretRef::literal(format!("{changed}{}", keys.key));
        let config = EntraCredentialsConfig::Application(application(ApplicationProof::Certificate(pem)));
        if let Err(error) = wait(machine.token(&config)) {
            prop_assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{:?}", error);
            prop_assert!(!format!("{error:?}").contains(&keys.key[40..60]), "{:?}", error);
        }
    }

    /// Whatever the tenant is called, the request is for the token endpoint of a tenant.
    #[test]
    fn a_tenant_never_leads_elsewhere(tenant in "[A-Za-z0-9./%?#@:\\\\ -]{0,20}|\\PC{0,10}") {
        let machine = Machine::new();
        machine.canned.always(Reply::json(TOKEN));
        let proof = ApplicationProof::Secret(SecretRef::literal("s"));
        let config = EntraCredentialsConfig::Application(ApplicationConfig::new(tenant, CLIENT, proof));
        let found = wait(machine.token(&config));
        for request in machine.canned.received() {
            let parts: Vec<_> = request.target.split('/').collect();
            prop_assert_eq!(request.header("host"), Some("login.microsoftonline.com"));
            prop_assert!(parts.len() == 5 && parts[2..] == ["oauth2", "v2.0", "token"] && !parts[1].starts_with(".."), "{:?}", parts);
        }
        prop_assert_eq!(found.is_ok(), machine.canned.hits() == 1);
    }

    #[test]
    fn any_answer_is_a_token_or_an_error_that_does_not_repeat_it(
        text in "\\PC{0,60}|[{}\\[\\]\":,a-z0-9 ]{0,60}",
        status in prop::sample::select(vec![200_u16, 201, 400, 401, 404, 500]),
        managed in any::<bool>(),
    ) {
        let machine = Machine::jumping();
        let config = if managed { EntraCredentialsConfig::ManagedIdentity(ManagedIdentity::SystemAssigned) } else { by_secret() };
        machine.canned.always(Reply::ok(format!("{text}{CANARY}")).with_status(status));
        let error = wait(machine.token(&config)).unwrap_err();
        prop_assert!(!format!("{error} {error:?}").contains(CANARY), "{:?}", error);
    }

    /// A challenge of Azure Arc names a file of its agent's keys, or nothing is sent.
    #[test]
    fn a_challenge_never_leads_to_another_file(path in "(/var/opt/azcmagent/tokens/)?[a-z./_-]{0,12}(\\.key)?") {
        let machine = Machine::with(&[("IDENTITY_ENDPOINT", "http://localhost:40342/t"), ("IMDS_ENDPOINT", "x"), ("PROGRAMDATA", "C:\\P")]);
        machine.os.write(&*path, CANARY);
        machine.canned.script([Reply::status(401).header("www-authenticate", format!("Basic realm={path}")), Reply::json(TOKEN)]);
        let _ = wait(machine.token(&EntraCredentialsConfig::ManagedIdentity(ManagedIdentity::SystemAssigned)));
        if machine.canned.hits() > 1 {
            let name = path.strip_prefix("/var/opt/azcmagent/tokens/").and_then(|name| name.strip_suffix(".key"));
            prop_assert!(name.is_some_and(|name| !name.contains(['/', '.'])), "{}", path);
        }
    }
}
