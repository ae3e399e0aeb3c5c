//! What the server answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::interfaces::identity_provider::conformance::Decision;
use circle_core_testkit::{FaultServer, Received, Reply};
use serde_json::{Value, json};

use super::keys::{b64, sha256};
use super::{CLIENT, SCOPE, State, USER, lock};

type Form = HashMap<String, String>;

pub(super) fn serve(server: &FaultServer, state: &Arc<Mutex<State>>) {
    let route = |path: &str, answer: fn(&mut State, &Received) -> Reply| {
        let state = Arc::clone(state);
        server.at(path).always_with(move |request| answer(&mut lock(&state), request));
    };
    route("/.well-known/openid-configuration", |state, _| describe(&state.issuer));
    route("/jwks", |state, _| {
        state.key_reads += 1;
        Reply::json(state.keys.jwks().to_string())
    });
    route("/token", |state, request| authenticated(state, request, token));
    route("/device", |state, request| authenticated(state, request, device));
    route("/introspect", |state, request| authenticated(state, request, introspect));
    route("/revoke", |state, request| authenticated(state, request, revoke));
    route("/me", user_info);
}

fn describe(issuer: &str) -> Reply {
    let at = |path: &str| format!("{issuer}{path}");
    let description = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "device_authorization_endpoint": at("/device"),
        "introspection_endpoint": at("/introspect"),
        "revocation_endpoint": at("/revoke"),
        "userinfo_endpoint": at("/me"),
        "end_session_endpoint": at("/logout"),
        "jwks_uri": at("/jwks"),
        "authorization_response_iss_parameter_supported": true,
    });
    Reply::json(description.to_string())
}

fn refused(status: u16, code: &str) -> Reply {
    Reply::json(json!({ "error": code, "error_description": "as the test wants it" }).to_string()).with_status(status)
}

fn authenticated(state: &mut State, request: &Received, answer: fn(&mut State, &Form) -> Reply) -> Reply {
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", state.secret)));
    if request.header("authorization") != Some(&expected) {
        return refused(401, "invalid_client");
    }
    answer(state, &form_urlencoded::parse(&request.body).into_owned().collect())
}

fn of<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

fn token(state: &mut State, form: &Form) -> Reply {
    let session = match of(form, "grant_type") {
        "authorization_code" => code(state, form),
        "refresh_token" => refresh(state, form),
        "urn:ietf:params:oauth:grant-type:device_code" => decided(state, form),
        _ => Err("unsupported_grant_type"),
    };
    match session {
        Ok(session) => Reply::json(session.to_string()),
        Err(code) => refused(400, code),
    }
}

fn code(state: &mut State, form: &Form) -> Result<Value, &'static str> {
    // One that was tried is used up (RFC 6749, 4.1.2).
    let code = state.codes.remove(of(form, "code")).ok_or("invalid_grant")?;
    let fits = b64(sha256(of(form, "code_verifier"))) == code.challenge && of(form, "redirect_uri") == code.redirect_uri;
    if fits { Ok(state.session(Some(&code.nonce))) } else { Err("invalid_grant") }
}

fn refresh(state: &mut State, form: &Form) -> Result<Value, &'static str> {
    let place = state.refresh_tokens.iter().position(|token| token == of(form, "refresh_token")).ok_or("invalid_grant")?;
    state.refresh_tokens.remove(place);
    Ok(state.session(None))
}

fn decided(state: &mut State, form: &Form) -> Result<Value, &'static str> {
    match state.devices.get(of(form, "device_code")) {
        None => Err("invalid_grant"),
        Some((_, None)) => Err("authorization_pending"),
        Some((_, Some(Decision::Refuse))) => Err("access_denied"),
        Some((_, Some(Decision::Agree))) => {
            state.devices.remove(of(form, "device_code"));
            Ok(state.session(None))
        }
    }
}

fn device(state: &mut State, _: &Form) -> Reply {
    let (device_code, user_code) = (state.new_text("device"), state.new_text("user"));
    state.devices.insert(device_code.clone(), (user_code.clone(), None));
    let begun = json!({
        "device_code": device_code, "user_code": user_code, "verification_uri": format!("{}/activate", state.issuer),
        "expires_in": 600, "interval": 1,
    });
    Reply::json(begun.to_string())
}

fn introspect(state: &mut State, form: &Form) -> Reply {
    let active = state.access_tokens.iter().any(|token| token == of(form, "token"));
    // Of one that is not good, nothing else is told (RFC 7662, 2.2).
    let told = if active { json!({ "active": true, "scope": SCOPE, "sub": USER }) } else { json!({ "active": false }) };
    Reply::json(told.to_string())
}

fn revoke(state: &mut State, form: &Form) -> Reply {
    let token = of(form, "token");
    state.refresh_tokens.retain(|other| other != token);
    state.access_tokens.retain(|other| other != token);
    Reply::status(200)
}

fn user_info(state: &mut State, request: &Received) -> Reply {
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
    if !state.access_tokens.iter().any(|other| other == token) {
        return refused(401, "invalid_token");
    }
    let user = if std::mem::take(&mut state.tells_of_another) { "bob" } else { USER };
    Reply::json(json!({ "sub": user, "email": format!("{user}@example.org") }).to_string())
}
