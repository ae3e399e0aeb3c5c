//! What Slack answers when it refuses, mostly with a 200, and what that means: one table.

use circle_core_common::http::{Answer, Classify, Rule, Said};
use circle_core_common::resilience::Idempotency;
use circle_core_common::{Error, ErrorKind, Reason, Sent};
use serde::Deserialize;
use serde_json::Value;

/// What Slack said; [`Error::provider_error`] finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
#[non_exhaustive]
pub struct SlackError {
    /// The status of the answer; 200 for most refusals.
    pub status: u16,
    /// Slack's code, such as `channel_not_found`.
    pub code: String,
    /// The scope that is missing, of `missing_scope`.
    pub needed: Option<String>,
    /// The scopes that the token has, of `missing_scope`.
    pub provided: Option<String>,
    /// What Slack says beyond the code: its messages, joined.
    pub message: Option<String>,
    /// The id of the request, for Slack's support.
    pub request_id: Option<String>,
}

const fn rule(kind: ErrorKind) -> Rule {
    Rule::new(kind)
}

/// A request beyond a limit is refused before anything is done: <https://docs.slack.dev/apis/web-api/rate-limits>.
const LIMITED: Rule = rule(ErrorKind::RateLimited).unprocessed();

/// <https://docs.slack.dev/reference/methods>, the errors of each method; those that end in `_not_found` follow the rule below.
const MEANINGS: &[(&str, Rule)] = &[
    ("invalid_auth", rule(ErrorKind::Unauthenticated)),
    ("not_authed", rule(ErrorKind::Unauthenticated)),
    ("account_inactive", rule(ErrorKind::Unauthenticated)),
    ("token_revoked", rule(ErrorKind::Unauthenticated)),
    ("token_expired", rule(ErrorKind::Unauthenticated)),
    ("two_factor_setup_required", rule(ErrorKind::Unauthenticated)),
    ("access_denied", rule(ErrorKind::PermissionDenied)),
    ("accesslimited", rule(ErrorKind::PermissionDenied)),
    ("action_prohibited", rule(ErrorKind::PermissionDenied)),
    ("app_access_restricted", rule(ErrorKind::PermissionDenied)),
    ("cannot_dm_bot", rule(ErrorKind::PermissionDenied)),
    ("cannot_reply_to_message", rule(ErrorKind::PermissionDenied)),
    ("cant_broadcast_message", rule(ErrorKind::PermissionDenied)),
    ("cant_delete_message", rule(ErrorKind::PermissionDenied)),
    ("cant_update_message", rule(ErrorKind::PermissionDenied)),
    ("channel_is_archived", rule(ErrorKind::PermissionDenied)),
    ("channel_is_limited_access", rule(ErrorKind::PermissionDenied)),
    ("compliance_exports_prevent_deletion", rule(ErrorKind::PermissionDenied)),
    ("edit_window_closed", rule(ErrorKind::PermissionDenied)),
    ("ekm_access_denied", rule(ErrorKind::PermissionDenied)),
    ("enterprise_is_restricted", rule(ErrorKind::PermissionDenied)),
    ("file_uploads_disabled", rule(ErrorKind::PermissionDenied)),
    ("file_uploads_except_images_disabled", rule(ErrorKind::PermissionDenied)),
    ("is_archived", rule(ErrorKind::PermissionDenied)),
    ("is_inactive", rule(ErrorKind::PermissionDenied)),
    ("messages_tab_disabled", rule(ErrorKind::PermissionDenied)),
    ("metadata_must_be_sent_from_app", rule(ErrorKind::PermissionDenied)),
    ("missing_scope", rule(ErrorKind::PermissionDenied)),
    ("no_access", rule(ErrorKind::PermissionDenied)),
    ("no_permission", rule(ErrorKind::PermissionDenied)),
    ("not_allowed_token_type", rule(ErrorKind::PermissionDenied)),
    ("not_in_channel", rule(ErrorKind::PermissionDenied)),
    ("not_reactable", rule(ErrorKind::PermissionDenied)),
    ("org_login_required", rule(ErrorKind::PermissionDenied)),
    ("posting_to_channel_denied", rule(ErrorKind::PermissionDenied)),
    ("posting_to_general_channel_denied", rule(ErrorKind::PermissionDenied)),
    ("send_on_behalf_not_allowed", rule(ErrorKind::PermissionDenied)),
    ("thread_locked", rule(ErrorKind::PermissionDenied)),
    ("user_disabled", rule(ErrorKind::PermissionDenied)),
    ("user_not_visible", rule(ErrorKind::PermissionDenied)),
    ("file_deleted", rule(ErrorKind::NotFound)),
    ("file_is_deleted", rule(ErrorKind::NotFound)),
    ("ratelimited", LIMITED),
    ("rate_limited", LIMITED),
    // The workspace's plan, not the moment: waiting does not help.
    ("message_limit_exceeded", rule(ErrorKind::QuotaExceeded)),
    ("storage_limit_reached", rule(ErrorKind::QuotaExceeded)),
    ("file_share_limit_reached", rule(ErrorKind::QuotaExceeded)),
    ("max_file_sharing_exceeded", rule(ErrorKind::QuotaExceeded)),
    ("internal_error", rule(ErrorKind::Internal).retryable(true)),
    ("fatal_error", rule(ErrorKind::Internal).retryable(true)),
    ("rollup_error", rule(ErrorKind::Internal).retryable(true)),
    ("update_failed", rule(ErrorKind::Internal).retryable(true)),
    ("service_unavailable", rule(ErrorKind::Unavailable)),
    ("external_channel_migrating", rule(ErrorKind::Unavailable)),
    ("team_added_to_org", rule(ErrorKind::Unavailable)),
    // What was sent arrived cut.
    ("request_timeout", rule(ErrorKind::Connection).reason(Reason::Truncated)),
    ("deprecated_endpoint", rule(ErrorKind::Unsupported)),
    ("method_deprecated", rule(ErrorKind::Unsupported)),
    ("method_not_supported_for_channel_type", rule(ErrorKind::Unsupported)),
    ("unknown_method", rule(ErrorKind::Unsupported)),
    ("invalid_cursor", rule(ErrorKind::InvalidInput).reason(Reason::ForeignCursor)),
    ("invalid_name", rule(ErrorKind::InvalidInput).reason(Reason::NameInvalid)),
    ("alt_txt_too_large", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("attachment_payload_limit_exceeded", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("file_upload_size_restricted", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("metadata_too_large", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("msg_blocks_too_long", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("msg_too_long", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("too_many_attachments", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("too_many_emoji", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    ("too_many_reactions", rule(ErrorKind::InvalidInput).reason(Reason::OutsideLimit)),
    // Incoming webhooks that are no more: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    ("invalid_token", rule(ErrorKind::Closed)),
    ("no_active_hooks", rule(ErrorKind::Closed)),
    ("no_service", rule(ErrorKind::Closed)),
    ("no_service_id", rule(ErrorKind::Closed)),
    ("no_team", rule(ErrorKind::Closed)),
    ("team_disabled", rule(ErrorKind::Closed)),
];

/// What a code means. A code that nobody knows is a refusal of the request: repeating it does not help.
fn meaning(code: &str) -> Rule {
    let known = MEANINGS.iter().find(|(known, _)| *known == code).map(|(_, rule)| *rule);
    known.unwrap_or_else(|| match code {
        _ if code.ends_with("_not_found") => rule(ErrorKind::NotFound),
        _ if code.starts_with("restricted_action") || code.starts_with("slack_connect_") => rule(ErrorKind::PermissionDenied),
        _ => rule(ErrorKind::InvalidInput),
    })
}

/// What a code means and what mends it, of those that whoever sets an app up meets.
fn told(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            "the token is wrong, or the app was removed: install the app again, and take its new token"
        }
        "not_in_channel" => "the app is not in the channel: invite it there",
        "channel_not_found" => "there is no such channel, or it is private and the app is not in it",
        "missing_scope" => "the app lacks a scope: add it, and install the app again",
        "channel_is_archived" | "is_archived" => "the channel is archived",
        _ => return None,
    })
}

/// The code of Slack's answer.
pub(crate) fn code(error: &Error) -> Option<&str> {
    error.provider_error::<SlackError>().map(|said| said.code.as_str())
}

/// How every method of the Web API answers.
#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    // Whatever else it says, and in whichever shape: a refusal is one.
    #[serde(default)]
    error: Value,
    #[serde(default)]
    needed: Value,
    #[serde(default)]
    provided: Value,
    #[serde(default)]
    response_metadata: Value,
}

impl Envelope {
    fn refusal(body: &[u8]) -> Option<Self> {
        // An answer of the upload host, a page of a proxy in between, or what is read as a success and says what is wrong with it.
        serde_json::from_slice::<Self>(body).ok().filter(|envelope| !envelope.ok)
    }

    fn into_said(self) -> SlackError {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (needed, provided) = (text(&self.needed), text(&self.provided));
        let messages = self.response_metadata.get("messages").and_then(Value::as_array);
        let messages: Vec<&str> = messages.into_iter().flatten().filter_map(Value::as_str).collect();
        let scope = || {
            let provided = provided.as_deref().unwrap_or_default();
            needed.as_ref().map(|needed| format!("needs the scope `{needed}`, and has `{provided}`"))
        };
        let message = if messages.is_empty() { scope() } else { Some(messages.join("; ")) };
        let code = text(&self.error).unwrap_or_else(|| "unknown_error".to_owned());
        SlackError { code, message, needed, provided, ..SlackError::default() }
    }
}

/// Whether a failed write may have had its effect all the same.
fn is_in_doubt(answer: &Answer<'_>, code: Option<&str>) -> bool {
    // "It's possible some aspect of the operation succeeded before the error was raised."
    let said = matches!(code, Some("fatal_error" | "internal_error" | "rollup_error"));
    let cut = code.is_none() && matches!(answer.status.as_u16(), 500 | 502 | 504);
    (said || cut) && answer.operation.idempotency() == Idempotency::NonIdempotent
}

fn error(answer: &Answer<'_>, said: Option<SlackError>) -> Error {
    let Some(mut said) = said else {
        let is_limit = answer.status.as_u16() == 429;
        let error = answer.error(if is_limit { LIMITED } else { Rule::of_status(answer.status) }, Said::new());
        return if is_in_doubt(answer, None) { error.with_sent(Sent::Maybe) } else { error };
    };
    let mut words = Said::new().code(&said.code);
    words.message.clone_from(&said.message);
    words.meaning = told(&said.code);
    let rule = meaning(&said.code);
    let mut error = answer.error(rule, words);
    if is_in_doubt(answer, Some(&said.code)) {
        error = error.with_sent(Sent::Maybe);
    }
    // The words of the error have gone through what keeps the token out of them; so must what is kept beside them.
    said.status = answer.status.as_u16();
    if let Some(detail) = error.detail() {
        said.code = detail.code.clone().unwrap_or_default();
        said.message.clone_from(&detail.message);
        said.request_id.clone_from(&detail.request_id);
    }
    said.needed = said.needed.filter(|scopes| is_scopes(scopes));
    said.provided = said.provided.filter(|scopes| is_scopes(scopes));
    error.with_source(said)
}

/// Nothing but names of scopes, such as `chat:write,channels:read`.
fn is_scopes(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b':' | b'.' | b',' | b'_' | b' '))
}

/// Reads the answers of the Web API, also those that say 200 and mean an error, and those of the upload host.
pub(crate) struct WebApi;

impl Classify for WebApi {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        let refusal = Envelope::refusal(answer.body);
        if answer.status.is_success() && refusal.is_none() {
            return None;
        }
        Some(error(answer, refusal.map(Envelope::into_said)))
    }
}

/// Reads the answers of incoming webhooks: `ok`, or a code, as plain text.
pub(crate) struct Webhooks;

impl Classify for Webhooks {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        if answer.status.is_success() {
            return None;
        }
        let text = std::str::from_utf8(answer.body).unwrap_or_default().trim();
        let is_code = !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let said = is_code.then(|| SlackError { code: text.to_owned(), ..SlackError::default() });
        // A limit is told by the status; its text may be anything.
        Some(error(answer, said.filter(|_| answer.status.as_u16() != 429)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use circle_core_common::resilience::RemoteOperation;
    use http::{HeaderMap, StatusCode};

    static READ: RemoteOperation = RemoteOperation::new("slack.read", Idempotency::Safe, "/read");
    static POST: RemoteOperation = RemoteOperation::new("slack.post", Idempotency::NonIdempotent, "/post");

    fn judge(classify: &dyn Classify, operation: &'static RemoteOperation, status: u16, body: &str) -> Option<Error> {
        classify.classify(&Answer::new(operation, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes()))
    }

    fn refused(code: &str) -> Error {
        judge(&WebApi, &READ, 200, &format!(r#"{{"ok":false,"error":"{code}"}}"#)).unwrap()
    }

    #[test]
    fn codes_inside_a_success_mean_what_the_table_says() {
        use ErrorKind::*;
        for (code, kind, retryable) in [
            ("invalid_auth", Unauthenticated, false),
            ("token_expired", Unauthenticated, false),
            ("missing_scope", PermissionDenied, false),
            ("not_in_channel", PermissionDenied, false),
            ("restricted_action_read_only_channel", PermissionDenied, false),
            ("channel_not_found", NotFound, false),
            ("users_not_found", NotFound, false),
            ("ratelimited", RateLimited, true),
            ("fatal_error", Internal, true),
            ("service_unavailable", Unavailable, true),
            ("request_timeout", Connection, true),
            ("invalid_arguments", InvalidInput, false),
            ("what_nobody_knows", InvalidInput, false),
            ("msg_too_long", InvalidInput, false),
            ("unknown_method", Unsupported, false),
        ] {
            let error = refused(code);
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{code}");
            assert_eq!(super::code(&error), Some(code));
        }
        assert_eq!(refused("msg_too_long").reason(), Some(Reason::OutsideLimit));
    }

    #[test]
    fn every_code_is_in_the_table_once() {
        let mut codes: Vec<&str> = MEANINGS.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), MEANINGS.len());
    }

    #[test]
    fn a_missing_scope_is_named() {
        let body = r#"{"ok":false,"error":"missing_scope","needed":"channels:read","provided":"chat:write"}"#;
        let error = judge(&WebApi, &READ, 200, body).unwrap();
        let said = error.provider_error::<SlackError>().unwrap();
        assert_eq!((said.needed.as_deref(), said.provided.as_deref()), (Some("channels:read"), Some("chat:write")));
        assert!(error.message().contains("needs the scope `channels:read`"), "{error}");
    }

    #[test]
    fn a_code_alone_is_told_with_what_mends_it() {
        let error = refused("not_in_channel");
        assert_eq!(
            error.to_string(),
            "permission denied: slack.read: the app is not in the channel: invite it there (200 not_in_channel)"
        );
        assert_eq!(error.provider_error::<SlackError>().unwrap().message, None, "Slack did not say that");
    }

    #[test]
    fn arguments_that_are_wrong_are_named() {
        let body =
            r#"{"ok":false,"error":"invalid_arguments","response_metadata":{"messages":["[ERROR] missing required field: ts"]}}"#;
        assert!(judge(&WebApi, &READ, 200, body).unwrap().message().contains("missing required field: ts"));
    }

    #[test]
    fn a_refusal_is_one_in_every_shape() {
        for body in [
            r#"{"ok":false}"#,
            r#"{"ok":false,"error":{"code":1}}"#,
            r#"{"ok":false,"error":"x","response_metadata":{"messages":[{"a":1}]}}"#,
            r#"{"ok":false,"error":null,"needed":["a"],"response_metadata":7}"#,
        ] {
            assert!(judge(&WebApi, &READ, 200, body).unwrap().is(ErrorKind::InvalidInput), "{body}");
        }
    }

    #[test]
    fn a_success_is_one_whatever_else_it_says() {
        for body in [r#"{"ok":true,"warning":"missing_charset"}"#, "OK - 11", "", "<html>"] {
            assert!(judge(&WebApi, &READ, 200, body).is_none(), "{body}");
        }
    }

    #[test]
    fn a_post_that_failed_midway_may_be_there() {
        for (status, body, sent) in [
            (200, r#"{"ok":false,"error":"fatal_error"}"#, Sent::Maybe),
            (200, r#"{"ok":false,"error":"internal_error"}"#, Sent::Maybe),
            (500, "", Sent::Maybe),
            (502, "<html>", Sent::Maybe),
            (503, "", Sent::Yes),
            (429, r#"{"ok":false,"error":"ratelimited"}"#, Sent::Yes),
            (200, r#"{"ok":false,"error":"channel_not_found"}"#, Sent::Yes),
        ] {
            assert_eq!(judge(&WebApi, &POST, status, body).unwrap().sent(), sent, "{status} {body}");
            assert_eq!(judge(&WebApi, &READ, status, body).unwrap().sent(), Sent::Yes, "{status} {body}");
        }
    }

    #[test]
    fn webhooks_speak_plain_text() {
        for (status, body, kind) in [
            (400, "invalid_payload", ErrorKind::InvalidInput),
            (403, "action_prohibited", ErrorKind::PermissionDenied),
            (404, "channel_not_found", ErrorKind::NotFound),
            (404, "no_service", ErrorKind::Closed),
            (410, "channel_is_archived", ErrorKind::PermissionDenied),
            (429, "rate_limited", ErrorKind::RateLimited),
            (500, "rollup_error", ErrorKind::Internal),
            (503, "<html>", ErrorKind::Unavailable),
        ] {
            assert_eq!(judge(&Webhooks, &POST, status, body).unwrap().kind(), kind, "{status} {body}");
        }
        assert!(judge(&Webhooks, &POST, 200, "ok").is_none());
    }
}
