//! What a request of Slack's tells, by its body: what the headers say of it is not signed.

use serde_json::{Map, Value};

use crate::events::SlackEvent;

/// What a signed body tells.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) event: SlackEvent,
    pub(super) accepts_answer: bool,
}

impl Content {
    /// `None` for what Slack is not known to send; `id` stands in for the id of an event that has none.
    pub(super) fn read(body: &[u8], id: &str) -> Option<Self> {
        if is_json(body) { Self::of_json(body, id) } else { Self::of_form(body) }
    }

    fn of_json(body: &[u8], id: &str) -> Option<Self> {
        let payload: Value = serde_json::from_slice(body).ok()?;
        let kind = payload.get("type")?.as_str()?;
        let event = match kind {
            "event_callback" => SlackEvent::of_callback(payload, id),
            // `app_rate_limited`: https://docs.slack.dev/reference/events/app_rate_limited
            kind => SlackEvent::Other { kind: kind.to_owned(), payload },
        };
        Some(Self { event, accepts_answer: false })
    }

    fn of_form(body: &[u8]) -> Option<Self> {
        let mut fields: Map<String, Value> =
            form_urlencoded::parse(body).map(|(name, value)| (name.into(), (*value).into())).collect();
        if let Some(payload) = fields.remove("payload") {
            let payload: Value = serde_json::from_str(payload.as_str()?).ok()?;
            let accepts_answer = payload.as_object()?.get("type").and_then(Value::as_str).is_some_and(accepts_answer);
            return Some(Self { event: SlackEvent::Interactive(payload), accepts_answer });
        }
        fields.contains_key("command").then(|| Self { event: SlackEvent::Command(fields.into()), accepts_answer: true })
    }
}

/// The interactions whose acknowledgement can say something: errors and next steps of a form, the choices of a menu, and a message in
/// place of one of the old kind. <https://docs.slack.dev/reference/interaction-payloads>
fn accepts_answer(kind: &str) -> bool {
    matches!(kind, "view_submission" | "block_suggestion" | "interactive_message" | "dialog_submission" | "dialog_suggestion")
}

fn is_json(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Whether a form is by what Slack looks at a certificate: <https://docs.slack.dev/interactivity/implementing-slash-commands>.
pub(super) fn checks_certificate(form: &[u8]) -> bool {
    // An event with a link in it could be taken for one, and be lost.
    !is_json(form) && form_urlencoded::parse(form).any(|(name, value)| name == "ssl_check" && value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(body: &str) -> Option<(SlackEvent, bool)> {
        Content::read(body.as_bytes(), "stand-in").map(|content| (content.event, content.accepts_answer))
    }

    #[test]
    fn bodies_are_what_they_tell() {
        let event = json!({"type": "message", "text": "Hi"});
        for (has, id) in [(Some("Ev1"), "Ev1"), (None, "stand-in")] {
            let callback = json!({"type": "event_callback", "team_id": "T1", "event_id": has, "event": event});
            let expected = SlackEvent::Event { id: id.to_owned(), team: Some("T1".to_owned()), event: event.clone() };
            assert_eq!(read(&format!("\n {callback}")), Some((expected, false)));
        }
        let limited = json!({"type": "app_rate_limited", "minute_rate_limited": 1_518_467_820});
        let expected = SlackEvent::Other { kind: "app_rate_limited".to_owned(), payload: limited.clone() };
        assert_eq!(read(&limited.to_string()), Some((expected, false)));
        let command = json!({"command": "/ask", "text": "why & how + ü", "user_id": "U1"});
        assert_eq!(read("command=%2Fask&text=why+%26+how+%2B+%C3%BC&user_id=U1"), Some((SlackEvent::Command(command), true)));
        for (kind, answers) in [("view_submission", true), ("block_suggestion", true), ("block_actions", false), ("new", false)] {
            let payload = json!({"type": kind, "user": {"id": "U1"}});
            let form: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
            assert_eq!(read(&form), Some((SlackEvent::Interactive(payload), answers)), "{kind}");
        }
    }

    #[test]
    fn what_slack_does_not_send_is_nothing() {
        for body in [
            "",
            "{",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"event_callback""#,
            "[]",
            "text=hi",
            "payload",
            "payload=",
            "payload=1",
            "payload=%5B%5D",
            "payload={",
            "\u{0}",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
        let deep = format!(r#"{{"type":"event_callback","event":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(read(&deep), None);
    }

    #[test]
    fn a_look_at_the_certificate_is_one_by_its_field() {
        assert!(checks_certificate(b"ssl_check=1") && checks_certificate(b"token=x&ssl_check=1"));
        for form in [
            "",
            "ssl_check=0",
            "ssl_check",
            "text=ssl_check%3D1",
            r#"{"ssl_check":"1"}"#,
            r#"{"url":"https://a.example/?a&ssl_check=1&b"}"#,
        ] {
            assert!(!checks_certificate(form.as_bytes()), "{form}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Content::read(&body, "id");
            let _ = checks_certificate(&body);
        }

        /// What is nearly right goes further than what is not.
        #[test]
        fn anything_in_its_place_is_read(
            start in prop::sample::select(vec!["{\"type\":\"event_callback\",", "{\"type\":", "payload=", "payload=%7B", "command=%2Fa&", "command"]),
            rest in prop_oneof![".{0,80}", "(\"event(_id)?\":[0-9\\[\\]{}\",a-z]{0,20},?){0,4}\\}?", "(%[0-9A-F]{2}|[&=+a-z]){0,40}"],
        ) {
            if let Some(content) = Content::read(format!("{start}{rest}").as_bytes(), "id") {
                let is_json = start.starts_with('{');
                let is_of_json = matches!(content.event, SlackEvent::Event { .. } | SlackEvent::Other { .. });
                prop_assert_eq!(is_json, is_of_json);
            }
        }

        #[test]
        fn a_command_is_as_it_was_typed(text in any::<String>(), user in any::<String>()) {
            let form: String = form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("command", "/ask"), ("text", &text), ("user_name", &user)])
                .finish();
            let (event, accepts_answer) = read(&form).unwrap();
            prop_assert!(accepts_answer);
            prop_assert_eq!(event, SlackEvent::Command(json!({"command": "/ask", "text": text, "user_name": user})));
        }
    }
}
