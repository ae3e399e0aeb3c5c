//! Where what is signed with goes: headers and parameters of the query.

use crate::error::{Error, ErrorKind, Result};

/// A piece of what is put somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    KeyId,
    Timestamp,
    Nonce,
    Signature,
}

/// What is put somewhere: text with `{key_id}`, `{timestamp}`, `{nonce}` and `{signature}` in it.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Piece>);

/// What pieces stand for.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) key_id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) nonce: &'a str,
    pub(super) signature: &'a str,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            let text = format!("`{text}` has a place for something other than `key_id`, `timestamp`, `nonce` and `signature`");
            Error::new(ErrorKind::ConfigInvalid, text)
        };
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (name, behind) = behind.split_once('}').ok_or_else(wrong)?;
            pieces.push(match name {
                "key_id" => Piece::KeyId,
                "timestamp" => Piece::Timestamp,
                "nonce" => Piece::Nonce,
                "signature" => Piece::Signature,
                _ => return Err(wrong()),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub(super) fn has(&self, piece: &Piece) -> bool {
        self.0.contains(piece)
    }

    pub(super) fn fill(&self, values: Values<'_>) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::KeyId => values.key_id.to_owned(),
            Piece::Timestamp => values.timestamp.to_owned(),
            Piece::Nonce => values.nonce.to_owned(),
            Piece::Signature => values.signature.to_owned(),
        };
        self.0.iter().map(text).collect()
    }
}
