//! What is asked of a client of a real provider.

use std::pin::Pin;
use std::time::Duration;

use circle_core_common::interfaces::identity_provider::{
    DeviceRequest, IdentityProvider, LoginRequest, LoginState, Session, TokenSet,
};
use circle_core_common::interfaces::token_verifier::{Expect, TokenHint, TokenRefusal, TokenVerifier};
use circle_core_common::suite::{Failed, Outcome, equal};
use circle_core_common::{BuildContext, CallContext, CallOptions, Environment, Error, SecretRef};
use circle_core_oidc::{Algorithm, ClientAuthMethod, OAuthError, OAuthErrorCode, Oidc, OidcConfig};
use circle_core_protocol_oidc::{AuthorizationServer, ClientCredentials, Endpoints, ExpectIdToken, JwtVerifier, Nonce};
use secrecy::{ExposeSecret, SecretString};

use crate::browser::Browser;
use crate::clock::Ahead;

pub(crate) const BACK: &str = "http://127.0.0.1:9/callback";

type Run = fn(String) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const CASES: &[(&str, Run)] = &[$((stringify!($name), |issuer| Box::pin($name(issuer)))),+];
    };
}

cases!(
    code_with_pkce_logs_in,
    algorithm_of_the_client_is_verified,
    code_is_redeemed_once,
    refresh_token_is_replaced,
    session_ends,
    loopback_logs_in,
    user_who_says_no_is_no_session,
    device_logs_in,
    device_whose_user_says_no_is_not_logged_in,
    client_has_a_token_of_its_own,
    wrong_secret_is_refused,
    keys_rotate,
    token_of_another_issuer_is_refused,
    token_of_another_audience_is_refused,
    token_of_another_nonce_is_refused,
    token_of_another_algorithm_is_refused,
    expired_token_is_refused,
    server_is_healthy,
);

pub(crate) fn config(issuer: &str) -> OidcConfig {
    OidcConfig::new(issuer, "app")
        .client_secret(SecretRef::literal("app-secret"))
        .redirect_uri(BACK)
        .post_logout_redirect_uri("http://127.0.0.1:9/bye")
        .scopes(["openid", "email", "offline_access"])
}

pub(crate) fn build(clock: &Ahead) -> BuildContext {
    let environment = Environment::builder().clock(clock.clock()).build();
    BuildContext::new(environment, "login").allow_loopback(true)
}

fn oidc(config: OidcConfig) -> Result<Oidc, Error> {
    Oidc::new(config, build(&Ahead::default()))
}

pub(crate) fn cx() -> CallContext {
    CallContext::new(&Environment::default(), &circle_core_common::credentials::LOAD, None)
}

fn users(oidc: &Oidc) -> IdentityProvider {
    IdentityProvider::new(oidc.clone())
}

fn verifier(oidc: &Oidc) -> TokenVerifier {
    TokenVerifier::new(oidc.clone())
}

async fn logged_in(oidc: &Oidc) -> Result<Session, Error> {
    let login = users(oidc).start_login(LoginRequest::default()).await?;
    let answer = Browser::new().log_in(&login.url, BACK).await?;
    users(oidc).finish_login(login.state, query(&answer)).await
}

pub(crate) fn query(url: &str) -> &str {
    url.split_once('?').map_or("", |(_, query)| query)
}

fn that(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(Failed::Wrong(what.to_owned())) }
}

fn refused<T>(result: Result<T, Error>, why: TokenRefusal) -> Outcome {
    let refusal = result.err().map(|error| error.provider_error::<TokenRefusal>().copied());
    equal("the refusal", &refusal, &Some(Some(why)))
}

fn code_of<T>(result: &Result<T, Error>) -> Option<OAuthErrorCode> {
    result.as_ref().err().and_then(|error| error.provider_error::<OAuthError>()).map(|error| error.code.clone())
}

async fn code_with_pkce_logs_in(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let session = logged_in(&oidc).await?;
    equal("the user", &session.subject(), &"ann")?;
    equal("the issuer", &session.claims().issuer(), &&*issuer)?;
    let info = users(&oidc).user_info(&session).await?;
    equal("the address", &info.get("email").and_then(|email| email.as_str()), &Some("ann@example.org"))?;
    let told = verifier(&oidc).introspect(session.tokens().access_token.secret(), Some(TokenHint::AccessToken)).await?;
    that(told.active && told.allows("openid"), "the access token is good")
}

async fn algorithm_of_the_client_is_verified(issuer: String) -> Outcome {
    let config = || {
        let config = OidcConfig::new(&issuer, "es256").client_secret(SecretRef::literal("es256-secret")).redirect_uri(BACK);
        config.client_auth(ClientAuthMethod::Post)
    };
    equal("the user", &logged_in(&oidc(config().algorithms([Algorithm::ES256]))?).await?.subject(), &"ann")?;
    refused(logged_in(&oidc(config().algorithms([Algorithm::RS256, Algorithm::PS256]))?).await, TokenRefusal::Algorithm)
}

async fn code_is_redeemed_once(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let login = users(&oidc).start_login(LoginRequest::default()).await?;
    let kept = login.state.to_secret();
    let answer = Browser::new().log_in(&login.url, BACK).await?;
    users(&oidc).finish_login(login.state, query(&answer)).await?;
    let again = users(&oidc).finish_login(LoginState::from_secret(&kept)?, query(&answer)).await;
    equal("the refusal", &code_of(&again), &Some(OAuthErrorCode::InvalidGrant))
}

async fn refresh_token_is_replaced(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let first = logged_in(&oidc).await?;
    let second = users(&oidc).refresh(&first).await?;
    equal("the user", &second.subject(), &"ann")?;
    let token = |session: &Session| session.tokens().refresh_token.as_ref().map(|token| token.expose_secret().to_owned());
    that(token(&first).is_some() && token(&second).is_some() && token(&first) != token(&second), "the refresh token is another")?;
    users(&oidc).refresh(&second).await?;
    // Who uses an old one may be a thief.
    equal("the refusal", &code_of(&users(&oidc).refresh(&first).await), &Some(OAuthErrorCode::InvalidGrant))
}

async fn session_ends(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let login = users(&oidc).start_login(LoginRequest::default()).await?;
    let mut browser = Browser::new();
    let answer = browser.log_in(&login.url, BACK).await?;
    let session = users(&oidc).finish_login(login.state, query(&answer)).await?;
    let (status, _) = browser.look(users(&oidc).logout_url(&session).await?.expose_secret()).await?;
    equal("the status of the logout page", &status.as_u16(), &200)?;
    let token = session.tokens().access_token.secret().clone();
    let refresh = session.tokens().refresh_token.clone().ok_or_else(|| Failed::Wrong("no refresh token".to_owned()))?;
    users(&oidc).revoke(session).await?;
    that(!verifier(&oidc).introspect(&refresh, Some(TokenHint::RefreshToken)).await?.active, "the refresh token is revoked")?;
    that(!verifier(&oidc).introspect(&token, Some(TokenHint::AccessToken)).await?.active, "and the access token with it")
}

async fn loopback_logs_in(issuer: String) -> Outcome {
    let oidc = oidc(OidcConfig::new(&issuer, "cli"))?.with(CallOptions::new().timeout(Duration::from_secs(30)));
    let (sender, browsed) = tokio::sync::oneshot::channel();
    let login = oidc.login_here(|url| {
        let url = url.to_owned();
        tokio::spawn(async move { sender.send(Browser::new().read_through(&url).await) });
        Ok(())
    });
    // The browser's own failure tells more than that nobody came.
    let failed = async {
        match browsed.await {
            Ok(Err(error)) => error,
            _ => std::future::pending().await,
        }
    };
    let session = tokio::select! {
        session = login => session?,
        error = failed => return Err(error.into()),
    };
    equal("the user", session.subject(), "ann")
}

async fn user_who_says_no_is_no_session(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let login = users(&oidc).start_login(LoginRequest::default().parameter("login_hint", "refuses")).await?;
    let answer = Browser::new().log_in(&login.url, BACK).await?;
    let refused = users(&oidc).finish_login(login.state, query(&answer)).await;
    equal("the refusal", &code_of(&refused), &Some(OAuthErrorCode::AccessDenied))
}

async fn device_whose_user_says_no_is_not_logged_in(issuer: String) -> Outcome {
    let oidc = oidc(OidcConfig::new(&issuer, "cli"))?;
    let login = users(&oidc).start_device(DeviceRequest::new()).await?;
    Browser::new().look(&format!("{issuer}/test/refuse?user_code={}", login.user_code)).await?;
    let refused = users(&oidc).finish_device(login).await;
    equal("the refusal", &code_of(&refused), &Some(OAuthErrorCode::AccessDenied))
}

async fn device_logs_in(issuer: String) -> Outcome {
    let oidc = oidc(OidcConfig::new(&issuer, "cli").scopes(["openid", "offline_access"]))?;
    let login = users(&oidc).start_device(DeviceRequest::new()).await?;
    let approve = format!("{issuer}/test/approve?user_code={}", login.user_code);
    Browser::new().look(&approve).await?;
    let session = users(&oidc).finish_device(login).await?;
    equal("the user", &session.subject(), &"ann")?;
    equal("the user of the refreshed session", &users(&oidc).refresh(&session).await?.subject(), &"ann")
}

/// A token for the resource `orders-api`, which is a JWT.
async fn for_orders(oidc: &Oidc) -> Result<TokenSet, Error> {
    let grant = ClientCredentials::new(oidc.client().oauth().clone()).scopes(["orders:read"]).resource("urn:orders");
    grant.request(&cx()).await
}

async fn client_has_a_token_of_its_own(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let tokens = for_orders(&oidc).await?;
    let token = tokens.access_token.secret();
    let expect = || Expect::audience("orders-api").token_type("at+jwt");
    let claims = verifier(&oidc).verify(token, expect().scope("orders:read").authorized_party("app")).await?;
    equal("the client", &claims.subject(), &Some("app"))?;
    refused(verifier(&oidc).verify(token, expect().scope("orders:write")).await, TokenRefusal::Scope)?;
    refused(verifier(&oidc).verify(token, expect().authorized_party("another")).await, TokenRefusal::AuthorizedParty)?;
    let cached = oidc.client_credentials(["orders:read"]);
    let (one, other) = (cached.get(&cx()).await?, cached.get(&cx()).await?);
    equal("the version of a token that is kept", &one.version(), &other.version())
}

async fn wrong_secret_is_refused(issuer: String) -> Outcome {
    let oidc = oidc(OidcConfig::new(&issuer, "app").client_secret(SecretRef::literal("wrong-secret")).redirect_uri(BACK))?;
    let result = for_orders(&oidc).await;
    equal("the refusal", &code_of(&result), &Some(OAuthErrorCode::InvalidClient))?;
    that(!format!("{result:?}").contains("wrong-secret"), "the secret is not in the error")
}

async fn keys_rotate(issuer: String) -> Outcome {
    // Of a provider of its own: the tokens of other tests are signed with the keys that they have read.
    let (_, another) = Browser::new().look(&format!("{issuer}/test/another")).await?;
    let issuer = another.ok_or_else(|| Failed::Wrong("there is no other provider".to_owned()))?;
    let clock = Ahead::default();
    let oidc = Oidc::new(config(&issuer), build(&clock))?;
    logged_in(&oidc).await?;
    Browser::new().look(&format!("{issuer}/test/rotate")).await?;
    // The keys were read a moment ago.
    refused(logged_in(&oidc).await, TokenRefusal::UnknownKey)?;
    clock.by(31);
    equal("the user", &logged_in(&oidc).await?.subject(), &"ann")
}

async fn token_of_another_issuer_is_refused(issuer: String) -> Outcome {
    let tokens = for_orders(&oidc(config(&issuer))?).await?;
    // With the keys of the right one, so that nothing but the issuer is wrong.
    let other = format!("{issuer}/other");
    let endpoints = Endpoints::new(&other).jwks(format!("{issuer}/jwks"));
    let server = AuthorizationServer::builder(&other).endpoints(endpoints).build(&build(&Ahead::default()))?;
    let verifier = JwtVerifier::of_server(server, [Algorithm::RS256])?;
    let result = verifier.verify(&cx(), tokens.access_token.secret(), &Expect::audience("orders-api")).await;
    refused(result, TokenRefusal::Issuer)
}

async fn token_of_another_audience_is_refused(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let tokens = for_orders(&oidc).await?;
    refused(
        verifier(&oidc).verify(tokens.access_token.secret(), Expect::audience("invoices-api")).await,
        TokenRefusal::Audience,
    )?;
    let session = logged_in(&oidc).await?;
    let expect = ExpectIdToken { client_id: "cli", nonce: Nonce::NotSent, access_token: None };
    refused(oidc.client().verifier().verify_id_token(&cx(), id_token(&session)?, &expect).await, TokenRefusal::Audience)?;
    // An access token proves no login.
    let expect = ExpectIdToken { client_id: "orders-api", nonce: Nonce::NotSent, access_token: None };
    let result = oidc.client().verifier().verify_id_token(&cx(), tokens.access_token.secret(), &expect).await;
    refused(result, TokenRefusal::Type)
}

fn id_token(session: &Session) -> Result<&SecretString, Failed> {
    session.tokens().id_token.as_ref().ok_or_else(|| Failed::Wrong("no ID token".to_owned()))
}

async fn token_of_another_nonce_is_refused(issuer: String) -> Outcome {
    let oidc = oidc(config(&issuer))?;
    let session = logged_in(&oidc).await?;
    let nonce = SecretString::from("of another login");
    let expect = ExpectIdToken { client_id: "app", nonce: Nonce::Sent(&nonce), access_token: None };
    refused(oidc.client().verifier().verify_id_token(&cx(), id_token(&session)?, &expect).await, TokenRefusal::Nonce)
}

async fn token_of_another_algorithm_is_refused(issuer: String) -> Outcome {
    let tokens = for_orders(&oidc(config(&issuer))?).await?;
    let oidc = oidc(config(&issuer).algorithms([Algorithm::ES256, Algorithm::PS256]))?;
    refused(verifier(&oidc).verify(tokens.access_token.secret(), Expect::audience("orders-api")).await, TokenRefusal::Algorithm)
}

async fn expired_token_is_refused(issuer: String) -> Outcome {
    let clock = Ahead::default();
    let oidc = Oidc::new(config(&issuer), build(&clock))?;
    let tokens = for_orders(&oidc).await?;
    let expect = Expect::audience("orders-api");
    verifier(&oidc).verify(tokens.access_token.secret(), expect.clone()).await?;
    // Five minutes of life and one of leeway.
    clock.by(300 + 60 + 1);
    refused(verifier(&oidc).verify(tokens.access_token.secret(), expect.clone()).await, TokenRefusal::Expired)
}

async fn server_is_healthy(issuer: String) -> Outcome {
    use circle_core_common::Provider as _;
    let oidc = oidc(config(&issuer))?;
    equal("the state", &oidc.health(&cx()).await?.state, &circle_core_common::HealthState::Healthy)?;
    oidc.close(&cx()).await?;
    let closed = users(&oidc).start_login(LoginRequest::default()).await.err().map(|error| error.kind());
    equal("the kind after the end", &closed, &Some(circle_core_common::ErrorKind::Closed))
}
