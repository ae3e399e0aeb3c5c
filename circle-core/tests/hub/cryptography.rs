//! The cryptography of tokens where every provider is in the build: `jsonwebtoken` panics at its first use when features of another
//! crate turn on its second backend and nobody has chosen one for the process.

use circle_core::token_verifier::{Expect, TokenRefusal, TokenVerifier};
use circle_core::{ErrorKind, Hub};
use circle_core_testkit::{FaultServer, Reply};

/// RFC 7515, appendix A.3: a token of the issuer `joe` that is signed by ES256.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

#[tokio::test]
async fn with_every_feature_on_tokens_are_verified_and_nothing_panics() {
    let server = FaultServer::start().await.unwrap();
    let issuer = server.origin();
    let description = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{issuer}/jwks"}}"#);
    server.at("/.well-known/openid-configuration").always(Reply::json(description));
    server.at("/jwks").always(Reply::json(KEYS));
    let config = format!(
        "version = 1\n[services.login]\nprovider = \"oidc\"\nissuer = \"{issuer}\"\nclient_id = \"app\"\nallow_loopback = true\n"
    );
    let hub = Hub::builder().toml(&config, "circle.toml").build().await.unwrap();
    let verifier = hub.get::<TokenVerifier>("login").unwrap();
    // The signature is right, and what is wrong comes behind it; with a letter changed, it is the signature.
    let changed = TOKEN.replace("DtEhU3", "DtEhU4");
    for (token, why) in [(TOKEN, TokenRefusal::Issuer), (&*changed, TokenRefusal::Signature)] {
        let error = verifier.verify(&token.into(), Expect::audience("orders")).await.unwrap_err();
        assert!(error.is(ErrorKind::Unauthenticated), "{error}");
        assert_eq!(error.provider_error::<TokenRefusal>(), Some(&why), "{error}");
    }
}
