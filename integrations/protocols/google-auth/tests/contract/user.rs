//! A user who has signed in with gcloud.

use circle_core_common::ErrorKind;
use circle_core_common::credentials::CredentialRequest;
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_protocol_oidc::BearerTokens;
use circle_core_testkit::Reply;
use serde_json::{Value, json};

use crate::{FILE, Machine, TOKEN, address, body};

pub(crate) fn user() -> Value {
    json!({
        "type": "authorized_user",
        "client_id": "app.apps.googleusercontent.com",
        "client_secret": "hunter2-client",
        "refresh_token": "1//hunter2-refresh",
        "quota_project_id": "shop",
        "account": "",
    })
}

#[tokio::test]
async fn a_refresh_token_is_redeemed_for_what_the_user_consented_to() {
    let machine = Machine::with(&user());
    machine.canned.at("/token").always(Reply::json(TOKEN));
    assert_eq!(machine.token().await.unwrap(), "t1");
    let request = machine.canned.received().remove(0);
    assert_eq!(address(&request), "oauth2.googleapis.com/token");
    let sent = "grant_type=refresh_token&refresh_token=1%2F%2Fhunter2-refresh&client_id=app.apps.googleusercontent.com&\
                client_secret=hunter2-client";
    assert_eq!(body(&request), sent);

    let tokens = machine.tokens(&GoogleCredentialsConfig::file(FILE));
    tokens.requesting(CredentialRequest::new().scopes(["openid"])).get(&machine.cx()).await.unwrap();
    let named = "grant_type=refresh_token&refresh_token=1%2F%2Fhunter2-refresh&scope=openid&client_id=app.apps.googleusercontent.com&\
                 client_secret=hunter2-client";
    assert_eq!(body(&machine.canned.received()[1]), named);
    for asked in [CredentialRequest::new().audience("a"), CredentialRequest::new().subject("ann")] {
        assert!(tokens.requesting(asked).get(&machine.cx()).await.unwrap_err().is(ErrorKind::Unsupported));
    }
}

#[tokio::test]
async fn who_pays_goes_along() {
    for (variable, payer) in [(None, "shop"), (Some(" billing "), "billing")] {
        let machine = Machine::with(&user());
        if let Some(project) = variable {
            machine.os.set("GOOGLE_CLOUD_QUOTA_PROJECT", project);
        }
        machine.canned.at("/token").always(Reply::json(TOKEN));
        machine.canned.at("/b").always(Reply::json("{}"));
        let cx = machine.build();
        let auth = circle_core_common::http::Auth::custom(BearerTokens::of(machine.tokens(&GoogleCredentialsConfig::file(FILE))));
        let client = cx.http(cx.origin("https://storage.googleapis.com").unwrap()).auth(auth).build();
        static LIST: circle_core_common::resilience::RemoteOperation = circle_core_common::resilience::RemoteOperation::new(
            "test.List",
            circle_core_common::resilience::Idempotency::Safe,
            "/b",
        );
        let request = circle_core_common::http::Request::get(client.target("/b"));
        client.send(&machine.cx(), &LIST, request).await.unwrap();
        let sent = machine.canned.received().pop().unwrap();
        assert_eq!((sent.header("authorization"), sent.header("x-goog-user-project")), (Some("Bearer t1"), Some(payer)));
    }
    let machine = Machine::with(&user());
    machine.os.set("GOOGLE_CLOUD_QUOTA_PROJECT", "a\nb");
    machine.canned.at("/token").always(Reply::json(TOKEN));
    assert!(machine.token().await.unwrap_err().is(ErrorKind::ConfigInvalid));
}
