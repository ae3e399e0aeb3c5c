//! What becomes of a call.

use std::time::Duration;

use crate::fault_server::Received;
use crate::{FaultServer, Reply};

/// One outcome of every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// 200, and nothing in it.
    Answered(Shape),
    /// This status, and all that was sent.
    Refused(u16, Shape),
    /// The request is taken, and no answer comes.
    Silent,
    /// A certificate that nobody knows.
    Untrusted,
    /// 200, and garbage with all that was sent in it.
    Garbage,
    /// Elsewhere, with all that was sent in the address.
    Redirected(u16),
    /// There is no such name.
    Nameless,
    /// The application's interceptor panics with all that it sees.
    Panics,
}

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Xml,
    Text,
}

impl Shape {
    const ALL: [Self; 3] = [Self::Json, Self::Xml, Self::Text];
}

impl End {
    pub(super) fn answered() -> Self {
        Self::Answered(Shape::Json)
    }

    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let mut all: Vec<_> = Shape::ALL.map(Self::Answered).into();
        for status in [400, 401, 403, 404, 429, 500] {
            all.extend(Shape::ALL.map(|shape| Self::Refused(status, shape)));
        }
        all.extend([301, 307].map(Self::Redirected));
        all.extend([Self::Silent, Self::Untrusted, Self::Garbage, Self::Nameless, Self::Panics]);
        all
    }

    pub(super) fn panics(self) -> bool {
        self == Self::Panics
    }

    /// How long an attempt waits.
    pub(super) fn patience(self) -> Duration {
        if self == Self::Silent { Duration::from_millis(50) } else { Duration::from_secs(10) }
    }

    /// Makes a server give it.
    pub(super) fn script(self, server: &FaultServer) {
        server.when(|_| true).always_with(move |request| match self {
            Self::Answered(Shape::Json) => Reply::json("{\"ok\":true}"),
            Self::Answered(Shape::Xml) => Reply::xml("<Result></Result>"),
            Self::Answered(Shape::Text) => Reply::ok("ok"),
            Self::Refused(status, shape) => said(shape, &everything(request)).with_status(status),
            Self::Redirected(status) => {
                let mut address = "https://elsewhere.test/?sent=".to_owned();
                circle_core_common::http::encode::query(&mut address, &everything(request));
                // What is longer would be too long for a header, and of no other kind.
                Reply::redirect(status, address.chars().take(4000).collect::<String>())
            }
            Self::Silent => Reply::silent(),
            Self::Garbage => Reply::ok(format!("\u{1}<[{}", everything(request))).header("content-type", "application/json"),
            Self::Untrusted | Self::Nameless | Self::Panics => Reply::status(204),
        });
    }
}

/// All that arrived, as text.
fn everything(request: &Received) -> String {
    String::from_utf8_lossy(&request.raw).into_owned()
}

/// What a service says about a failure, in the shapes that most services use.
fn said(shape: Shape, text: &str) -> Reply {
    match shape {
        Shape::Json => {
            let error = serde_json::json!({ "code": "refused", "type": "refused", "message": text, "error_description": text });
            Reply::json(serde_json::json!({ "ok": false, "error": error, "message": text }).to_string())
        }
        Shape::Xml => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            Reply::xml(format!("<?xml version=\"1.0\"?><Error><Code>Refused</Code><Message>{text}</Message></Error>"))
        }
        Shape::Text => Reply::ok(text.to_owned()),
    }
}
