//! What is signed.

use crate::error::{Error, ErrorKind, Result};

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Timestamp,
    Id,
    Body,
}

/// What is signed, in order; the body is in it once, at the end.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::ConfigInvalid, format!("`signed` is `{text}`: {what}")));
        let (mut pieces, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let Some(open) = rest.find('{') else {
                pieces.push(Piece::Text(rest.to_owned()));
                break;
            };
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            let Some(close) = rest[open..].find('}') else { return wrong("a `{` is not closed") };
            let piece = match &rest[open + 1..open + close] {
                "timestamp" => Piece::Timestamp,
                "id" => Piece::Id,
                "body" => Piece::Body,
                _ => return wrong("it knows `{timestamp}`, `{id}` and `{body}`"),
            };
            if pieces.contains(&piece) {
                return wrong("each of `{timestamp}`, `{id}` and `{body}` stands in it once");
            }
            pieces.push(piece);
            rest = &rest[open + close + 1..];
        }
        if pieces.windows(2).any(|pair| pair[0] == Piece::Id && !matches!(pair[1], Piece::Text(_))) {
            return wrong("text stands behind `{id}`, so that its end is known");
        }
        // What stands behind a body of any length could be moved into it.
        if pieces.last() != Some(&Piece::Body) {
            return wrong("`{body}` stands at its end");
        }
        Ok(Self { pieces })
    }

    pub(super) fn has(&self, piece: &Piece) -> bool {
        self.pieces.contains(piece)
    }

    /// Whether a value holds text that ends a piece, so that one could be read for another.
    pub(super) fn is_ambiguous(&self, value: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if value.contains(text.as_str())))
    }

    /// Gives the bytes that are signed, piece by piece.
    pub(super) fn write(&self, timestamp: &str, id: &str, body: &[u8], mut sink: impl FnMut(&[u8])) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => sink(text.as_bytes()),
                Piece::Timestamp => sink(timestamp.as_bytes()),
                Piece::Id => sink(id.as_bytes()),
                Piece::Body => sink(body),
            }
        }
    }
}
