//! The forms that are sent to an authorisation server.

use circle_core_common::http::{Request, Secrets, Target, encode};
use circle_core_common::{ByteSize, Result};
use secrecy::{ExposeSecret, SecretString};

/// The largest answer that is read: token answers with large ID tokens have some tens of KiB.
const ANSWER_MAX: ByteSize = ByteSize::kib(256);

/// Fields in their order, and which of them are secrets.
#[derive(Default)]
pub(crate) struct Form {
    fields: Vec<(String, Field)>,
    /// Sent elsewhere than in the form.
    hidden: Secrets,
}

enum Field {
    Plain(String),
    Secret(SecretString),
}

impl Form {
    /// A form of this grant.
    pub(crate) fn grant(grant_type: &str) -> Self {
        Self::default().plain("grant_type", grant_type)
    }

    pub(crate) fn plain(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), Field::Plain(value.into())));
        self
    }

    pub(crate) fn plain_opt(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    pub(crate) fn secret(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.fields.push((name.into(), Field::Secret(value)));
        self
    }

    /// Takes a secret that is sent in a header out of what the answer repeats, too.
    pub(crate) fn hiding(mut self, secret: SecretString) -> Self {
        let mut spelt = String::new();
        encode::form(&mut spelt, secret.expose_secret());
        self.hidden = self.hidden.and_bare(spelt.into()).and_bare(secret);
        self
    }

    /// The scopes, where there are any.
    pub(crate) fn scopes(self, scopes: &[String]) -> Self {
        if scopes.is_empty() { self } else { self.plain("scope", scopes.join(" ")) }
    }

    pub(crate) fn all(self, fields: &[(String, String)]) -> Self {
        fields.iter().fold(self, |form, (name, value)| form.plain(name, value))
    }

    /// The request. Its secrets are taken out of whatever the answer repeats.
    pub(crate) fn post(self, target: Target) -> Result<Request> {
        let (mut body, mut secrets) = (String::new(), self.hidden);
        for (name, field) in self.fields {
            if !body.is_empty() {
                body.push('&');
            }
            encode::form(&mut body, &name);
            body.push('=');
            match field {
                Field::Plain(value) => encode::form(&mut body, &value),
                Field::Secret(value) => {
                    let start = body.len();
                    encode::form(&mut body, value.expose_secret());
                    // As a form spells it, too: with a plus for each blank.
                    secrets = secrets.and_bare(body[start..].into()).and_bare(value);
                }
            }
        }
        let request = Request::post(target).header("content-type", "application/x-www-form-urlencoded")?;
        Ok(request.header("accept", "application/json")?.extension(secrets).body_limit(ANSWER_MAX).body(body))
    }
}
