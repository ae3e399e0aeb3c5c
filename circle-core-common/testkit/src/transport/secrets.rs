//! What must not get into a file that is committed.

use circle_core_common::suite::Canary;

/// Secrets that are known, and what looks like one.
#[derive(Default)]
pub(super) struct Secrets {
    known: Vec<Canary>,
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        self.known.push(Canary::of(secret));
    }

    /// What kind of secret a text shows.
    pub(super) fn in_text(&self, text: &str) -> Option<&'static str> {
        if self.known.iter().any(|secret| secret.is_in(text)) {
            return Some("a registered secret");
        }
        SHAPES.iter().find(|shape| shape.is_in(text)).map(|shape| shape.what)
    }
}

/// A secret by its form: a mark, and so many characters of its kind behind it.
struct Shape {
    what: &'static str,
    mark: &'static str,
    least: usize,
    of: fn(char) -> bool,
}

const fn shape(what: &'static str, mark: &'static str, least: usize, of: fn(char) -> bool) -> Shape {
    Shape { what, mark, least, of }
}

fn capitals(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit()
}

fn token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.".contains(character)
}

fn credential(character: char) -> bool {
    token(character) || "~+/=%".contains(character)
}

const SHAPES: &[Shape] = &[
    shape("an AWS access key id", "AKIA", 16, capitals),
    shape("a temporary AWS access key id", "ASIA", 16, capitals),
    shape("an API key", "sk-", 16, token),
    shape("an API key", "sk_live_", 16, token),
    shape("a Google API key", "AIza", 35, token),
    shape("a GitHub token", "ghp_", 30, token),
    shape("a GitHub token", "ghs_", 30, token),
    shape("a GitHub token", "github_pat_", 30, token),
    shape("a GitLab token", "glpat-", 20, token),
    shape("a Slack token", "xoxb-", 10, token),
    shape("a Slack token", "xoxp-", 10, token),
    shape("a bearer token", "bearer ", 8, credential),
    shape("basic credentials", "basic ", 8, credential),
    // The second part of one, which is JSON as the first is; a page token can be one part of that kind.
    shape("a JSON Web Token", ".eyJ", 8, token),
    shape("a signature", "x-amz-signature=", 16, credential),
    shape("a session token", "x-amz-security-token=", 16, credential),
    shape("a private key", "PRIVATE KEY-----", 0, token),
];

impl Shape {
    fn is_in(&self, text: &str) -> bool {
        // Words are written in any case; the marks of tokens are not.
        let caseless = self.mark.ends_with([' ', '=']);
        let lower;
        let haystack = if caseless {
            lower = text.to_ascii_lowercase();
            &lower
        } else {
            text
        };
        haystack.match_indices(self.mark).any(|(at, mark)| {
            let begins = !mark.starts_with(|first: char| first.is_ascii_alphanumeric())
                || !haystack[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
            (begins || caseless) && haystack[at + mark.len()..].chars().take_while(|next| (self.of)(*next)).count() >= self.least
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_form() {
        let secrets = Secrets::default();
        // In two halves, so that no scanner takes this file for what it looks for.
        for (mark, rest, what) in [
            ("AK", "IAIOSFODNN7EXAMPLE", "an AWS access key id"),
            ("s", "k-proj-abcdefghijklmnop", "an API key"),
            ("authorization: Bea", "rer abcdefgh", "a bearer token"),
            ("BAS", "IC dXNlcjpwYXNz", "basic credentials"),
            ("{\"t\":\"ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\"}", "a JSON Web Token"),
            ("-----BEGIN RSA PRIV", "ATE KEY-----\nMII", "a private key"),
            ("https://h/p?X-Amz-Sig", "nature=0123456789abcdef01", "a signature"),
            ("gh", "p_0123456789abcdefghijklmnopqrstuvwxyz", "a GitHub token"),
        ] {
            assert_eq!(secrets.in_text(&format!("{mark}{rest}")), Some(what), "{mark}");
        }
        for text in [
            "",
            "task-management-of-many-things",
            "sk-short",
            "bearer",
            "a basic idea",
            "-----BEGIN PUBLIC KEY-----",
            "héé sk-",
            "eyJwYWdlIjoyfQ",
        ] {
            assert_eq!(secrets.in_text(text), None, "{text}");
        }
    }

    #[test]
    fn known_secrets_are_found_in_any_encoding() {
        let mut secrets = Secrets::default();
        secrets.add("pass/word+1");
        for text in ["x=pass/word+1", "pass%2Fword%2B1", "706173732f776f72642b31", "cGFzcy93b3JkKzE="] {
            assert_eq!(secrets.in_text(text), Some("a registered secret"), "{text}");
        }
        assert_eq!(secrets.in_text("pass/word+2"), None);
    }
}
